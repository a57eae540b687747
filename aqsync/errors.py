"""Every error that aqsync raises on purpose.

Each carries a message for a person, a hint that says what to do, whether trying again
without a change is pointless (``permanent``), and the exit code of a command that ends with it.
`docs/reference/errors.md` shows them as a tree.

Scripts written for pyaqueduct catch its names, and here they catch the same as there.
``PyAqueductError``, ``ForbiddenError`` and ``UnAuthorizedError`` are other names of `AqsyncError`,
`Forbidden` and `TokenRefused`; `RemoteOperationError` stands in the tree. What ``download_file``
raises is both what the tree calls it and a `FileDownloadError`. What ``upload_file`` and
``remove_files`` raise is also a `FileUploadError` or `FileRemovalError` if it is a
`ServerUnreachable`. So a script may ask either way: what happened, or what was being done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, TypeVar
from uuid import UUID

_E = TypeVar("_E", bound="AqsyncError")


class ExitCode(IntEnum):
    """What a command's exit status says."""

    OK = 0
    INCOMPLETE = 1
    """Something is held, waiting, provisional, failed or differs on the server."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    SERVER = 3
    """The server is unreachable or refuses the token."""
    JOURNAL_IN_USE = 4
    INTERRUPTED = 130


class AqsyncError(Exception):
    """The root of the tree.

    Args:
        message: What happened and to what, in words for a person, without a final full stop.
        hint: What to do about it; empty where there is nothing to advise.
    """

    permanent = False
    """True where trying again cannot help until somebody changes something."""
    exit_code = ExitCode.INCOMPLETE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Callable[..., AqsyncError], tuple[Any, ...]]:
        """Let it travel between processes; Python's own way would lose keyword arguments."""
        return restored, (type(self), self.args, vars(self))


def restored(kind: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    """Make an error again from what it was: see `AqsyncError.__reduce__`."""
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error


class ConfigError(AqsyncError):
    """The configuration, or something it names, cannot be used."""

    permanent = True
    exit_code = ExitCode.USAGE


class JournalError(AqsyncError):
    """The journal cannot be used."""

    permanent = True


class JournalInUse(JournalError):
    """Another process writes this journal."""

    permanent = False
    exit_code = ExitCode.JOURNAL_IN_USE


class JournalBroken(JournalError):
    """The journal's content is damaged."""


class JournalTooNew(JournalError):
    """A newer aqsync wrote this journal."""

    exit_code = ExitCode.USAGE


class JournalDiskFull(JournalError):
    """The disk that holds the journal has no room."""

    permanent = False


class JournalReplaced(JournalError):
    """It was deleted or replaced while it was in use; nothing more is recorded in it."""

    permanent = False


class LocalError(AqsyncError):
    """A file or directory on this machine."""


class RootUnusable(LocalError):
    """A mapping's directory is missing, not a directory, unreadable, or another one than before."""


class RootBehindLink(RootUnusable):
    """A mapping's directory is reached through a symbolic link that other users could have made."""


class DiskHangs(RootUnusable):
    """The file system of a mapping's directory does not answer."""


class RootInDoubt(RootUnusable):
    """Another directory than before may stand in a mapping's place, or its files may be away."""


class FileUnreadable(LocalError):
    """A file cannot be opened or read."""


class FileVanished(LocalError):
    """A file is gone."""


class FileToUploadNotFoundError(FileVanished, FileNotFoundError):
    """There is no file to upload; pyaqueduct let Python's own error through."""


class FileChanged(LocalError):
    """A file changed while it was read; nothing of it counts as sent."""


class FileRewritten(FileChanged):
    """A file that seemed only to grow has other bytes now where it was read before."""


class SnapshotFailed(LocalError):
    """No consistent copy of a database could be made; nothing of it was sent."""


class DatabaseBusy(SnapshotFailed):
    """Each time while a database was copied, it was written to in a way that makes a copy torn."""


class NoRoomForSnapshot(SnapshotFailed):
    """The disk of the journal has no room for the copy of a database."""


class SharedTransaction(SnapshotFailed):
    """A program was killed while it wrote to several databases in one transaction."""


class DatabaseDamaged(SnapshotFailed):
    """A database is damaged, so what its log holds cannot be written into it."""


class EventsUnavailable(LocalError):
    """Changes below a directory cannot be heard of; only looking there tells of them."""


class RemoteError(AqsyncError):
    """Anything between this machine and the server."""


class ServerUnreachable(RemoteError):
    """No connection, no answer in time, or no progress in a transfer."""

    exit_code = ExitCode.SERVER


class NoConnection(ServerUnreachable):
    """No connection could be made, so nothing was sent."""


class AccessDenied(RemoteError):
    """The server knows who asks, or does not, and says no."""

    permanent = True
    exit_code = ExitCode.SERVER


class TokenRefused(AccessDenied):
    """401: the token is missing or not accepted."""


class Forbidden(AccessDenied):
    """403: this user may not do this."""


class FileForbidden(Forbidden):
    """403, and the server says that it is about this file alone: what is there is of others."""


class RemoteOperationError(RemoteError):
    """The server answered, but not as it was asked."""


class ServerFailed(RemoteOperationError):
    """The server answered with a failure of its own (5xx, 408 or 429).

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        retry_after_s: Seconds for which the server asked to be left alone, 3,600 at most; None if
            it did not say.
    """

    exit_code = ExitCode.SERVER

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ServerBusy(ServerFailed):
    """Somebody else did the same at the same moment; nothing was changed, again may succeed."""


class BadAnswer(RemoteOperationError):
    """The answer is not one that an Aqueduct server gives."""

    exit_code = ExitCode.SERVER


class ManifestBroken(AqsyncError):
    """A manifest in an experiment cannot be read."""

    permanent = True


class StatusFileBroken(AqsyncError):
    """A status file of a fleet is none, or is not signed as it must be."""

    permanent = True


class AnswerTooLarge(BadAnswer):
    """The answer would have been, or is, larger than this program or the server allows."""


class OperationFailed(RemoteOperationError):
    """The server refused a GraphQL operation and said why."""

    permanent = True


class ExperimentNotFound(OperationFailed):
    """There is no such experiment for this user."""


class TaskNotFound(OperationFailed):
    """There is no such task for this user."""


class OperationMissing(OperationFailed):
    """The server is of a release that does not have the operation."""


class BadParameters(OperationFailed):
    """An action of an extension does not take these values; nothing was sent."""

    exit_code = ExitCode.USAGE


class TransferRefused(RemoteOperationError):
    """The server refused one file.

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        status: The HTTP status of the answer.
        limit_bytes: With status 413, the largest file that the server takes; None if it did not
            say.
    """

    permanent = True

    def __init__(
        self, message: str, *, hint: str = "", status: int, limit_bytes: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.limit_bytes = limit_bytes


class RemoteChanged(TransferRefused):
    """Another version stands on the server than the request expected, so nothing was done.

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        status: The HTTP status of the answer.
        present: Whether a file stands there; None if the server did not say.
        modified_at: Its time, as lists show it; None if there is no file or the server did not say.
    """

    permanent = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int,
        present: bool | None = None,
        modified_at: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status)
        self.present = present
        self.modified_at = modified_at


class HeaderDropped(TransferRefused):
    """A proxy on the way removes the header ``file_name``, so no upload can arrive."""

    exit_code = ExitCode.SERVER


class RemoteFileNotFound(TransferRefused):
    """The server has no file of this name in this experiment."""


class ContentDiffers(RemoteOperationError):
    """The bytes on the server are not those that were sent, as a manifest or the journal says."""

    permanent = True


class NameNotSendable(RemoteError):
    """A file name that the protocol cannot carry."""

    permanent = True


class TaskUnfinished(RemoteError):
    """A task had not ended in the time it was given; it goes on.

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        task_id: The task, for ``API.get_task``.
    """

    def __init__(self, message: str, *, hint: str = "", task_id: UUID) -> None:
        super().__init__(message, hint=hint)
        self.task_id = task_id


class AlreadyThere(AqsyncError, FileExistsError):
    """A file of this name is there, here or on the server, and was not to be replaced."""

    permanent = True


class TreeIncomplete(AqsyncError):
    """Some files of a tree were not moved; the others were.

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        problems: By path in the tree, why a file was not moved.
        notes: What is worth knowing besides.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        problems: Mapping[str, AqsyncError],
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems
        self.notes = notes


class NoDaemon(AqsyncError):
    """No daemon runs for a journal, or it does not answer."""


class DaemonStopped(NoDaemon):
    """The daemon stopped before it had answered."""


class BadRequest(AqsyncError):
    """The daemon does not understand what a command asks for, or not what it answers."""


class ServeFailed(AqsyncError):
    """The embedded server could not start."""

    exit_code = ExitCode.USAGE


class NotMoved(AqsyncError):
    """Experiments could not be imported into an embedded server, or exported from one."""


class ServiceFailed(AqsyncError):
    """The daemon could not be made a service of systemd, or systemd could not be asked."""

    permanent = True


class NotSent(AqsyncError):
    """A message, or a sign of life, was not taken by the address that it was for."""


class Interrupted(AqsyncError):
    """A person ended the work before its end; nothing of what was under way counts."""

    exit_code = ExitCode.INTERRUPTED


class GivenUp(Interrupted):
    """A file system answered, but so late that nobody waits any longer."""


class FileUploadError(AqsyncError):
    """An upload did not reach the server; the error is a `ServerUnreachable` too."""


class FileDownloadError(AqsyncError):
    """A download failed; the error also is what the tree calls it."""


class FileRemovalError(AqsyncError):
    """A removal did not reach the server; the error is a `ServerUnreachable` too."""


class WrongArgument(TypeError, ValueError):
    """A function of the client library does not take such an argument.

    It stands beside the tree: what is wrong is the script.
    """


PyAqueductError = AqsyncError
ForbiddenError = Forbidden
UnAuthorizedError = TokenRefused
