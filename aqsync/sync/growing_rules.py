"""When a version goes of a file that keeps changing, or of a large one that settles too often.

Everything here is pure. The observations: since when the file keeps changing, whether it has only
grown, how it began when it was last read, what was sent of it and when. From them follows:

- Of a file that only grows, a *provisional version* goes every `every` at most, and only if all
  that was sent since it last stood still for that long costs at most `budget` times this version.
- Bytes that were read once must be the same when a version goes. So of a file that was never sent,
  the beginning is read after half of `every`, and nothing is sent until it was read again.
- Of a database, that is a snapshot, and of a file whose own format says that it is finished, the
  whole file: those may change as they like.
- A large file that was sent and has settled again pays for each version from the same budget. It
  goes at the latest when it has stood still for `every`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from aqsync.model import (
    SECOND_NS,
    Beginning,
    Compare,
    FileRecord,
    Growing,
    Reason,
    State,
    Upload,
    Wait,
)
from aqsync.wording import duration

LARGE = 16 << 20
"""Bytes; a file of more pays for each version that is sent."""

_SENT_WHILE_GROWING = {Reason.NEW, Reason.CHANGED}
"""Uploads that replace nothing, or our own version as it is listed. All others wait until the file
has settled: a person has decided on it, or it is to be repaired."""


def paced(
    file: FileRecord,
    growing: Growing | None,
    step: Upload | Compare,
    settling: Wait | None,
    now_ns: int,
) -> Upload | Compare | Wait:
    """When the upload of a file takes place, or the comparison that comes before it.

    Args:
        file: Everything observed of it.
        growing: How often versions may go.
        step: What is done if nothing stands in its way.
        settling: The wait until it has settled; None: it has.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    synced = file.synced
    settling = settling and _if_provisional(file, settling)
    if isinstance(step, Compare):
        return step if settling is None else _compared(file, growing, step, settling, now_ns)
    if growing is None:
        return settling or replace(step, spent=file.growth.spent_bytes)
    pace = _Pace(file, growing, now_ns)
    step = replace(step, spent=pace.spent)
    if settling is not None:
        # A person may want it unfinished, which a version while it changes never is.
        plain = step.reason in _SENT_WHILE_GROWING and not (pace.is_whole and file.as_it_is)
        sent_while_growing = growing.provisional and plain
        return _while_it_changes(pace, step, settling) if sent_while_growing else settling
    if now_ns - file.since_ns >= growing.every_ns:
        return replace(step, rested=True)
    if synced is None or pace.bytes_at_rest <= LARGE or step.reason is not Reason.CHANGED:
        return step
    return _large_again(pace, step)


def known_beginning(file: FileRecord) -> Beginning | None:
    """How the file began when it was last sent or read; None: that is unknown."""
    synced = file.synced
    if synced is not None and synced.size > 0:
        return Beginning(synced.size, synced.sha256)
    return file.growth.begun


def _if_provisional(file: FileRecord, wait: Wait) -> Wait:
    """A wait, which tells how old the version on the server is if that is provisional."""
    synced = file.synced
    if synced is None or not synced.provisional:
        return wait
    return replace(wait, state=State.PROVISIONAL, since_ns=synced.at_ns)


class _Pace:
    """What follows for one file from what was sent of it, and when."""

    def __init__(self, file: FileRecord, growing: Growing, now_ns: int) -> None:
        self.file = file
        self.growing = growing
        self.now_ns = now_ns
        self.is_whole = file.is_database or file.is_whole_or_nothing
        """A version is whole by itself, however the file has changed since the last one."""
        self.is_known = self.is_whole or (file.growth.only and known_beginning(file) is not None)
        self.spent = 0 if self._counts_no_longer() else file.growth.spent_bytes
        self.affordable = math.ceil(self.spent / (growing.budget - 1))
        """The fewest bytes of a version with which all keep to the budget."""
        news = 0 if self.is_whole else self.sent_bytes + 1
        self.least = max(self.affordable, news)
        """The fewest bytes of a provisional version, which holds news besides."""

    def _counts_no_longer(self) -> bool:
        """Whether the version on the server had stood still for long when the file changed."""
        synced, changing_ns = self.file.synced, self.file.changing_since_ns
        if synced is None or synced.provisional or changing_ns is None:
            return False
        return changing_ns - synced.at_ns >= self.growing.every_ns

    @property
    def bytes(self) -> int:
        """The most that a version of it may have now: a snapshot holds what is in the log too."""
        return self.file.size + self.file.log_bytes

    @property
    def bytes_at_rest(self) -> int:
        """What a version is likely to have: a snapshot seldom becomes smaller."""
        return max(self.file.size, self.sent_bytes) if self.file.is_database else self.file.size

    @property
    def sent_bytes(self) -> int:
        """Of the version on the server."""
        return 0 if self.file.synced is None else self.file.synced.size

    def after(self, time_ns: int | None, pause_ns: int) -> int:
        """So much later than a time; 0 if there is none.

        One that lies further ahead than the pause is from before the clock was set back, and counts
        as long ago: nobody waits until the clock has caught up.
        """
        if time_ns is None or time_ns - self.now_ns > pause_ns:
            return 0
        return time_ns + pause_ns

    @property
    def next_ns(self) -> int:
        """When the next version may go after the one on the server; 0: there is none."""
        synced = self.file.synced
        return self.after(None if synced is None else synced.at_ns, self.growing.every_ns)

    def due_ns(self, changing_ns: int) -> int:
        """When a file is read next that has kept changing since `changing_ns`."""
        every_ns = self.growing.every_ns
        grown_ns = self.after(changing_ns, every_ns if self.is_known else every_ns // 2)
        return max(grown_ns, self.next_ns, self.again_ns)

    @property
    def enough_ns(self) -> int | None:
        """When the file has `least` bytes if it grows on as it has since the last version."""
        synced, size = self.file.synced, self.bytes
        if synced is None or size >= self.least:
            return None
        grown, took_ns = size - synced.size, self.now_ns - synced.at_ns
        if grown <= 0 or took_ns <= 0:
            return None
        return self.now_ns + max(SECOND_NS, (self.least - size) * took_ns // grown)

    @property
    def again_ns(self) -> int:
        """When something is tried again, after a try in vain; 0: there was none."""
        return self.after(self.file.growth.tried_at_ns, self.growing.every_ns // 2)

    def when(self, due_ns: int) -> str:
        """When the next version goes, for a person."""
        every_ns = self.growing.every_ns
        every = duration(every_ns / SECOND_NS)
        if self.bytes <= self.sent_bytes and not self.is_whole:
            return "nothing was added since the version on the server"
        if self.bytes < self.least:
            return f"the next version goes when it has {self.least} bytes, to keep to the budget"
        if due_ns == self.again_ns:
            half = duration(every_ns // 2 / SECOND_NS)
            return f"the last try sent nothing; the next is made {half} later"
        if self.file.synced is None:
            return f"a first, provisional version goes when it has grown for {every}"
        return f"the next version goes {every} after the last one"


def _while_it_changes(pace: _Pace, step: Upload, settling: Wait) -> Upload | Wait:
    file = pace.file
    if file.changing_since_ns is None:
        return settling
    for_long = settling.reason is Reason.KEEPS_CHANGING or settling.state is State.PROVISIONAL
    due_ns = pace.due_ns(file.changing_since_ns)
    if not (file.growth.only or pace.is_whole):
        if pace.now_ns >= due_ns and file.growth.tried_at_ns is None:
            return replace(step, why=Reason.BEGINNING_DUE.explain(), provisional=True)
        why = Reason.CHANGES_IN_PLACE.explain()
        return replace(settling, why=why) if for_long else settling
    goes_ns = max(due_ns, pace.enough_ns or 0)
    if pace.now_ns < goes_ns:
        until_ns = min(settling.until_ns or goes_ns, goes_ns)
        settling = replace(settling, until_ns=until_ns, goes_ns=goes_ns)
    elif pace.bytes >= pace.least:
        why = (Reason.PROVISIONAL_DUE if pace.is_known else Reason.BEGINNING_DUE).explain()
        return replace(step, why=why, provisional=True, least=pace.least)
    if not for_long:
        return settling
    return replace(settling, why=Reason.GROWS.explain(when=pace.when(due_ns)))


def _compared(
    file: FileRecord, growing: Growing | None, step: Compare, settling: Wait, now_ns: int
) -> Compare | Wait:
    """After an upload without an answer, whether the server has it is found out meanwhile."""
    synced, changing_ns = file.synced, file.changing_since_ns
    may_be_ours = file.sent is not None or (synced is not None and synced.modified_at is None)
    if growing is None or not growing.provisional or changing_ns is None or not may_be_ours:
        return settling
    if now_ns < _Pace(file, growing, now_ns).due_ns(changing_ns):
        return settling
    return replace(step, while_growing=True)


def _large_again(pace: _Pace, step: Upload) -> Upload | Wait:
    file, next_ns = pace.file, pace.next_ns
    is_enough = pace.bytes_at_rest >= pace.affordable
    if is_enough and pace.now_ns >= next_ns:
        return step
    rested_ns = min(file.since_ns, pace.now_ns) + pace.growing.every_ns
    every = duration(pace.growing.every_ns / SECOND_NS)
    when = (
        f"the next version goes {every} after the last one"
        if is_enough
        else f"the next version goes when it has {pace.affordable} bytes, to keep to the budget"
    )
    why = Reason.LARGE_AGAIN.explain(when=when, every=every)
    wait = Wait(why, file.since_ns, min(next_ns, rested_ns) if is_enough else rested_ns)
    return _if_provisional(file, wait)
