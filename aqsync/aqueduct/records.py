"""What the server's answers become: small values, nothing that talks to the server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.typed import instant


class ExperimentRef(NamedTuple):
    """An experiment as the server described it in one answer."""

    uuid: UUID
    eid: str
    """The identifier that people use, such as ``20261123-1``."""
    title: str
    description: str
    """Empty where the server has none."""
    tags: tuple[str, ...]
    created_at: datetime
    """With its offset from UTC."""
    updated_at: datetime
    """Moves with title and description only; files and tags leave it alone."""


class ExperimentPage(NamedTuple):
    """Some of the experiments that a search found."""

    experiments: Sequence[ExperimentRef]
    """Newest first."""
    total: int
    """How many the whole search found."""


class UserRights(NamedTuple):
    """Who the server takes this client for."""

    username: str
    scope: str | None
    """What the token may do: ``read``, ``upload``, ``write`` or ``admin``; None if the server does
    not tell it so, as only the embedded one does."""


class RemoteFile(NamedTuple):
    """One file of an experiment, as the server lists it."""

    name: str
    modified_at: str
    """When its upload finished, by the server's clock: ISO 8601, letter for letter as it came, so
    that two listings can be compared."""

    @property
    def uploaded_at(self) -> datetime | None:
        """The same as a time; None where the server gave something that is none."""
        try:
            return instant(self.modified_at)
        except ValueError:
            return None


class FileLists(NamedTuple):
    """The files of several experiments, from one answer."""

    digest: bytes
    """SHA-256 of question and answer: the same again means that nothing has changed."""
    files: dict[UUID, list[RemoteFile] | None]
    """None for an experiment that does not exist (any more) for this user."""


class Expected(NamedTuple):
    """What must stand under a name for a request to be done."""

    modified_at: str | None
    """The file's time, letter for letter as a list showed it; None: there must be no file."""


class UploadReceipt(NamedTuple):
    """What the server said to an upload that it has stored."""

    server_date: datetime | None
    """The server's clock (UTC, whole seconds) when it answered; None if it did not say."""
    modified_at: str | None = None
    """The stored file's time, letter for letter as lists will show it; None if the server did not
    say. The embedded server does, the archived one does not."""
    condition_checked: bool = False
    """Whether the server said that it looked at what was expected. False where nothing was, and
    where the server does not know of conditions or a proxy on the way drops their headers: then
    the file was stored whatever stood there."""


class RemovalReceipt(NamedTuple):
    """What the server said to a removal that it has done."""

    condition_checked: bool = False
    """As in `UploadReceipt`."""


class RemoteProbe(NamedTuple):
    """One file on the server, as the head of its download describes it."""

    size: int | None
    """In bytes; None if the server did not tell."""
    modified_second: int | None
    """When its upload finished, by the server's clock, in whole seconds since 1970 (UTC); None if
    the server did not tell."""
    etag: str | None
    """Made by the server of size and exact time: another one means another version."""


class Parameter(NamedTuple):
    """What an action of an extension wants to know, as its manifest describes it."""

    name: str
    display_name: str | None
    description: str | None
    data_type: str
    """One of ``str textarea int float bool select experiment file``."""
    default_value: str | None
    options: tuple[str, ...] | None
    """For ``select``: what may be chosen."""


class Action(NamedTuple):
    """One action of an extension."""

    name: str
    description: str
    """Empty where the server has none."""
    experiment_variable_name: str
    """The parameter that names the experiment to run on; empty if there is none."""
    parameters: tuple[Parameter, ...]


class ExtensionRecord(NamedTuple):
    """An extension of the server."""

    name: str
    description: str | None
    authors: str
    actions: tuple[Action, ...]


class TaskStatus(StrEnum):
    """How far a task has come."""

    PENDING = "PENDING"
    """It waits for a worker."""
    RECEIVED = "RECEIVED"
    """A worker has taken it."""
    STARTED = "STARTED"
    """It runs."""
    SUCCESS = "SUCCESS"
    """It ended with exit code 0."""
    FAILURE = "FAILURE"
    """It ended with another exit code, or could not be run."""
    REVOKED = "REVOKED"
    """It was cancelled."""

    @property
    def ended(self) -> bool:
        """Whether nothing about the task will change any more."""
        return self in _ENDED


_ENDED = frozenset({TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.REVOKED})


class TaskRecord(NamedTuple):
    """A task as the server described it in one answer."""

    uuid: UUID
    experiment: ExperimentRef
    extension_name: str
    action_name: str
    parameters: tuple[tuple[Parameter, str | None], ...]
    created_by: str
    received_at: datetime
    ended_at: datetime | None
    status: TaskStatus
    result_code: int | None
    std_out: str | None
    std_err: str | None


class TaskPage(NamedTuple):
    """Some of the tasks that a search found."""

    tasks: Sequence[TaskRecord]
    """Newest first."""
    total: int
    """How many the whole search found."""


class Execution(NamedTuple):
    """What a server without tasks says about an action that it has run to its end."""

    return_code: int
    stdout: str
    stderr: str
    log_experiment: str
    log_file: str
