"""Tags of experiments, and the list of all tags."""

from __future__ import annotations

import string
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.wire import Aqueduct, GraphQLAnswer, Json

ADD = """mutation($uuid: UUID!, $tag: String!) {
  addTagToExperiment(experimentTagInput: {uuid: $uuid, tag: $tag}) { tags }
}"""
ADD_MANY = """mutation($uuid: UUID!, $tags: [String!]!) {
  addTagsToExperiment(experimentTagsInput: {uuid: $uuid, tags: $tags}) { tags }
}"""
REMOVE = """mutation($uuid: UUID!, $tag: String!) {
  removeTagFromExperiment(experimentTagInput: {uuid: $uuid, tag: $tag}) { tags }
}"""
TAGS = """query($limit: Int, $offset: Int, $filters: TagsFilters) {
  tags(limit: $limit, offset: $offset, filters: $filters) { tagsData totalTagsCount }
}"""

ONLY = " only contain alphanumeric characters, colons, hyphens, underscores and slashes"


def add(aqueduct: Aqueduct, uuid: str, tag: str) -> list[str]:
    tags: list[str] = aqueduct.ask(ADD, uuid=uuid, tag=tag)["addTagToExperiment"]["tags"]
    return tags


def all_tags(aqueduct: Aqueduct, **filters: bool) -> list[str]:
    tags: list[str] = aqueduct.ask(TAGS, filters=filters or None)["tags"]["tagsData"]
    return tags


def test_added_one_by_one(aqueduct: Aqueduct, folder: str) -> None:
    first, second = f"{aqueduct.mark}-1", f"{aqueduct.mark}-2"
    assert add(aqueduct, folder, first) == [first]
    assert sorted(add(aqueduct, folder, second)) == [first, second]
    assert sorted(aqueduct.by_uuid(folder)["tags"]) == [first, second]


def test_added_together_with_one_that_is_there(aqueduct: Aqueduct, folder: str) -> None:
    first, second = f"{aqueduct.mark}-1", f"{aqueduct.mark}-2"
    add(aqueduct, folder, first)
    answer = aqueduct.ask(ADD_MANY, uuid=folder, tags=[first, second])
    assert sorted(answer["addTagsToExperiment"]["tags"]) == [first, second]


def test_in_the_order_in_which_they_were_added(aqueduct: Aqueduct, folder: str) -> None:
    tags = [f"{aqueduct.mark}-{letter}" for letter in "zamk"]
    for number, tag in enumerate(tags, start=1):
        assert add(aqueduct, folder, tag) == tags[:number]
    assert aqueduct.by_uuid(folder)["tags"] == tags


def test_tags_that_the_server_knows_come_before_new_ones(aqueduct: Aqueduct, folder: str) -> None:
    new, known = f"{aqueduct.mark}-a", f"{aqueduct.mark}-z"
    add(aqueduct, folder, known)
    assert aqueduct.create(tags=[new, known])["tags"] == [known, new]
    answer = aqueduct.ask(ADD_MANY, uuid=aqueduct.create()["uuid"], tags=[f"{new}2", known])
    assert answer["addTagsToExperiment"]["tags"] == [known, f"{new}2"]


def test_none_added(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.ask(ADD_MANY, uuid=folder, tags=[])["addTagsToExperiment"]["tags"] == []


def test_first_spelling_wins(aqueduct: Aqueduct, folder: str) -> None:
    tag = f"{aqueduct.mark}-Alpha"
    add(aqueduct, folder, tag)
    assert add(aqueduct, folder, tag.upper()) == [tag]
    other = aqueduct.create(tags=[tag.upper()])
    assert other["tags"] == [tag]
    assert add(aqueduct, aqueduct.create()["uuid"], tag.lower()) == [tag]


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str])
def test_two_spellings_in_one_request(aqueduct: Aqueduct, folder: str, spelling: type[str]) -> None:
    tag = f"{aqueduct.mark}-Alpha"
    refusal = aqueduct.refusal(ADD_MANY, uuid=folder, tags=[tag, spelling(tag)])
    assert refusal == "Duplicate tags are not allowed in the request."
    assert aqueduct.by_uuid(folder)["tags"] == []


def test_two_spellings_of_a_tag_that_is_there_in_a_creation(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-Alpha"
    aqueduct.create(tags=[tag])
    assert aqueduct.create(tags=[tag.upper(), tag.lower(), tag])["tags"] == [tag]
    assert aqueduct.create(tags=[f"{tag}2", f"{tag}2"])["tags"] == [f"{tag}2"]


def test_two_spellings_of_a_new_tag_in_a_creation(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-Alpha"
    assert aqueduct.creation_refused(aqueduct.mark, tags=[tag, tag.upper()])
    assert aqueduct.experiments({"title": aqueduct.mark})["totalExperimentsCount"] == 0


def test_every_character_that_a_tag_may_have(aqueduct: Aqueduct, folder: str) -> None:
    unique = aqueduct.mark[-12:]
    first = f"{string.ascii_letters}{unique}"
    second = f"{string.digits}-_:/{unique}"
    added = aqueduct.ask(ADD_MANY, uuid=folder, tags=[first, second])["addTagsToExperiment"]
    assert sorted(added["tags"]) == sorted([first, second])


def test_longest_tag(aqueduct: Aqueduct, folder: str) -> None:
    longest = aqueduct.mark.ljust(64, "x")
    assert add(aqueduct, folder, longest) == [longest]
    refusal = aqueduct.refusal(ADD, uuid=folder, tag=longest + "x")
    assert refusal == "Tag should be less than 64 characters long "


@pytest.mark.parametrize("bad", ["", "a b", "a.b", "a,b", "a#b", "a=b", "µ", "a\\b", "a\nb", " a"])
def test_what_is_no_tag(aqueduct: Aqueduct, folder: str, bad: str) -> None:
    why = f"Tag can{ONLY if bad else 'not be empty'}"
    assert aqueduct.refusal(ADD, uuid=folder, tag=bad) == why
    assert aqueduct.refusal(ADD_MANY, uuid=folder, tags=[f"{aqueduct.mark}-fine", bad]) == why
    assert aqueduct.creation_refused(aqueduct.mark, tags=[bad]) == why
    assert aqueduct.by_uuid(folder)["tags"] == []


def test_removed_in_any_spelling(aqueduct: Aqueduct) -> None:
    keep, drop = f"{aqueduct.mark}-keep", f"{aqueduct.mark}-Drop"
    uuid = aqueduct.create(tags=[keep, drop])["uuid"]
    answer = aqueduct.ask(REMOVE, uuid=uuid, tag=drop.upper())
    assert answer["removeTagFromExperiment"]["tags"] == [keep]
    assert aqueduct.by_uuid(uuid)["tags"] == [keep]


def test_removing_what_is_not_there(aqueduct: Aqueduct, folder: str) -> None:
    tag = f"{aqueduct.mark}-t"
    assert "non-existing tag" in aqueduct.refusal(REMOVE, uuid=folder, tag=tag)
    add(aqueduct, folder, tag)
    aqueduct.ask(REMOVE, uuid=folder, tag=tag)
    assert "non-existing tag" in aqueduct.refusal(REMOVE, uuid=folder, tag=tag)


def test_new_tag_from_many_clients_at_once(aqueduct: Aqueduct) -> None:
    """One of them may lose a race in the database; trying again is all it takes."""
    tag = f"{aqueduct.mark}-race"
    experiments = [aqueduct.create() for _ in range(4)]

    def tries(experiment: Json) -> list[GraphQLAnswer]:
        answers: list[GraphQLAnswer] = []
        while not answers or (answers[-1].errors and len(answers) < 5):
            answers.append(aqueduct.graphql(ADD, uuid=experiment["uuid"], tag=tag))
        return answers

    with ThreadPoolExecutor(len(experiments)) as clients:
        outcomes = list(clients.map(tries, experiments))
    for *failures, last in outcomes:
        assert all("duplicate key" in failure.messages for failure in failures)
        assert last.data == {"addTagToExperiment": {"tags": [tag]}}


def test_list_has_tags_in_use_and_others_on_demand(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-t"
    uuid = aqueduct.create(tags=[tag])["uuid"]
    assert tag in all_tags(aqueduct)
    aqueduct.ask(REMOVE, uuid=uuid, tag=tag)
    assert tag not in all_tags(aqueduct)
    assert tag not in all_tags(aqueduct, includeDangling=False)
    assert tag in all_tags(aqueduct, includeDangling=True)


def test_tag_of_a_removed_experiment_is_not_in_use(aqueduct: Aqueduct) -> None:
    tag = f"{aqueduct.mark}-t"
    uuid = aqueduct.create(tags=[tag])["uuid"]
    aqueduct.remove(uuid)
    assert tag not in all_tags(aqueduct)


def test_longest_page_of_tags(aqueduct: Aqueduct) -> None:
    assert len(aqueduct.ask(TAGS, limit=500)["tags"]["tagsData"]) <= 500
    assert aqueduct.refusal(TAGS, limit=501) == "Maximum allowed limit for tags is 500"


def test_page_of_tags(aqueduct: Aqueduct) -> None:
    aqueduct.create(tags=[f"{aqueduct.mark}-{number}" for number in range(3)])
    page = aqueduct.ask(TAGS, limit=2)["tags"]
    assert len(page["tagsData"]) == 2
    assert page["totalTagsCount"] >= 3
    last = aqueduct.ask(TAGS, offset=-2)["tags"]
    assert len(last["tagsData"]) == 2
    assert last["totalTagsCount"] >= 3
    beyond = aqueduct.ask(TAGS, offset=10_000_000)["tags"]
    assert beyond["tagsData"] == []
    assert beyond["totalTagsCount"] >= 3
