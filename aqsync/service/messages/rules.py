"""Which changes are told, and when. Pure: the time is an argument, and nothing is kept here.

An alarm is told once, when it has lasted a moment, whatever the number of files that it concerns
becomes. That it is over is told once too, when it has been away for a moment. One that comes back
soon after that must stay away four times as long before it is told to be over again, to an hour.
In quiet hours nothing is told; what has changed by their end is told then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from aqsync.config.notify import On
from aqsync.journal.notices import Key, Notice
from aqsync.model import SECOND_NS
from aqsync.service.messages.alarms import Alarm

SETTLE_S = 5.0
"""An alarm must be seen for so long: what comes at once is told in one message."""
OVER_S = 20.0
"""An alarm must be away for so long."""
FLAPPING = 4
OVER_AT_LATEST_S = 3600.0
REMEMBERED_S = 86_400.0
"""For so long an alarm that is over is remembered: if it comes back, it flaps."""
MOST = 6
WITHIN_S = 600.0
"""No more messages than `MOST` within this; further changes wait, and are then told together."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known from step to step, and may be lost in a restart."""

    seen: Mapping[Key, int] = field(default_factory=dict)
    """Since when alarms are seen that are not told yet, nanoseconds since 1970."""
    told_at: tuple[int, ...] = ()
    """When the last messages were made."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from what is seen now."""

    memory: Memory
    changed: list[Notice]
    """To be noted together with the messages."""
    forgotten: list[Key]
    told: dict[On, list[Alarm]]
    """A message for each kind."""
    over: list[Notice]
    """One message for all of them."""


def step(
    memory: Memory,
    notices: Sequence[Notice],
    alarms: Sequence[Alarm],
    now_ns: int,
    on: Collection[On],
    *,
    quiet: bool,
) -> Step:
    """What is told now.

    Args:
        memory: Of the step before.
        notices: What people were told.
        alarms: What is wrong now.
        now_ns: The wall clock, nanoseconds since 1970; it may have been set either way.
        on: What people want to be told of.
        quiet: Whether it is a quiet hour.
    """
    present = {each.key: each for each in alarms if each.kind in on}
    known = {notice.key: notice for notice in notices if notice.key.kind != On.DAILY}
    seen = {
        key: min(memory.seen.get(key, now_ns), now_ns)
        for key in present
        if not _stands(known.get(key))
    }
    after = {key: _seen(notice, key in present, now_ns) for key, notice in known.items()}
    recent = tuple(at for at in memory.told_at if 0 <= now_ns - at < WITHIN_S * SECOND_NS)
    told: dict[On, list[Alarm]] = {}
    over: list[Notice] = []
    for kind in On:
        new = [
            present[key]
            for key, since_ns in seen.items()
            if key.kind == kind and now_ns - since_ns >= SETTLE_S * SECOND_NS
        ]
        if new and not quiet and len(recent) < MOST:
            told[kind] = new
            after |= {each.key: told_notice(after.get(each.key), each, now_ns) for each in new}
            recent += (now_ns,)
    ended = [notice for notice in after.values() if _is_over(notice, now_ns)]
    if ended and not quiet and len(recent) < MOST:
        over = [notice for notice in ended if notice.key.kind in on]
        after |= {notice.key: notice._replace(over_at_ns=now_ns) for notice in ended}
        recent += (now_ns,) if over else ()
    forgotten = [key for key, notice in after.items() if _is_forgotten(notice, now_ns)]
    changed = [
        notice for key, notice in after.items() if key not in forgotten and notice != known.get(key)
    ]
    seen = {key: at for key, at in seen.items() if not _stands(after.get(key))}
    return Step(Memory(seen, recent), changed, forgotten, told, over)


def told_notice(before: Notice | None, alarm: Alarm, now_ns: int) -> Notice:
    """That an alarm is told now.

    Args:
        before: What was told of it before, and is over.
        alarm: Which.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    again = 0 if before is None else before.again + 1
    return Notice(alarm.key, alarm.text, now_ns, again=again)


def daily_is_due(last_ns: int, now_ns: int, at: time) -> bool:
    """Whether the message of the day is to be sent.

    Args:
        last_ns: When it was sent last, nanoseconds since 1970.
        now_ns: Now.
        at: The local time of day.
    """
    now = datetime.fromtimestamp(now_ns / SECOND_NS).astimezone()
    due = datetime.combine(now.date(), at).astimezone()
    if due > now:
        due = datetime.combine(now.date() - timedelta(days=1), at).astimezone()
    # A clock that is set back by some hours comes to the same time of day once more.
    is_of_another_time = last_ns - now_ns > REMEMBERED_S * SECOND_NS
    return last_ns < due.timestamp() * SECOND_NS or is_of_another_time


def over_after_s(again: int) -> float:
    """How long an alarm must be away that came back so often."""
    return min(OVER_S * float(FLAPPING) ** min(again, 10), OVER_AT_LATEST_S)


def _stands(notice: Notice | None) -> bool:
    return notice is not None and notice.over_at_ns is None


def _seen(notice: Notice, is_there: bool, now_ns: int) -> Notice:  # noqa: FBT001 - a fact about it
    """The notice with since when its alarm is away."""
    if notice.over_at_ns is not None:
        return notice
    if is_there:
        return notice._replace(gone_at_ns=None)
    gone_ns = now_ns if notice.gone_at_ns is None else min(notice.gone_at_ns, now_ns)
    return notice._replace(gone_at_ns=gone_ns)


def _is_over(notice: Notice, now_ns: int) -> bool:
    if notice.gone_at_ns is None or notice.over_at_ns is not None:
        return False
    return now_ns - notice.gone_at_ns >= over_after_s(notice.again) * SECOND_NS


def _is_forgotten(notice: Notice, now_ns: int) -> bool:
    if notice.over_at_ns is None:
        return False
    return not 0 <= now_ns - notice.over_at_ns < REMEMBERED_S * SECOND_NS
