"""The loop that tells people what has changed."""

from __future__ import annotations

from collections.abc import Sequence

from aqsync.clock import Clock
from aqsync.config.notify import Address, NotifyConfig, On
from aqsync.errors import ConfigError, JournalDiskFull
from aqsync.journal.notices import Key, Notice
from aqsync.log import Log
from aqsync.service.messages.alarms import STOPPED, Alarm, alarms
from aqsync.service.messages.at_once import AtOnce
from aqsync.service.messages.last_message import LastMessage, tell_end
from aqsync.service.messages.message import (
    Message,
    message_of,
    message_of_day,
    message_of_end,
)
from aqsync.service.messages.outbox import Outbox, Send
from aqsync.service.messages.rules import Memory, daily_is_due, step, told_notice
from aqsync.service.messages.senders import send
from aqsync.service.messages.stop_mark import StopMark
from aqsync.service.own_facts import OwnFacts, Watched
from aqsync.sync.loop import Loop
from aqsync.sync.overview import Overview

EVERY_S = 5.0
"""Between two looks at how everything stands."""
_STOP = Alarm(On.STOPPED, "", STOPPED, "the daemon had ended; it runs again")
_DAY = Key(On.DAILY.value, "", "")

log = Log(__name__)


class Messenger:
    """Tells people what has changed; a network that hangs holds up nothing else.

    Args:
        daemon: Whose state is told.
        facts: What it knows of itself.
        clock: The time.
        by: Sends a message.
    """

    def __init__(self, daemon: Watched, facts: OwnFacts, clock: Clock, by: Send = send) -> None:
        self._daemon = daemon
        self._facts = facts
        self._clock = clock
        self._by = by
        self._unnoted: dict[str, AtOnce] = {}
        """What was told of each event while the journal could not hold it."""
        self._outbox = Outbox(daemon.journal, clock, by)
        self._memory = Memory()
        self._mark = StopMark(daemon.journal.path)
        self._before_ns = self._mark.told_at_ns()
        self.loop = Loop("messages", clock)
        self._file_problem: str | None = None
        self._last: LastMessage | None = None

    def problems(self) -> list[str]:
        """Why messages do not arrive; no secret stands in it."""
        found = list(self._outbox.problems().values())
        return found if self._file_problem is None else [self._file_problem, *found]

    def step(self) -> float:
        """Note what is to be told, and send what can be sent."""
        notify = self._daemon.config.notify
        if not notify.is_wanted:
            return EVERY_S
        addresses = self._addresses(notify)
        if addresses:
            found = self._daemon.board.look(EVERY_S)
            self._tell(notify, found, addresses)
            self._outbox.attend(addresses)
        return EVERY_S

    def begin_end(self, why: str | None) -> None:
        """Tell that the daemon ends; returns at once.

        Args:
            why: Why it ends; None: because somebody told it to.
        """
        self.loop.stop()
        notify = self._daemon.config.notify
        if On.STOPPED in notify.on and (addresses := self._addresses(notify)):
            why = why or "it was told to end"
            self._last = tell_end(addresses, self._mark, why, self._clock)

    def end(self, longest_s: float) -> None:
        """Wait for what is under way.

        Args:
            longest_s: No longer than this, in seconds.
        """
        until = self._clock.monotonic() + longest_s
        results = {} if self._last is None else self._last.wait(longest_s)
        for exc in filter(None, results.values()):
            log.warning("the last message could not be sent", exc=exc)
        self.loop.join(until - self._clock.monotonic())
        self._outbox.close(max(0.0, until - self._clock.monotonic()))

    def _addresses(self, notify: NotifyConfig) -> Sequence[Address]:
        try:
            found = notify.addresses()
        except ConfigError as exc:
            if self._file_problem is None:
                log.error("messages cannot be sent", exc=exc)
            self._file_problem = exc.message
            return ()
        self._file_problem = None
        return found

    def _tell(self, notify: NotifyConfig, found: Overview, addresses: Sequence[Address]) -> None:
        notices, now_ns = self._known(), self._clock.now_ns()
        wrong = alarms(found, self._facts.now(found))
        quiet = bool(notify.quiet_hours) and notify.quiet_hours.closed(now_ns) is None
        next_step = step(self._memory, notices, wrong, now_ns, notify.on, quiet=quiet)
        messages = [message_of(k, t, found, self._daemon.page) for k, t in next_step.told.items()]
        # What needed somebody in a mapping that is no longer configured is not well for that.
        names = {"", *(each.mapping.name for each in found.mappings)}
        over = [notice for notice in next_step.over if notice.key.mapping in names]
        if over and On.RECOVERED in notify.on:
            messages.append(message_of_end(over, found, self._daemon.page))
        changed = list(next_step.changed)
        if On.DAILY in notify.on and not quiet:
            changed += self._day(notify, notices, now_ns, messages, wrong, found)
        if changed or next_step.forgotten:
            bodies = [message.to_json() for message in messages]
            outgoing = [(now_ns, each.label, body) for body in bodies for each in addresses]
            try:
                self._daemon.journal.notices.note(changed, next_step.forgotten, outgoing)
            except JournalDiskFull:
                self._tell_unnoted(messages, addresses)
                raise
            self._unnoted.clear()
        for message in messages:
            log.info("told", event=message.event, title=message.title)
        # Only now: a step that fails tells nothing, and is taken again.
        self._memory = next_step.memory
        if any(notice.key == _STOP.key and notice.over_at_ns for notice in changed):
            self._mark.clear()

    def _tell_unnoted(self, messages: Sequence[Message], addresses: Sequence[Address]) -> None:
        """Tell at once what a full disk cannot hold, such as that it is full; each event once."""
        for message in messages:
            before = self._unnoted.get(message.event)
            if before is None or before.has_failed:
                self._unnoted[message.event] = AtOnce(addresses, message, self._by)

    def _known(self) -> list[Notice]:
        """What was told, the end of the process before included."""
        notices = self._daemon.journal.notices.all()
        if self._before_ns is None:
            return notices
        before = next((notice for notice in notices if notice.key == _STOP.key), None)
        stop = told_notice(before, _STOP, self._before_ns)
        if before is not None and before.over_at_ns is None:
            stop = before._replace(gone_at_ns=None)  # that it runs is new
        self._daemon.journal.notices.note([stop])
        self._before_ns = None
        return [*(notice for notice in notices if notice is not before), stop]

    def _day(
        self,
        notify: NotifyConfig,
        notices: Sequence[Notice],
        now_ns: int,
        messages: list[Message],
        wrong: Sequence[Alarm],
        found: Overview,
    ) -> list[Notice]:
        """Add the message of the day if it is due; the first is due on the next day."""
        last = next((notice for notice in notices if notice.key == _DAY), None)
        if last is not None and not daily_is_due(last.told_at_ns, now_ns, notify.daily):
            return []
        if last is not None:
            messages.append(message_of_day(wrong, found, self._daemon.page))
        return [Notice(_DAY, "", now_ns)]
