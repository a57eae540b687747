"""Every error that aqsync raises on purpose.

Each carries a message for a person, a hint that says what to do, whether trying again
without a change is pointless (``permanent``), and the exit code of a command that ends with it.

::

    AqsyncError
      ConfigError                    the configuration, or what it names, cannot be used
      JournalError                   the journal cannot be used
        JournalInUse                 another process writes it
        JournalBroken                its content is damaged
        JournalTooNew                a newer aqsync wrote it
        JournalDiskFull              its disk has no room
      LocalError                     a file or directory on this machine
        RootUnusable                 a mapping's directory is missing, unreadable or replaced
        FileUnreadable               a file cannot be opened or read
        FileVanished                 a file is gone
        FileChanged                  a file changed while it was read
      RemoteError                    anything between us and the server
        ServerUnreachable            no connection, no answer, no progress
        ServerFailed                 it answered with a failure of its own (5xx, 408, 429)
        BadAnswer                    the answer is not Aqueduct's
        AccessDenied
          TokenRefused               401: the token is missing or not accepted
          Forbidden                  403: this user may not do this
        OperationFailed              the server refused a GraphQL operation
          ExperimentNotFound         no such experiment for this user
        TransferRefused              the server refused one file (400, 409, 413, 422)
          HeaderDropped              a proxy on the way removes the header ``file_name``
          RemoteFileNotFound         404 for a file
        NameNotSendable              a file name that the protocol cannot carry
      ServeFailed                    the embedded server could not start
      Interrupted                    a person ended the work before its end
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status says."""

    OK = 0
    INCOMPLETE = 1
    """Something is held, waiting or failed."""
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


class LocalError(AqsyncError):
    """A file or directory on this machine."""


class RootUnusable(LocalError):
    """A mapping's directory is missing, not a directory, unreadable, or another one than before."""


class FileUnreadable(LocalError):
    """A file cannot be opened or read."""


class FileVanished(LocalError):
    """A file is gone."""


class FileChanged(LocalError):
    """A file changed while it was read; nothing of it counts as sent."""


class RemoteError(AqsyncError):
    """Anything between this machine and the server."""


class ServerUnreachable(RemoteError):
    """No connection, no answer in time, or no progress in a transfer."""

    exit_code = ExitCode.SERVER


class ServerFailed(RemoteError):
    """The server answered with a failure of its own (5xx, 408 or 429)."""

    exit_code = ExitCode.SERVER


class BadAnswer(RemoteError):
    """The answer is not one that an Aqueduct server gives."""

    exit_code = ExitCode.SERVER


class AccessDenied(RemoteError):
    """The server knows who asks, or does not, and says no."""

    permanent = True
    exit_code = ExitCode.SERVER


class TokenRefused(AccessDenied):
    """401: the token is missing or not accepted."""


class Forbidden(AccessDenied):
    """403: this user may not do this."""


class OperationFailed(RemoteError):
    """The server refused a GraphQL operation and said why."""

    permanent = True


class ExperimentNotFound(OperationFailed):
    """There is no such experiment for this user."""


class TransferRefused(RemoteError):
    """The server refused one file.

    Args:
        message: What happened, in words for a person.
        hint: What to do about it.
        status: The HTTP status of the answer.
    """

    permanent = True

    def __init__(self, message: str, *, hint: str = "", status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class HeaderDropped(TransferRefused):
    """A proxy on the way removes the header ``file_name``, so no upload can arrive."""

    exit_code = ExitCode.SERVER


class RemoteFileNotFound(TransferRefused):
    """The server has no file of this name in this experiment."""


class NameNotSendable(RemoteError):
    """A file name that the protocol cannot carry."""

    permanent = True


class ServeFailed(AqsyncError):
    """The embedded server could not start."""

    exit_code = ExitCode.USAGE


class Interrupted(AqsyncError):
    """A person ended the work before its end; nothing of what was under way counts."""

    exit_code = ExitCode.INTERRUPTED
