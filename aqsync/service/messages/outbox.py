"""Sends the messages that the journal holds, each address on a thread of its own.

A message is sent, and then noted as sent: after a kill in between it is sent once more. An address
that does not take one is tried again with growing pauses, and its messages stay in order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aqsync.clock import Clock
from aqsync.config.notify import Address
from aqsync.errors import AqsyncError
from aqsync.journal import Journal
from aqsync.journal.notices import Outgoing
from aqsync.log import Log
from aqsync.model import SECOND_NS

FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 900.0
KEPT_S = 3 * 86_400.0
"""A message that an address has not taken for so long is given up."""
LAST_TRIES_S = 3600.0
"""But not before a process has tried for so long: how old one from before its start is, only the
wall clock says, which may have been wrong."""
HANGS_S = 60.0
"""An address that has not answered for so long is said not to answer."""

log = Log(__name__)
Send = Callable[[Address, str], None]


@dataclass(slots=True)
class _Line:
    """The way to one address."""

    thread: threading.Thread | None = None
    began: float = 0.0
    again_at: float = 0.0
    """By the monotonic clock."""
    pause_s: float = 0.0
    """The last one after a failure."""
    problem: str | None = None


class Outbox:
    """Empties the table of outgoing messages; `attend` never waits for a network.

    Args:
        journal: Holds the messages.
        clock: The time.
        send: Sends one, or raises `NotSent`.
    """

    def __init__(self, journal: Journal, clock: Clock, send: Send) -> None:
        self._journal = journal
        self._clock = clock
        self._send = send
        self._lines: dict[str, _Line] = {}
        self._given_up_at: dict[Outgoing, float] = {}
        """By the monotonic clock."""
        self._closed = False

    def attend(self, addresses: Iterable[Address]) -> None:
        """Begin to send what can be sent now.

        Raises:
            JournalError: The journal cannot be used.
        """
        known = {address.label: address for address in addresses}
        waiting: dict[str, list[Outgoing]] = {}
        outgoing = self._journal.notices.outgoing()
        self._given_up_at = {each: self._end_of(each) for each in outgoing}
        for message in outgoing:
            is_young = self._clock.monotonic() < self._given_up_at[message]
            if message.address in known and is_young:
                waiting.setdefault(message.address, []).append(message)
            else:
                log.warning("a message was not sent, and is given up", address=message.address)
                self._journal.notices.sent(message)
        self._lines = {label: self._lines.get(label, _Line()) for label in known}
        for label, messages in waiting.items():
            line = self._lines[label]
            is_busy = line.thread is not None and line.thread.is_alive()
            if not is_busy and self._clock.monotonic() >= line.again_at:
                self._begin(known[label], line, messages)

    def problems(self) -> dict[str, str]:
        """By the labels of addresses, why messages do not arrive."""
        now, found = self._clock.monotonic(), {}
        for label, line in list(self._lines.items()):
            hangs = line.thread is not None and line.thread.is_alive()
            if line.problem is not None:
                found[label] = line.problem
            elif hangs and now - line.began > HANGS_S:
                found[label] = f"{label} does not answer"
        return found

    def close(self, longest_s: float) -> None:
        """Begin nothing more, and wait for what is under way, but not long."""
        self._closed = True
        until = self._clock.monotonic() + longest_s
        for line in self._lines.values():
            if line.thread is not None:
                line.thread.join(max(0.0, until - self._clock.monotonic()))

    def _end_of(self, message: Outgoing) -> float:
        """When a message is given up, by the monotonic clock; no step of the other changes it."""
        if message in self._given_up_at:
            return self._given_up_at[message]
        age_s = (self._clock.now_ns() - message.at_ns) / SECOND_NS
        left_s = min(max(KEPT_S - age_s, LAST_TRIES_S), KEPT_S)
        return self._clock.monotonic() + left_s

    def _begin(self, address: Address, line: _Line, messages: list[Outgoing]) -> None:
        def work() -> None:
            try:
                for message in messages:
                    if self._closed:
                        return
                    self._send(address, message.body)
                    self._journal.notices.sent(message)
                    self._took(address, line)
            except AqsyncError as exc:
                self._failed(line, exc)

        line.began = self._clock.monotonic()
        line.thread = threading.Thread(target=work, name=f"to {address.label}", daemon=True)
        line.thread.start()

    def _took(self, address: Address, line: _Line) -> None:
        if line.problem is not None:
            log.info("recovered: messages are taken again", address=address.label)
        line.problem, line.pause_s = None, 0.0

    def _failed(self, line: _Line, exc: AqsyncError) -> None:
        if self._closed:
            return
        if line.problem is None:
            log.warning("a message could not be sent; it is tried again", exc=exc)
        line.problem = exc.message
        line.pause_s = min(2 * line.pause_s or FIRST_PAUSE_S, LONGEST_PAUSE_S)
        line.again_at = self._clock.monotonic() + line.pause_s
