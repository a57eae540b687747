"""The list of experiments: its order, pages and filters."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.contract.wire import ARCHIVED, Aqueduct, Json, instant


def uuids(page: Json) -> list[str]:
    return [one["uuid"] for one in page["experimentsData"]]


def between(earlier: Json, later: Json) -> str:
    """Tell a moment at which the one experiment was there already and the other not yet."""
    first, second = (instant(one["createdAt"]) for one in (earlier, later))
    middle: datetime = first + (second - first) / 2
    return middle.isoformat()


@pytest.fixture
def three(aqueduct: Aqueduct) -> list[Json]:
    return [aqueduct.create(f"{aqueduct.mark} Run {number}") for number in range(3)]


def test_newest_first(aqueduct: Aqueduct, three: list[Json]) -> None:
    listed = uuids(aqueduct.experiments({"title": aqueduct.mark}))
    assert listed == [one["uuid"] for one in reversed(three)]


def test_same_data_as_the_single_experiment(aqueduct: Aqueduct, experiment: Json) -> None:
    assert aqueduct.experiments({"title": aqueduct.mark})["experimentsData"] == [experiment]


def test_without_filters(aqueduct: Aqueduct, experiment: Json) -> None:
    page = aqueduct.experiments()
    # another user of the server may make many in the same moment, but not 500
    assert experiment["uuid"] in uuids(page)
    assert page["totalExperimentsCount"] >= len(page["experimentsData"])


@pytest.mark.usefixtures("three")
def test_pages(aqueduct: Aqueduct) -> None:
    whole = uuids(aqueduct.experiments({"title": aqueduct.mark}))
    pages = [aqueduct.experiments({"title": aqueduct.mark}, offset=n, limit=2) for n in (0, 2, 4)]
    assert [uuids(page) for page in pages] == [whole[:2], whole[2:], []]
    assert [page["totalExperimentsCount"] for page in pages] == [3, 3, 3]
    empty = aqueduct.experiments({"title": aqueduct.mark}, limit=0)
    assert (uuids(empty), empty["totalExperimentsCount"]) == ([], 3)


@pytest.mark.parametrize(
    ("offset", "limit"), [(-1, 1), (-2, 1), (-3, 3), (-3, 2), (0, -1), (1, -1), (-2, -1), (-9, 7)]
)
def test_negative_numbers_count_from_the_end(
    aqueduct: Aqueduct, three: list[Json], offset: int, limit: int
) -> None:
    whole = [one["uuid"] for one in reversed(three)]
    page = aqueduct.experiments({"title": aqueduct.mark}, offset=offset, limit=limit)
    assert uuids(page) == whole[offset : offset + limit]
    assert page["totalExperimentsCount"] == 3


def test_longest_page(aqueduct: Aqueduct) -> None:
    assert len(aqueduct.experiments(limit=500)["experimentsData"]) <= 500
    assert aqueduct.experiments_refused(limit=501) == (
        "Maximum allowed limit for experiments is 500"
    )


def test_title_is_part_of_title_in_any_case(aqueduct: Aqueduct, three: list[Json]) -> None:
    part = f"{aqueduct.mark[-8:]} RUN 1"
    assert uuids(aqueduct.experiments({"title": part})) == [three[1]["uuid"]]
    assert uuids(aqueduct.experiments({"title": f"{aqueduct.mark} Run 7"})) == []


def test_title_is_part_of_eid(aqueduct: Aqueduct, experiment: Json) -> None:
    page = aqueduct.experiments({"title": experiment["eid"][2:]})
    assert experiment["uuid"] in uuids(page)
    for one in page["experimentsData"]:
        assert experiment["eid"][2:] in one["eid"] + one["title"]


def test_longest_title_filter(aqueduct: Aqueduct) -> None:
    title = aqueduct.mark.ljust(65, "x")
    made = aqueduct.create(title)
    assert uuids(aqueduct.experiments({"title": title[:64]})) == [made["uuid"]]
    assert "64" in aqueduct.experiments_refused({"title": title})


def test_dates_bound_the_creation(aqueduct: Aqueduct, three: list[Json]) -> None:
    first, second, third = (one["uuid"] for one in three)
    after_first, after_second = between(three[0], three[1]), between(three[1], three[2])
    mark = aqueduct.mark
    since = aqueduct.experiments({"title": mark, "startDate": after_first})
    until = aqueduct.experiments({"title": mark, "endDate": after_second})
    both = aqueduct.experiments({"title": mark, "startDate": after_first, "endDate": after_second})
    assert uuids(since) == [third, second]
    assert uuids(until) == [second, first]
    assert uuids(both) == [second]
    assert both["totalExperimentsCount"] == 1


def test_dates_in_another_time_zone(aqueduct: Aqueduct, three: list[Json]) -> None:
    moment = datetime.fromisoformat(between(three[0], three[1]))
    there = moment.astimezone(datetime.strptime("+0530", "%z").tzinfo).isoformat()
    page = aqueduct.experiments({"title": aqueduct.mark, "startDate": there})
    assert uuids(page) == [three[2]["uuid"], three[1]["uuid"]]


def test_a_date_that_is_too_far_away(aqueduct: Aqueduct) -> None:
    refusal = aqueduct.experiments_refused({"startDate": "0001-01-01T00:00:00+23:00"})
    assert refusal == "date value out of range"


def test_tags_any_of(aqueduct: Aqueduct) -> None:
    a, b, c = (f"{aqueduct.mark}-{letter}" for letter in "abc")
    with_a, with_ab, _ = (aqueduct.create(tags=tags) for tags in ([a], [a, b], [c]))
    assert uuids(aqueduct.experiments({"tags": [b, a.upper()]})) == [
        with_ab["uuid"],
        with_a["uuid"],
    ]
    assert aqueduct.experiments({"tags": [a, b]})["totalExperimentsCount"] == 2
    assert uuids(aqueduct.experiments({"tags": [f"{a}-none"]})) == []


def test_tags_all_of(aqueduct: Aqueduct) -> None:
    a, b = (f"{aqueduct.mark}-{letter}" for letter in "ab")
    _, with_ab = (aqueduct.create(tags=tags) for tags in ([a], [a, b]))
    assert uuids(aqueduct.experiments({"shouldIncludeTags": [b, a.upper()]})) == [with_ab["uuid"]]
    assert uuids(aqueduct.experiments({"shouldIncludeTags": [a, f"{a}-none"]})) == []
    assert uuids(aqueduct.experiments({"shouldIncludeTags": [a, a.upper()]})) == []
    assert uuids(aqueduct.experiments({"shouldIncludeTags": []})) == []


@pytest.mark.parametrize(("filter_name", "most"), [("tags", 10), ("shouldIncludeTags", 6)])
def test_most_tags_in_a_filter(aqueduct: Aqueduct, filter_name: str, most: int) -> None:
    tags = [f"{aqueduct.mark}-{number}" for number in range(most + 1)]
    made = aqueduct.create(tags=tags)
    assert uuids(aqueduct.experiments({filter_name: tags[:most]})) == [made["uuid"]]
    assert str(most) in aqueduct.experiments_refused({filter_name: tags})


def test_filters_join(aqueduct: Aqueduct, three: list[Json]) -> None:
    tag = f"{aqueduct.mark}-t"
    tagged = aqueduct.create(f"{aqueduct.mark} Run 1", tags=[tag])
    page = aqueduct.experiments({"title": "run 1", "tags": [tag]})
    assert uuids(page) == [tagged["uuid"]]
    assert three[1]["uuid"] not in uuids(page)


def test_archived_ones_are_hidden(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-t"
    hidden = aqueduct.create(tags=[ARCHIVED, tag])
    assert aqueduct.experiments({"title": aqueduct.mark})["totalExperimentsCount"] == 0
    assert uuids(aqueduct.experiments({"tags": [tag]})) == []
    assert uuids(aqueduct.experiments({"shouldIncludeTags": [tag]})) == []
    assert uuids(aqueduct.experiments({"title": aqueduct.mark, "tags": [ARCHIVED]})) == []
    shown = aqueduct.experiments({"title": aqueduct.mark, "shouldIncludeTags": [ARCHIVED]})
    assert uuids(shown) == [hidden["uuid"]]
    assert aqueduct.by_eid(hidden["eid"])["uuid"] == hidden["uuid"]
