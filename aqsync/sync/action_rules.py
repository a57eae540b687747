"""What is done next about the actions of a measurement: pure rules.

The start of an action is noted before it is asked for. Whatever is lost after that, the server is
asked for the task before anything else, for as long as a start may still be on its way; only then
it counts as never sent. What has ended stays so until a person wants it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from aqsync.model import SECOND_NS, ActionRun, ActionState

LOST_NS = 900 * SECOND_NS
"""A start that no task is found for counts as never sent after this time: the client gives up
after ten minutes, and a server may be at work on a request whose answer nobody waits for."""
STUCK_NS = 600 * SECOND_NS
"""A task that waits for longer than this may wait for ever."""
MOST_AT_ONCE = 4
"""Runs under way; others wait."""
_SOONEST_NS, _LATEST_NS = 2 * SECOND_NS, 300 * SECOND_NS
"""Between two looks at a run."""
_SHARE = 8
"""The pause between two looks is this part of a run's age."""


class Step(Enum):
    """What is done next about a noted run."""

    ASK = auto()
    """Ask how its task is."""
    SEARCH = auto()
    """Search for its task."""
    SEARCH_OR_BEGIN = auto()
    """Search for its task once more, and begin it if there is none."""
    BEGIN_AGAIN = auto()
    """Begin it once more, as a person wants it."""
    GIVE_UP_UNKNOWN = auto()
    """Nobody can tell whether it has run."""
    GIVE_UP_OUTDATED = auto()
    """It was never begun, and its content has changed since."""
    REST = auto()


def step_of(run: ActionRun, now_ns: int, *, current: bool, has_tasks: bool) -> Step:
    """What is done next.

    Args:
        run: What is known of it.
        now_ns: The wall clock, nanoseconds since 1970.
        current: Whether the measurement still has this content.
        has_tasks: Whether the server keeps tasks that can be searched for.
    """
    if run.state.ended:
        return Step.BEGIN_AGAIN if run.again and current else Step.REST
    if run.task is not None:
        return Step.ASK
    if not has_tasks:
        return Step.GIVE_UP_UNKNOWN
    if now_ns - run.noted_at_ns < LOST_NS:
        return Step.SEARCH
    return Step.SEARCH_OR_BEGIN if current else Step.GIVE_UP_OUTDATED


def pause_ns(run: ActionRun, now_ns: int) -> int:
    """How long to wait before the next look at a run that is under way."""
    age_ns = now_ns - run.noted_at_ns
    return max(_SOONEST_NS, min(age_ns // _SHARE, _LATEST_NS))


def held_by(runs: Iterable[ActionRun]) -> ActionRun | None:
    """The run that shows that the server does not run this action; None: no run shows it.

    Args:
        runs: Those of one action.
    """
    newest = max(runs, key=lambda run: run.noted_at_ns, default=None)
    if newest is None or newest.state is not ActionState.NOT_RUN or newest.again:
        return None
    return newest


def seems_stuck(run: ActionRun, now_ns: int) -> bool:
    """Whether a task has waited for so long that the server may run none."""
    return run.state is ActionState.WAITING and now_ns - run.noted_at_ns >= STUCK_NS
