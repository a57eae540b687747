"""Extensions of a server, and the tasks that run their actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from aqsync.aqueduct import task_queries
from aqsync.aqueduct.graphql import filters
from aqsync.aqueduct.graphql_client import GraphQLClient
from aqsync.aqueduct.records import Execution, ExtensionRecord, TaskPage, TaskRecord
from aqsync.errors import OperationFailed, OperationMissing

_START_SECONDS = 600.0
"""How long a task may take to be accepted: the first waits for its extension's environment."""
_LONGEST_SECONDS = 86_400.0
"""How long to wait for a server without tasks if no limit is given."""

Values = Sequence[tuple[str, str]]
"""Parameters of an action with their values, as they are sent."""


class ServerTasks:
    """The part of `Client` for extensions and tasks.

    Its methods raise what `Client` says, and `OperationMissing` on a release without tasks.
    """

    def __init__(self, client: GraphQLClient) -> None:
        self._graphql = client
        self._has_tasks: bool | None = None

    def extensions(self) -> list[ExtensionRecord]:
        """Return the server's extensions; it reads them from its disk each time."""
        what = "list of extensions"
        data = self._graphql.operate(task_queries.EXTENSIONS, {}, what, repeatable=True)
        return task_queries.extensions(data, what)

    def exist(self) -> bool:
        """Tell whether the server runs actions as tasks; older releases run them at once.

        The server is asked once. If it does not answer such questions, it counts as a server with
        tasks.

        Raises:
            OperationMissing: It does not run actions at all.
        """
        if self._has_tasks is None:
            what = "question which operations the server has"
            try:
                data = self._graphql.operate(task_queries.MUTATIONS, {}, what, repeatable=True)
            except OperationFailed:
                self._has_tasks = True
            else:
                arguments = task_queries.arguments_of_execute(data, what)
                if arguments is None:
                    raise OperationMissing("the server does not run extensions")
                self._has_tasks = "executeExtensionInput" in arguments
        return self._has_tasks

    def execute(self, experiment: UUID, extension: str, action: str, values: Values) -> TaskRecord:
        """Start an action as a task.

        Args:
            experiment: The experiment to run on.
            extension: The extension's name.
            action: The action's name.
            values: Exactly the parameters of the action's manifest.

        Raises:
            OperationFailed: The server refuses the values.
        """
        what = f"start of action {action!r} of extension {extension!r}"
        given = {
            "experimentUuid": str(experiment),
            "extension": extension,
            "action": action,
            "params": [list(pair) for pair in values],
        }
        data = self._graphql.operate(
            task_queries.EXECUTE, {"input": given}, what, timeout=_START_SECONDS
        )
        return task_queries.task(data.get("executeExtension"), what)

    def execute_to_the_end(
        self, extension: str, action: str, values: Values, timeout: float | None = None
    ) -> Execution:
        """Run an action on a server without tasks, which answers when it has ended.

        Args:
            extension: The extension's name.
            action: The action's name.
            values: Exactly the parameters of the action's manifest.
            timeout: Seconds to wait for the answer; None waits a day.

        Raises:
            OperationFailed: The server refuses the values.
        """
        what = f"run of action {action!r} of extension {extension!r}"
        variables = {
            "extension": extension,
            "action": action,
            "params": [list(pair) for pair in values],
        }
        longest = _LONGEST_SECONDS if timeout is None else min(timeout, _LONGEST_SECONDS)
        data = self._graphql.operate(
            task_queries.EXECUTE_TO_THE_END, variables, what, timeout=longest
        )
        return task_queries.execution(data, what)

    def get(self, task_id: UUID) -> TaskRecord:
        """Return a task as it is now.

        Raises:
            TaskNotFound: There is none for this user.
        """
        what = f"search for task {task_id}"
        data = self._graphql.operate(task_queries.TASK, {"id": str(task_id)}, what, repeatable=True)
        return task_queries.task(data.get("task"), what)

    def find(  # noqa: PLR0913 - the filters that the server has
        self,
        *,
        experiment: UUID | None = None,
        extension_name: str | None = None,
        action_name: str | None = None,
        username: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> TaskPage:
        """Search for tasks, newest first.

        Args:
            experiment: Only tasks that ran on this experiment.
            extension_name: Only tasks of this extension.
            action_name: Only tasks of actions of this name.
            username: Only tasks that this user started.
            start: Received at or after this time.
            end: Received at or before this time.
            limit: How many to return, 1 to 500.
            offset: How many of the newest to leave out.

        Raises:
            OperationFailed: The server refuses one of the values.
        """
        identifier = None if experiment is None else {"type": "UUID", "value": str(experiment)}
        wanted = filters(
            experiment=identifier,
            extensionName=extension_name,
            actionName=action_name,
            username=username,
            startDate=start,
            endDate=end,
        )
        what = "search for tasks"
        variables = {"offset": offset, "limit": limit, "filters": wanted or None}
        data = self._graphql.operate(task_queries.TASKS, variables, what, repeatable=True)
        return task_queries.task_page(data, what)

    def cancel(self, task_id: UUID) -> TaskRecord:
        """Ask a task to end; its action gets SIGINT.

        Raises:
            TaskNotFound: There is none for this user.
        """
        what = f"cancellation of task {task_id}"
        given = {"taskId": str(task_id)}
        data = self._graphql.operate(task_queries.CANCEL, {"input": given}, what, repeatable=True)
        return task_queries.task(data.get("cancelTask"), what)
