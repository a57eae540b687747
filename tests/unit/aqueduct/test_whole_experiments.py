"""Servers differ in what they tell of whole experiments, and in how much at once."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest

from aqsync.aqueduct.graphql_client import GraphQLClient
from aqsync.aqueduct.server_tasks import ServerTasks
from aqsync.aqueduct.whole_experiments import WholeExperiments
from aqsync.errors import AnswerTooLarge, BadAnswer, OperationMissing

THEN = "2026-11-23T10:11:45.826756+00:00"


class Answering:
    """Answers questions about experiments as a server of one kind does."""

    def __init__(self, *, knows_tasks: bool = True, most: int = 50) -> None:
        self.asked: list[int] = []
        self.files: object = [{"name": "a", "modifiedAt": THEN}]
        self._knows_tasks = knows_tasks
        self._most = most

    def ask(self, question: dict[str, Any], _what: str, **_: object) -> dict[str, Any]:
        wanted = question["variables"]
        self.asked.append(len(wanted))
        if "tasks {" in question["query"] and not self._knows_tasks:
            return {"errors": [{"message": "Cannot query field 'tasks' on type 'ExperimentData'."}]}
        if len(wanted) > self._most:
            raise AnswerTooLarge("the server does not tell so much in one answer")
        return {"data": {name: self._told(each["value"]) for name, each in wanted.items()}}

    def _told(self, uuid: str) -> dict[str, object]:
        return {
            "uuid": uuid,
            "eid": uuid[-4:],
            "title": "title",
            "description": None,
            "tags": [],
            "createdAt": THEN,
            "updatedAt": THEN,
            "createdBy": "ada",
            "files": self.files,
            "tasks": [{"uuid": uuid}],
        }


def asking(server: Answering) -> WholeExperiments:
    client = cast("GraphQLClient", server)
    return WholeExperiments(client, ServerTasks(client))


UUIDS = [UUID(int=number) for number in range(120)]


def test_fifty_are_asked_for_at_once() -> None:
    server = Answering()
    found = dict(asking(server).described(UUIDS))
    assert list(found) == UUIDS
    assert server.asked == [50, 50, 20]
    first = found[UUIDS[0]]
    assert first is not None
    assert (first.created_by, first.has_tasks, first.files[0].name) == ("ada", True, "a")


def test_a_release_without_tasks_is_asked_for_the_rest() -> None:
    server = Answering(knows_tasks=False)
    whole = asking(server)
    assert len(list(whole.described(UUIDS[:10]))) == 10
    assert server.asked == [10, 10]
    list(whole.described(UUIDS[:10]))
    assert server.asked == [10, 10, 10]


def test_fewer_are_asked_for_where_all_would_be_too_much() -> None:
    server = Answering(most=4)
    assert [uuid for uuid, _ in asking(server).described(UUIDS[:10])] == UUIDS[:10]
    with pytest.raises(AnswerTooLarge):
        list(asking(Answering(most=0)).described(UUIDS[:1]))


@pytest.mark.parametrize("files", [None, "a", [None], [{"name": 1, "modifiedAt": THEN}], [{}]])
def test_what_is_no_list_of_files_is_no_answer(files: object) -> None:
    server = Answering()
    server.files = files
    with pytest.raises(BadAnswer):
        list(asking(server).described(UUIDS[:1]))


def test_another_operation_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Answering()
    monkeypatch.setattr(
        server, "ask", lambda *_, **__: {"errors": [{"message": "Cannot query field 'eid'"}]}
    )
    with pytest.raises(OperationMissing):
        list(asking(server).described(UUIDS[:1]))
