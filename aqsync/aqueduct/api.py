"""The way in for scripts and notebooks: `API`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import NonNegativeInt, PositiveInt

from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.checked import brief, brief_items, checked
from aqsync.aqueduct.client import PATIENCE_S, Client
from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.extensions import Extension
from aqsync.aqueduct.paging import by_age
from aqsync.aqueduct.records import ExperimentPage, ExperimentRef, TaskRecord
from aqsync.aqueduct.task import Task
from aqsync.errors import ConfigError

_TOKEN_VARIABLES = ("AQSYNC_API_TOKEN", "API_TOKEN")
_PAGE = 100
"""Experiments in one request where all are wanted."""


class API:
    """An Aqueduct server.

    It is a context manager; leaving it, or `close`, closes the connections. Threads may share one.
    Every method may raise `ServerUnreachable`, `ServerFailed`, `BadAnswer`, `TokenRefused` and
    `Forbidden`, all below `aqsync.errors.RemoteError`, beside what it names.

    Args:
        url: The server's URL, with the path prefix if it has one: ``http://host:8000``.
        timeout: The limit in seconds for connecting and for the answer to a small request. A
            transfer may take as long as it takes; it fails after 60 s without any progress.
        token: The token to show. If None, the environment variable ``AQSYNC_API_TOKEN`` is
            taken, else ``API_TOKEN``, else none is sent.
        verify: True checks TLS certificates by the usual authorities and this machine's, a path
            names a file of authorities, False checks nothing.

    Raises:
        ConfigError: The URL, timeout, token or file of authorities cannot be used.
    """

    @checked
    def __init__(
        self,
        url: str,
        timeout: float = 0.5,
        *,
        token: str | None = None,
        verify: bool | str = True,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"a timeout of {timeout!r} s cannot be used; it must be above 0")
        self._timeout = timeout
        self._server = Client(
            url,
            token if token is not None else token_from_environment(),
            verify=verify,
            connect_timeout=timeout,
            answer_timeout=timeout,
            patience=PATIENCE_S,
        )

    def __repr__(self) -> str:
        return f"API({self._server.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        return self._server.url

    @property
    def timeout(self) -> float:
        """The limit in seconds for connecting and for the answer to a small request."""
        return self._timeout

    def close(self) -> None:
        """Close all connections. Transfers that other threads run end with `ServerUnreachable`."""
        self._server.close()

    @checked
    def create_experiment(self, title: str, description: str) -> Experiment:
        """Create an experiment; the server gives it its EID.

        Server operation: ``createExperiment``.

        Args:
            title: At most 256 characters.
            description: At most 5,000 characters.

        Returns:
            The new experiment.

        Raises:
            OperationFailed: The server refuses one of them.
        """
        return self._experiment(self._server.create_experiment(title, description))

    @checked
    def find_experiments(
        self,
        search: str | None = None,
        limit: PositiveInt = 10,
        offset: NonNegativeInt = 0,
        tags: list[str] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
    ) -> list[Experiment]:
        """Search for experiments, newest first.

        Server operation: ``experiments``.

        Args:
            search: Part of a title or EID, in any case, at most 64 characters. ``%``, ``_`` and a
                backslash stand for themselves, and count twice.
            limit: How many to return at most, up to 500.
            offset: How many of the newest to leave out.
            tags: Only experiments with at least one of these tags, in any case; at most 10.
            start_datetime: Only those created at or after this time.
            end_datetime: Only those created at or before this time. A time without an offset
                from UTC is meant as this machine's local time.

        Returns:
            The experiments. Those tagged ``__archived__`` are not found.

        Raises:
            OperationFailed: The server refuses one of the values.
        """
        page = self._server.find(
            title=search,
            any_tags=tags,
            start=start_datetime,
            end=end_datetime,
            limit=limit,
            offset=offset,
        )
        return [self._experiment(found) for found in page.experiments]

    @checked
    def iterate_experiments(
        self,
        search: str | None = None,
        tags: list[str] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
    ) -> Iterator[Experiment]:
        """Go through all experiments that a search finds, newest first.

        The server is asked for a hundred at a time, as they are needed. Each comes once, and none
        is left out, whatever is created or removed meanwhile; what is created after the first was
        given is not among them.

        Server operation: ``experiments``.

        Args:
            search: Part of a title or EID, in any case, at most 64 characters. ``%``, ``_`` and a
                backslash stand for themselves, and count twice.
            tags: Only experiments with at least one of these tags, in any case; at most 10.
            start_datetime: Only those created at or after this time.
            end_datetime: Only those created at or before this time. A time without an offset
                from UTC is meant as this machine's local time.

        Yields:
            The experiments. Those tagged ``__archived__`` are not found.

        Raises:
            OperationFailed: The server refuses one of the values, when the first is asked for.
        """

        def page(end: datetime | None, offset: int) -> ExperimentPage:
            return self._server.find(
                title=search,
                any_tags=tags,
                start=start_datetime,
                end=end,
                limit=_PAGE,
                offset=offset,
            )

        return brief_items(map(self._experiment, by_age(page, _PAGE, end_datetime)))

    @checked
    def get_experiment_by_eid(self, eid: str) -> Experiment:
        """Return the experiment with this EID.

        Server operation: ``experiment``.

        Args:
            eid: The identifier that people use, such as ``20261123-1``.

        Returns:
            The experiment.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._experiment(self._server.experiment_by_eid(eid))

    @checked
    def get_experiment_by_uuid(self, uuid: UUID) -> Experiment:
        """Return the experiment with this UUID.

        Server operation: ``experiment``.

        Args:
            uuid: The server's own identifier of the experiment.

        Returns:
            The experiment.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._experiment(self._server.experiment(uuid))

    @checked
    def remove_experiment_by_eid(self, eid: str) -> None:
        """Remove an experiment and all its files.

        Server operation: ``removeExperiment``.

        Args:
            eid: The identifier that people use, such as ``20261123-1``.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        found = self._server.experiment_by_eid(eid)
        with named_by_eid({found.uuid: found.eid}):
            self._server.remove_experiment(found.uuid)

    @brief
    def get_extensions(self) -> list[Extension]:
        """Return the server's extensions; it reads them from its disk each time.

        Server operation: ``extensions``.

        Returns:
            The extensions with their actions.
        """
        found = self._server.tasks.extensions()
        return [Extension._of(record, self._server) for record in found]  # noqa: SLF001 - users make none

    @checked
    def get_task(self, task_id: UUID) -> Task:
        """Return a task by its identifier.

        Server operation: ``task``.

        Args:
            task_id: The server's identifier of the task.

        Returns:
            The task.

        Raises:
            TaskNotFound: There is none for this user.
            OperationMissing: The server has no tasks: it is older than August 2024.
        """
        return self._task(self._server.tasks.get(task_id))

    @checked
    def get_tasks(  # noqa: PLR0913 - the signature that users know
        self,
        limit: PositiveInt = 10,
        offset: NonNegativeInt = 0,
        extension_name: str | None = None,
        experiment_uuid: UUID | None = None,
        action_name: str | None = None,
        username: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> list[Task]:
        """Search for tasks, newest first. The server applies every filter that is given.

        Server operation: ``tasks``.

        Args:
            limit: How many to return at most, up to 500.
            offset: How many of the newest to leave out.
            extension_name: Only tasks of the extension with this name.
            experiment_uuid: Only tasks that ran on this experiment.
            action_name: Only tasks of actions with this name.
            username: Only tasks that this user started.
            start_date: Only those received at or after this time.
            end_date: Only those received at or before this time. A time without an offset from
                UTC is meant as this machine's local time.

        Returns:
            The tasks.

        Raises:
            OperationFailed: The server refuses one of the values.
            OperationMissing: The server has no tasks: it is older than August 2024.
        """
        page = self._server.tasks.find(
            experiment=experiment_uuid,
            extension_name=extension_name,
            action_name=action_name,
            username=username,
            start=start_date,
            end=end_date,
            limit=limit,
            offset=offset,
        )
        return [self._task(record) for record in page.tasks]

    def _experiment(self, ref: ExperimentRef) -> Experiment:
        return Experiment._of(ref, self._server)  # noqa: SLF001 - users do not make experiments

    def _task(self, record: TaskRecord) -> Task:
        return Task._of(record, self._server)  # noqa: SLF001 - users do not make tasks


def token_from_environment() -> str | None:
    """Return the token that the environment holds, without blanks around it."""
    tokens = (os.environ.get(name, "").strip() for name in _TOKEN_VARIABLES)
    return next(filter(None, tokens), None)
