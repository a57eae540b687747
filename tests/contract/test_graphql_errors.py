"""How a GraphQL operation fails: HTTP 200, and only the text tells why."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.wire import Aqueduct, Json

NOT_A_UUID = "badly formed hexadecimal UUID string"


def nested(depth: int) -> str:
    """Write a query whose fields are nested this deep below the first."""
    fields = ["experiments(offset: 0, limit: 1)", "experimentsData"]
    fields += [("tasks", "experiment")[level % 2] for level in range(depth - 2)]
    return "{" + "{".join([*fields, "uuid"]) + "}" * (depth + 1)


def test_failure_tells_message_place_and_path(aqueduct: Aqueduct) -> None:
    answer = aqueduct.graphql(
        '{ experiment(experimentIdentifier: {type: EID, value: "none"}) { uuid } }'
    )
    assert answer.data == {"experiment": None}
    [error] = answer.errors
    assert error["message"] == "Non-existing experiment with the specified eid for the user."
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["path"] == ["experiment"]


def test_failure_of_a_field_that_is_never_null_leaves_no_data(aqueduct: Aqueduct) -> None:
    answer = aqueduct.graphql("{ experiments(offset: 0, limit: 501) { totalExperimentsCount } }")
    assert answer.data is None
    assert [error["path"] for error in answer.errors] == [["experiments"]]


def test_one_alias_fails_alone(aqueduct: Aqueduct, experiment: Json) -> None:
    answer = aqueduct.graphql(
        """query($eid: String!) {
          bad: experiment(experimentIdentifier: {type: EID, value: "none"}) { uuid }
          good: experiment(experimentIdentifier: {type: EID, value: $eid}) { uuid }
        }""",
        eid=experiment["eid"],
    )
    assert answer.data == {"bad": None, "good": {"uuid": experiment["uuid"]}}
    assert [error["path"] for error in answer.errors] == [["bad"]]


def test_unknown_uuid(aqueduct: Aqueduct) -> None:
    assert "non-existing experiment" in aqueduct.lookup_refused("UUID", str(uuid.uuid4())).lower()


def test_malformed_uuid(aqueduct: Aqueduct) -> None:
    assert NOT_A_UUID in aqueduct.lookup_refused("UUID", "20261123-1")


def test_malformed_uuid_as_an_argument(aqueduct: Aqueduct) -> None:
    query = (
        'mutation { removeExperiment(experimentRemoveInput: {uuid: "20261123-1"}) }',
        'mutation { updateExperiment(uuid: "x", experimentUpdateInput: {}) { uuid } }',
    )
    for one in query:
        assert NOT_A_UUID in aqueduct.refusal(one)


def test_malformed_uuid_as_a_variable(aqueduct: Aqueduct) -> None:
    query = "mutation($uuid: UUID!) { removeExperiment(experimentRemoveInput: {uuid: $uuid}) }"
    assert NOT_A_UUID in aqueduct.refusal(query, uuid="20261123-1")


@pytest.mark.parametrize(
    "mutation",
    [
        'updateExperiment(uuid: $uuid, experimentUpdateInput: {title: "x"}) { uuid }',
        'addTagToExperiment(experimentTagInput: {uuid: $uuid, tag: "x"}) { uuid }',
        'addTagsToExperiment(experimentTagsInput: {uuid: $uuid, tags: ["x"]}) { uuid }',
        'removeTagFromExperiment(experimentTagInput: {uuid: $uuid, tag: "x"}) { uuid }',
        "removeExperiment(experimentRemoveInput: {uuid: $uuid})",
    ],
)
def test_changing_an_unknown_experiment(aqueduct: Aqueduct, mutation: str) -> None:
    refusal = aqueduct.refusal(f"mutation($uuid: UUID!) {{ {mutation} }}", uuid=str(uuid.uuid4()))
    assert "non-existing experiment" in refusal.lower()


@pytest.mark.parametrize("query", ["{", "{ nothingOfThisName }", "{ experiments { tagsData } }"])
def test_what_is_no_query_of_the_schema(aqueduct: Aqueduct, query: str) -> None:
    answer = aqueduct.graphql(query)
    assert answer.data is None
    assert answer.messages


def test_depth_of_five(aqueduct: Aqueduct) -> None:
    assert not aqueduct.graphql(nested(5)).errors


def test_depth_of_six(aqueduct: Aqueduct) -> None:
    assert "exceeds maximum operation depth of 5" in aqueduct.refusal(nested(6))


def test_a_hundred_aliases_in_one_request(aqueduct: Aqueduct, experiment: Json) -> None:
    aqueduct.put(experiment["uuid"], "a.txt", b"a")
    aliases = " ".join(
        f"e{n}: experiment(experimentIdentifier: {{type: EID, value: $eid}})"
        " { uuid files { name modifiedAt } }"
        for n in range(100)
    )
    found = aqueduct.ask(f"query($eid: String!) {{ {aliases} }}", eid=experiment["eid"])
    assert len(found) == 100
    for one in found.values():
        assert one["uuid"] == experiment["uuid"]
        assert [file["name"] for file in one["files"]] == ["a.txt"]
