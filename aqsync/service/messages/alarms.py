"""What people are told of: what an overview and the daemon itself show to be wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from aqsync.config.notify import On
from aqsync.journal.notices import Key
from aqsync.local.room import Room
from aqsync.model import SECOND_NS, State
from aqsync.sync.overview import Overview
from aqsync.wording import printable, seconds_text

SERVER_AWAY_S = 20.0
"""A server that cannot be used for less is not told of."""
STILL_S = 900.0
"""Uploads that make no progress for so long are stuck."""
LONG_WAIT_S = 86_400.0
"""A file that waits by itself for longer is told of."""
STUCK_LOOP = "stuck-loop"
SLOW_DISK = "slow-disk"
NO_PROGRESS = "no-progress"
DISK_LOW = "disk-low"
STOPPED = "stopped"
REFUSED = "configuration-refused"
REFUSED_HINT = "correct it, and `aqsync reload`; `aqsync check` says what is wrong"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that people are told of, once for all files that it concerns."""

    kind: On
    mapping: str
    """Empty: it concerns all."""
    code: str
    """That of its reason, or one of this module's."""
    reason: str
    hint: str = ""
    files: int = 0
    """How many it concerns, if it concerns files."""
    actions: int = 0
    """How many actions on measurements it concerns."""

    @property
    def key(self) -> Key:
        """What it is known by; how many files it concerns is no part of it."""
        return Key(self.kind.value, self.mapping, self.code)

    @property
    def text(self) -> str:
        """In a line."""
        where = f"{self.mapping}: " if self.mapping else ""
        counts = (("files", self.files), ("actions", self.actions))
        how_many = [f" ({what}: {number})" for what, number in counts if number > 1]
        return f"{where}{self.reason}{''.join(how_many)}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the daemon knows of itself besides an overview."""

    stuck: str | None = None
    """Which of its loops hangs."""
    slow: Mapping[str, float] | None = None
    """Mappings whose scan gets nowhere, and for how many seconds."""
    still_s: float = 0.0
    """For how long nothing has been sent although something could be."""
    room: Room | None = None
    """On the journal's disk."""


def alarms(found: Overview, facts: Facts) -> list[Alarm]:
    """Everything that is wrong, one for each kind, mapping and code."""
    every = (*_for_person(found), *_server(found), *_stuck(found, facts), *_disk(facts))
    merged: dict[Key, Alarm] = {}
    for each in every:
        known = merged.get(each.key)
        if known is None:
            merged[each.key] = each
        else:
            files, actions = known.files + each.files, known.actions + each.actions
            merged[each.key] = replace(known, files=files, actions=actions)
    return list(merged.values())


def _for_person(found: Overview) -> Iterator[Alarm]:
    if found.refused is not None:
        reason = "the daemon refused the changed configuration, and works by the old one"
        yield Alarm(On.NEEDS_YOU, "", REFUSED, reason, REFUSED_HINT)
    if found.server is not None and found.server.denied:
        why = found.server.why
        yield Alarm(On.NEEDS_YOU, "", why.reason.value, printable(why.message), printable(why.hint))
    for each in found.mappings:
        for group in each.needs_you:
            why = group.first.why
            yield Alarm(
                On.NEEDS_YOU,
                each.mapping.name,
                why.reason.value,
                printable(why.message),
                printable(why.hint),
                group.files,
                group.actions,
            )


def _server(found: Overview) -> Iterator[Alarm]:
    problem = found.server
    if problem is None or problem.denied:
        return
    # Less than nothing: the clock was set back meanwhile, which is no sign that it is there.
    if not 0 <= found.at_ns - problem.since_ns < SERVER_AWAY_S * SECOND_NS:
        why = problem.why
        # One code: what exactly is in the way may change while it is away.
        yield Alarm(On.SERVER_AWAY, "", "server-away", printable(why.message), printable(why.hint))


def _stuck(found: Overview, facts: Facts) -> Iterator[Alarm]:
    if facts.stuck is not None:
        reason = f"a part of the daemon hangs, has died or fails: {facts.stuck}"
        yield Alarm(On.STUCK, "", STUCK_LOOP, reason, "restart the daemon; its log says more")
    for name, seconds in (facts.slow or {}).items():
        reason = f"a look at its disk has got nowhere for {seconds_text(seconds)}"
        hint = "see whether its file system answers: `aqsync doctor`"
        yield Alarm(On.STUCK, name, SLOW_DISK, reason, hint)
    if facts.still_s >= STILL_S:
        reason = f"files could be sent, and none has moved for {seconds_text(facts.still_s)}"
        hint = "see the daemon's log, and `aqsync doctor`"
        yield Alarm(On.STUCK, "", NO_PROGRESS, reason, hint)
    for each in found.mappings:
        for group in each.groups:
            old = [p for p in group.problems if p.files is None and _is_long(p.age_seconds)]
            if old and group.first.state is State.WAITING:
                why = old[0].why
                reason = f"waits for more than a day: {printable(why.message)}"
                yield Alarm(
                    *(On.STUCK, each.mapping.name, why.reason.value, reason, printable(why.hint)),
                    files=len(old),
                )


def _is_long(seconds: float | None) -> bool:
    return seconds is not None and seconds >= LONG_WAIT_S


def _disk(facts: Facts) -> Iterator[Alarm]:
    if facts.room is not None and facts.room.is_little:
        reason = f"the disk of the journal {facts.room.text}"
        yield Alarm(On.DISK_LOW, "", DISK_LOW, reason, "free some space")


def could_send(found: Overview) -> bool:
    """Whether a file could be sent now."""
    return found.server is None and any(each.files[State.PENDING] for each in found.mappings)


def told(some: Iterable[Alarm]) -> str:
    """All of them, a line each with what to do."""
    lines = []
    for each in some:
        lines.append(f"- {each.text}")
        if each.hint:
            lines.append(f"  what to do: {each.hint}")
    return "\n".join(lines)
