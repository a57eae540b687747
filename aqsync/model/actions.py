"""Runs of actions on measurements that have arrived: what is observed of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActionState(StrEnum):
    """How a run stands, in the words that are printed."""

    UNANSWERED = "not answered yet"
    """Its start was noted; whether the server has begun it is being found out."""
    WAITING = "waiting on the server"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_RUN = "not run by the server"
    """The server took it and ended it without running its script."""
    REFUSED = "refused"
    """The server did not begin it."""
    UNKNOWN = "of unknown outcome"
    """It may have run, and nothing tells."""
    OUTDATED = "given up, as the content has changed"
    """It was never begun, as far as the server tells."""
    LEFT = "left as it is by a person"
    """It had ended, and not well; nobody needs to look any more."""

    @property
    def ended(self) -> bool:
        """Whether nothing about it will change unless a person wants it again."""
        return self not in _UNDER_WAY

    @property
    def needs_somebody(self) -> bool:
        """Whether a person has to look: it has ended, and not well."""
        return self.ended and self not in _FINE


_FINE = {ActionState.SUCCEEDED, ActionState.OUTDATED, ActionState.LEFT}
_UNDER_WAY = {ActionState.UNANSWERED, ActionState.WAITING, ActionState.RUNNING}


@dataclass(frozen=True, slots=True)
class ActionStart:
    """What is asked for: one action on one content of one measurement."""

    mapping: str
    folder: str
    """Relative to the root."""
    key: str
    """Of the action and its parameters, as configured."""
    extension: str
    action: str
    uuid: str
    """Of the experiment."""
    digest: bytes
    """Of the content."""
    parameters: tuple[tuple[str, str], ...]
    """All of them, as they are sent."""
    after: str
    """A time of the server's clock, ISO 8601: a task of this run was received after it."""

    @property
    def name(self) -> str:
        """What to call it for people."""
        return f"{self.extension}/{self.action}"


@dataclass(frozen=True, slots=True)
class ActionRun(ActionStart):
    """A start that was noted, and what became of it."""

    id: int
    noted_at_ns: int
    """When its start was noted, before it was asked for."""
    attempt: int
    """Counted from 1; a person asks for each after the first."""
    state: ActionState
    task: str | None = None
    """The server's identifier of the task; None: unknown, or a server without tasks."""
    result_code: int | None = None
    said: str = ""
    """The last lines of stderr, or why it was not begun."""
    ended_at_ns: int | None = None
    """When it was seen to have ended."""
    again: bool = False
    """A person wants it run once more."""
