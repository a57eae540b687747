"""What passes between a command and the daemon, as JSON: requests, answers, errors and events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from aqsync.config.units import LONGEST_DURATION_S
from aqsync.errors import AqsyncError, BadRequest, DaemonStopped, ExitCode
from aqsync.model import Freed
from aqsync.sync.progress import Event, Finished, Pausing, Planned, Replacing, Sent

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
LONGEST_REQUEST = 1 << 20
"""Bytes that the body of a request may have."""

M = TypeVar("M", bound="Message")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("no text may hold a NUL")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_DURATION_S, allow_inf_nan=False)]


class Message(BaseModel):
    """One JSON object: nothing is converted, nothing is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Content = Message | Mapping[str, Any]


class ProvedFile(Message):
    """What was proved of a file that is on the server, as it is here."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: int
    """Bytes."""
    modified_at: Text
    """The server's time of it."""

    @classmethod
    def of(cls, proved: Freed) -> ProvedFile:
        """Say it."""
        _, sha256, size, modified_at = proved
        return cls(sha256=sha256.hex(), size=size, modified_at=modified_at)

    @property
    def freed(self) -> Freed:
        """The same for the journal."""
        return Freed(0, bytes.fromhex(self.sha256), self.size, self.modified_at)


class PushRequest(Message):
    """What to push, as `aqsync push` was told."""

    config: Text
    """The configuration file that the command has read; absolute."""
    mappings: dict[Text, Text]
    """The mappings to push: their names and directories."""
    within: dict[Text, list[Text]]
    """By mapping, the paths to look at, relative to its root; none: everything."""
    wait: bool
    longest_wait_s: Seconds
    overwrite: bool
    at_once: bool
    """Push in spite of pauses and closed transfer windows."""
    freed: dict[Text, dict[Text, ProvedFile]] = {}
    """By mapping and path: files that are about to be removed."""
    kept: dict[Text, list[Text]] = {}
    """By mapping, the paths of such files that stay all the same."""
    tidy: bool = False
    """Remove the copies of databases' parts that an earlier release has sent."""


class RetryRequest(Message):
    """Which files to set free, as `aqsync retry` was told."""

    config: Text
    paths: list[Text]
    """Absolute."""
    mappings: list[Text]
    """Names; none: all."""
    actions: bool = False
    """Instead of files, actions that have not succeeded."""
    leave: bool = False
    """These are not run again, but left as they are."""


class PauseRequest(Message):
    """Send nothing for a while."""

    mapping: Text | None
    """None: of all mappings."""
    seconds: Seconds | None
    """None: until somebody resumes."""


class ResumeRequest(Message):
    """Send again."""

    mapping: Text | None
    """None: all mappings."""


class Nothing(Message):
    """There is nothing to say: no part of an order, or an answer beyond that it was done."""


class SetFree(Message):
    """The answer to a `RetryRequest`."""

    files: int


class FileUnderWay(Message):
    """A file that is being sent or compared."""

    mapping: str
    path: str
    """Relative to the mapping's root."""
    size: int
    """Bytes; so are those sent."""
    sent: int
    seconds: float
    """Since it began."""


class DaemonStatus(Message):
    """What a daemon says of itself."""

    process: int
    version: str
    config: str
    """The path of its configuration."""
    mappings: list[str]
    started_at_ns: int
    """Nanoseconds since 1970."""
    uploaded: int
    """Files since its start."""
    bytes: int
    """The same in bytes."""
    ready: int
    """Files that wait for their turn."""
    page: str | None = None
    """The address of the status page."""
    not_told: list[str] = []
    """Why messages or signs of life do not arrive."""
    page_problem: str | None = None
    """Why there is none though the configuration wants one."""
    refused: str | None = None
    """Why it goes on by an old configuration though it was told to take over another."""
    under_way: list[FileUnderWay]


class MeasurementStatus(Message):
    """A folder whose files belong together."""

    mapping: str
    folder: str
    """Relative to the mapping's root."""
    state: str
    """`MeasurementState`."""
    code: str
    """The reason why it is complete, or is not."""
    reason: str
    files: int
    not_there: int
    """How many are not on the server as they are here."""
    bytes: int
    changed_at_ns: int
    """When something in it changed last, nanoseconds since 1970."""


class Measurements(Message):
    """How every measurement stands, by the mapping and by its name."""

    measurements: list[MeasurementStatus]


class Failure(Message):
    """An error of `aqsync.errors`."""

    kind: str
    message: str
    hint: str
    exit_code: int

    @classmethod
    def of(cls, exc: AqsyncError) -> Failure:
        """Say an error."""
        return cls(
            kind=type(exc).__name__,
            message=exc.message,
            hint=exc.hint,
            exit_code=int(exc.exit_code),
        )

    def error(self) -> AqsyncError:
        """An error that ends a command as it would have ended one that had met it itself."""
        kinds = {kind.__name__: kind for kind in (DaemonStopped, BadRequest)}
        error = kinds.get(self.kind, AqsyncError)(self.message, hint=self.hint)
        error.exit_code = ExitCode(self.exit_code)
        return error


def plain(content: Content) -> Mapping[str, Any]:
    """The same as `json` takes it."""
    return content.model_dump() if isinstance(content, Message) else content


def encoded(content: Content) -> bytes:
    """One line of JSON; names that are no UTF-8 keep their bytes as lone surrogates."""
    return json.dumps(plain(content), separators=(",", ":")).encode() + b"\n"


def decoded(kind: type[M], content: bytes) -> M:
    """The message that bytes say.

    Raises:
        BadRequest: They say none.
    """
    try:
        # Not pydantic's own parser, which refuses lone surrogates.
        return kind.model_validate(json.loads(content.decode()))
    except ValidationError as exc:
        [first, *_] = exc.errors(include_url=False, include_context=False, include_input=False)
        place = ".".join(map(str, first["loc"]))
        raise _not_understood(f"{place}: {first['msg']}" if place else first["msg"]) from exc
    except (ValueError, RecursionError) as exc:
        raise _not_understood("its body is not a JSON object") from exc


def _not_understood(why: str) -> BadRequest:
    return BadRequest(f"the daemon does not understand the request: {why}")


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
