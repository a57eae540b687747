"""How experiments that make themselves are found: by a tag, archived or not."""

from __future__ import annotations

from uuid import UUID

from aqsync.aqueduct import graphql
from aqsync.aqueduct.records import ExperimentRef
from tests.contract.wire import ARCHIVED, Aqueduct


def tagged(aqueduct: Aqueduct, tags: list[str]) -> list[list[ExperimentRef]]:
    question = graphql.tagged_query(tags, 500)
    data = aqueduct.ask(question["query"], **question["variables"])
    return graphql.tagged_of(data, tags, "search")


def test_an_experiment_is_found_by_its_tag_archived_or_not(aqueduct: Aqueduct) -> None:
    tag, other = f"aqsync:{aqueduct.mark}", f"aqsync:{aqueduct.mark}2"
    younger = [aqueduct.create(f"{aqueduct.mark} {number}", tags=[tag]) for number in range(3)]
    hidden = aqueduct.create(aqueduct.mark, tags=[tag.upper(), ARCHIVED])
    found = tagged(aqueduct, [tag, other])
    wanted = [UUID(each["uuid"]) for each in (*younger, hidden)]
    assert [each.uuid for each in found[0]] == wanted, "oldest first, and in any case of letters"
    assert found[1] == []


def test_the_tag_is_there_as_soon_as_the_experiment_is(aqueduct: Aqueduct) -> None:
    """They come in one request, so that whoever lost the answer finds it."""
    tag = f"aqsync:{aqueduct.mark}"
    made = aqueduct.create(aqueduct.mark, tags=[tag])
    assert made["tags"] == [tag]
    [[found]] = tagged(aqueduct, [tag])
    assert graphql.ARCHIVED == ARCHIVED
    assert str(found.uuid) == made["uuid"]
