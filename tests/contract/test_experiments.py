"""Making, finding, changing and removing one experiment."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.wire import Aqueduct, Json, instant

UPDATE = """
mutation($uuid: UUID!, $change: ExperimentUpdateInput!) {
  updateExperiment(uuid: $uuid, experimentUpdateInput: $change) {
    title description createdAt updatedAt
  }
}"""


def test_created_as_asked(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-t"
    made = aqueduct.create(f'{aqueduct.mark} µ\n"x"', "Lauf 7:\n2 °C", [tag])
    assert made["title"] == f'{aqueduct.mark} µ\n"x"'
    assert made["description"] == "Lauf 7:\n2 °C"
    assert made["tags"] == [tag]
    assert str(uuid.UUID(made["uuid"])) == made["uuid"]


def test_created_by_the_current_user(aqueduct: Aqueduct, experiment: Json) -> None:
    user = aqueduct.ask("{ getCurrentUserInfo { username scopes } }")["getCurrentUserInfo"]
    assert experiment["createdBy"] == user["username"]
    assert all(isinstance(scope, str) for scope in user["scopes"])


def test_times_are_iso_with_offset(experiment: Json) -> None:
    for moment in (experiment["createdAt"], experiment["updatedAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d", moment)
    apart = instant(experiment["updatedAt"]) - instant(experiment["createdAt"])
    assert abs(apart) < timedelta(seconds=1)


def test_eid_is_the_day_and_a_number(experiment: Json) -> None:
    day, _, number = experiment["eid"].partition("-")
    assert re.fullmatch(r"[1-9]\d*", number)
    # the server's day may be another than ours, by its time zone or around midnight
    today = datetime.now(UTC).date()
    assert abs(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date() - today).days <= 1


def test_eid_counts_up_within_the_day(aqueduct: Aqueduct) -> None:
    eids = [aqueduct.create()["eid"].split("-") for _ in range(3)]
    numbers = [(day, int(number)) for day, number in eids]
    assert numbers == sorted(set(numbers))


def test_found_by_eid_and_by_uuid(aqueduct: Aqueduct, experiment: Json) -> None:
    expected = experiment | {"files": []}
    assert aqueduct.by_eid(experiment["eid"]) == expected
    assert aqueduct.by_uuid(experiment["uuid"]) == expected


@pytest.mark.parametrize("character", ["x", "µ"])
def test_longest_title(aqueduct: Aqueduct, character: str) -> None:
    longest = aqueduct.mark.ljust(256, character)
    assert aqueduct.create(longest)["title"] == longest
    assert "256" in aqueduct.creation_refused(longest + character)


def test_longest_description(aqueduct: Aqueduct) -> None:
    longest = "µ" * 5000
    assert aqueduct.create(description=longest)["description"] == longest
    assert "5000" in aqueduct.creation_refused(aqueduct.mark, longest + "x")


def test_most_tags(aqueduct: Aqueduct) -> None:
    tags = [f"{aqueduct.mark}-{number}" for number in range(65)]
    assert sorted(aqueduct.create(tags=tags[:64])["tags"]) == sorted(tags[:64])
    assert "64" in aqueduct.creation_refused(aqueduct.mark, tags=tags)


def test_update_changes_only_what_is_given(aqueduct: Aqueduct) -> None:
    made = aqueduct.create(description="first")
    title = f"{aqueduct.mark} second"
    aqueduct.ask(UPDATE, uuid=made["uuid"], change={"title": title})
    assert aqueduct.by_uuid(made["uuid"])["description"] == "first"
    aqueduct.ask(UPDATE, uuid=made["uuid"], change={"description": "second"})
    found = aqueduct.by_uuid(made["uuid"])
    assert (found["title"], found["description"]) == (title, "second")


@pytest.mark.parametrize("change", [{"title": "", "description": ""}, {"title": None}, {}])
def test_update_with_nothing_changes_nothing_but_the_time(
    aqueduct: Aqueduct, change: dict[str, str | None]
) -> None:
    made = aqueduct.create(description="first")
    updated = aqueduct.ask(UPDATE, uuid=made["uuid"], change=change)["updateExperiment"]
    assert (updated["title"], updated["description"]) == (made["title"], "first")
    assert updated["createdAt"] == made["createdAt"]
    assert instant(updated["updatedAt"]) > instant(made["updatedAt"])
    assert aqueduct.by_uuid(made["uuid"])["updatedAt"] == updated["updatedAt"]


@pytest.mark.parametrize(
    "change",
    [{"title": "x" * 257}, {"description": "x" * 5001}, {"title": "a\0"}, {"description": "a\0"}],
)
def test_update_beyond_the_limits(
    aqueduct: Aqueduct, experiment: Json, change: dict[str, str]
) -> None:
    aqueduct.refusal(UPDATE, uuid=experiment["uuid"], change=change)
    assert aqueduct.by_uuid(experiment["uuid"]) == experiment | {"files": []}


def test_neither_upload_nor_tag_moves_updated_at(aqueduct: Aqueduct, experiment: Json) -> None:
    aqueduct.put(experiment["uuid"], "a.txt", b"a")
    aqueduct.ask(
        """mutation($uuid: UUID!, $tag: String!) {
          addTagToExperiment(experimentTagInput: {uuid: $uuid, tag: $tag}) { uuid }
        }""",
        uuid=experiment["uuid"],
        tag=f"{aqueduct.mark}-t",
    )
    assert aqueduct.by_uuid(experiment["uuid"])["updatedAt"] == experiment["updatedAt"]


def test_removed_with_its_files(aqueduct: Aqueduct, experiment: Json) -> None:
    aqueduct.put(experiment["uuid"], "a.txt", b"a")
    assert aqueduct.remove(experiment["uuid"]) == {"removeExperiment": None}
    assert "Non-existing experiment" in aqueduct.lookup_refused("EID", experiment["eid"])
    assert aqueduct.download(experiment["uuid"], "a.txt").status_code == 404
    assert aqueduct.upload(experiment["uuid"], "b.txt", b"b").status_code == 404
    assert aqueduct.experiments({"title": aqueduct.mark})["totalExperimentsCount"] == 0
