"""Tells that the daemon has ended: the daemon itself, or a unit of systemd after it."""

from __future__ import annotations

from collections.abc import Sequence

from aqsync.clock import Clock
from aqsync.config.notify import Address
from aqsync.errors import AqsyncError
from aqsync.service.messages.at_once import AtOnce
from aqsync.service.messages.message import message_of_stop
from aqsync.service.messages.stop_mark import StopMark


class LastMessage:
    """Such a message, on its way.

    Args:
        addresses: Whom.
        mark: Remembers that they were told.
        why: Why it has ended.
        now_ns: The wall clock, nanoseconds since 1970.
    """

    def __init__(self, addresses: Sequence[Address], mark: StopMark, why: str, now_ns: int) -> None:
        self._mark = mark
        self._now_ns = now_ns
        self._sending = AtOnce(addresses, message_of_stop(why, now_ns))

    def wait(self, longest_s: float) -> dict[str, AqsyncError | None]:
        """By the labels of the addresses, why each has not taken it; None: it has."""
        found = self._sending.wait(longest_s)
        if None in found.values():
            self._mark.told(self._now_ns)
        return found


def tell_end(
    addresses: Sequence[Address], mark: StopMark, why: str, clock: Clock
) -> LastMessage | None:
    """Tell that the daemon has ended, unless people were told so and that is not over.

    Args:
        addresses: Whom.
        mark: Knows whether they were told.
        why: Why it has ended.
        clock: The time.
    """
    if mark.told_at_ns() is not None:
        return None
    return LastMessage(addresses, mark, why, clock.now_ns())
