"""What commands and a running daemon say to each other.

A connection serves one request. The command sends one line, a request:

    {"command": "push", ...}        "push", "retry", "pause", "resume", "reload" or "status"

The daemon answers with lines, of which the last ends the connection:

    {"event": "finished", ...}      what a push tells while it goes on; others may be passed over
    {"alive": true}                 every few seconds while a request is being carried out
    {"done": ...}                   the answer
    {"error": {"kind", "message", "hint", "exit_code"}}

A command that closes its side, or sends ``{"stop": true}``, ends its request: of a push, files
under way are sent to their end, and no others begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, TypeVar

from aqsync.errors import AqsyncError, DaemonStopped, ExitCode
from aqsync.sync.progress import Event, Finished, Pausing, Planned, Replacing, Sent

ALIVE = {"alive": True}
ALIVE_EVERY_S = 3.0
STOP = {"stop": True}
PROBLEMS_A_LINE = 100

_LONGEST_TIME_S = 10 * 366 * 86_400.0

T = TypeVar("T")


class BadRequest(AqsyncError):
    """The daemon does not understand a request."""


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What to push, as `aqsync push` was told."""

    config: str
    """The configuration file that the command has read; absolute."""
    mappings: dict[str, str]
    """The mappings to push: their names and directories."""
    within: dict[str, tuple[str, ...]]
    """By mapping, the paths to look at, relative to its root; none: everything."""
    wait: bool
    longest_wait_s: float
    overwrite: bool
    at_once: bool
    """Push in spite of pauses and closed transfer windows."""


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Which files to set free, as `aqsync retry` was told."""

    config: str
    paths: tuple[str, ...]
    """Absolute."""
    mappings: tuple[str, ...]
    """Names; none: all."""


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """Send nothing for a while."""

    mapping: str | None
    """None: of all mappings."""
    seconds: float | None
    """None: until somebody resumes."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """Send again."""

    mapping: str | None
    """None: all mappings."""


@dataclass(frozen=True, slots=True)
class ReloadRequest:
    """Read the configuration again."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Say what is under way."""


Request = PushRequest | RetryRequest | PauseRequest | ResumeRequest | ReloadRequest | StatusRequest

_COMMANDS: dict[type[Request], str] = {
    PushRequest: "push",
    RetryRequest: "retry",
    PauseRequest: "pause",
    ResumeRequest: "resume",
    ReloadRequest: "reload",
    StatusRequest: "status",
}


def request_to_dict(request: Request) -> dict[str, Any]:
    """A request as JSON knows it."""
    return {"command": _COMMANDS[type(request)], **asdict(request)}


def request_from_dict(found: dict[str, Any]) -> Request:
    """A request, every part of it checked.

    Raises:
        BadRequest: It is none.
    """
    members = _Members(found)
    request: Request
    match members.take("command", _text):
        case "push":
            request = PushRequest(
                members.take("config", _text),
                members.take("mappings", _by_name(_text)),
                members.take("within", _by_name(_texts)),
                members.take("wait", _flag),
                members.take("longest_wait_s", _seconds),
                members.take("overwrite", _flag),
                members.take("at_once", _flag),
            )
        case "retry":
            request = RetryRequest(
                members.take("config", _text),
                members.take("paths", _texts),
                members.take("mappings", _texts),
            )
        case "pause":
            request = PauseRequest(
                members.take("mapping", _optional(_text)),
                members.take("seconds", _optional(_seconds)),
            )
        case "resume":
            request = ResumeRequest(members.take("mapping", _optional(_text)))
        case "reload":
            request = ReloadRequest()
        case "status":
            request = StatusRequest()
        case _:
            _refuse("there is no such command")
    members.end()
    return request


class _Members:
    """Takes an object apart, member by member."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._left = dict(found)

    def take(self, key: str, check: Callable[[object], T]) -> T:
        if key not in self._left:
            _refuse(f"{key} is missing")
        try:
            return check(self._left.pop(key))
        except (TypeError, ValueError):
            _refuse(f"{key} is not what it should be")

    def end(self) -> None:
        if self._left:
            _refuse("it holds more than it should")


def _refuse(what: str) -> NoReturn:
    raise BadRequest(
        f"the daemon does not understand the request: {what}",
        hint="is the daemon of another release? then restart it",
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not 0 <= value <= _LONGEST_TIME_S:  # nor is what is no number
        raise ValueError
    return float(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_text, value))


def _by_name(check: Callable[[object], T]) -> Callable[[object], dict[str, T]]:
    def checked(value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise TypeError
        return {name: check(each) for name, each in value.items()}

    return checked


def _optional(check: Callable[[object], T]) -> Callable[[object], T | None]:
    return lambda value: None if value is None else check(value)


_EVENTS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind for kind in (Planned, Sent, Finished, Replacing, Pausing)
}


def event_to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON knows it."""
    return {"event": type(event).__name__.lower(), **asdict(event)}


def event_from_dict(found: Mapping[str, Any]) -> Event | None:
    """An event; None for one of a newer daemon that is not known here."""
    kind = _EVENTS.get(str(found.get("event")))
    if kind is None:
        return None
    try:
        return kind(**{key: value for key, value in found.items() if key != "event"})
    except TypeError:
        return None


def error_to_dict(exc: AqsyncError) -> dict[str, Any]:
    """An error as JSON knows it."""
    return {
        "kind": type(exc).__name__,
        "message": exc.message,
        "hint": exc.hint,
        "exit_code": int(exc.exit_code),
    }


def error_from_dict(found: Mapping[str, Any]) -> AqsyncError:
    """An error that ends a command as it would have ended one that had met it itself."""
    kind = DaemonStopped if found["kind"] == DaemonStopped.__name__ else AqsyncError
    error = kind(str(found["message"]), hint=str(found["hint"]))
    error.exit_code = ExitCode(found["exit_code"])
    return error
