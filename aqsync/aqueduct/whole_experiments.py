"""Experiments with all that a server tells of them, to be moved to another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from aqsync.aqueduct import graphql
from aqsync.aqueduct.graphql_client import LONGEST_LIST, GraphQLClient
from aqsync.aqueduct.paging import by_age
from aqsync.aqueduct.records import ExperimentPage, ExperimentRef, RemoteFile, TaskRecord
from aqsync.aqueduct.server_tasks import ServerTasks
from aqsync.aqueduct.typed import listed, text
from aqsync.errors import AnswerTooLarge, BadAnswer, OperationMissing

_PAGE = 500
_AT_ONCE = 50
_FIELDS = f"{graphql.EXPERIMENT_FIELDS} createdBy {graphql.FILE_FIELDS}"
_TASKS = "tasks { uuid }"


class WholeExperiment(NamedTuple):
    """An experiment with its files, and whether it has tasks."""

    experiment: ExperimentRef
    created_by: str
    files: list[RemoteFile]
    has_tasks: bool


class WholeExperiments:
    """Asks a server for all that it tells; raises what `Client` says.

    Args:
        client: Asks.
        tasks: Asks for tasks.
    """

    def __init__(self, client: GraphQLClient, tasks: ServerTasks) -> None:
        self._graphql = client
        self._server_tasks = tasks
        self._with_tasks = True

    def refs(self) -> Iterator[ExperimentRef]:
        """Give every experiment once, archived ones too."""
        for tags in (None, [graphql.ARCHIVED]):

            def page(
                end: datetime | None, offset: int, tags: list[str] | None = tags
            ) -> ExperimentPage:
                filters = graphql.filters(shouldIncludeTags=tags, endDate=end)
                variables = {"offset": offset, "limit": _PAGE, "filters": filters}
                what = "search for experiments"
                answer = self._graphql.operate(graphql.FIND, variables, what, repeatable=True)
                return graphql.experiment_page(answer, what)

            yield from by_age(page, _PAGE, None)

    def described(self, uuids: Sequence[UUID]) -> Iterator[tuple[UUID, WholeExperiment | None]]:
        """Give experiments with all of theirs, some in one request; None: it is not there."""
        for start in range(0, len(uuids), _AT_ONCE):
            yield from self._described(uuids[start : start + _AT_ONCE])

    def _described(self, uuids: Sequence[UUID]) -> Iterator[tuple[UUID, WholeExperiment | None]]:
        what = f"question about {len(uuids)} experiments"
        fields = f"{_FIELDS} {_TASKS}" if self._with_tasks else _FIELDS
        question = graphql.experiments_query("UUID", [str(uuid) for uuid in uuids], fields)
        try:
            answer = self._graphql.ask(question, what, repeatable=True, longest=LONGEST_LIST)
            found = graphql.experiments_of(answer, len(uuids), what)
        except OperationMissing:
            if not self._with_tasks:
                raise
            self._with_tasks = False  # a release from before there were any
            yield from self._described(uuids)
            return
        except AnswerTooLarge:
            if len(uuids) == 1:
                raise
            half = len(uuids) // 2
            yield from self._described(uuids[:half])
            yield from self._described(uuids[half:])
            return
        for uuid, each in zip(uuids, found, strict=True):
            yield uuid, None if each is None else _whole(each, what)

    def tasks(self, experiment: UUID) -> list[TaskRecord]:
        """Return all tasks of an experiment, newest first."""
        found: list[TaskRecord] = []
        while True:
            page = self._server_tasks.find(experiment=experiment, limit=_PAGE, offset=len(found))
            found += page.tasks
            if len(page.tasks) < _PAGE:
                return [each for each in found if each.experiment.uuid == experiment]


def _whole(fields: dict[str, Any], what: str) -> WholeExperiment:
    try:
        return WholeExperiment(
            graphql.experiment_ref(fields, what),
            text(fields["createdBy"]),
            listed(fields["files"], _file),
            bool(fields.get("tasks")),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BadAnswer(f"{what}: the server described an experiment in an unknown way") from exc


def _file(fields: dict[str, Any]) -> RemoteFile:
    return RemoteFile(text(fields["name"]), text(fields["modifiedAt"]))
