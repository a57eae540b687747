"""Sends one message to every address now, and waits for what comes of it, but not long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from aqsync.config.notify import Address
from aqsync.errors import AqsyncError, NotSent
from aqsync.service.messages.message import Message
from aqsync.service.messages.senders import send

LONGEST_S = 30.0


class AtOnce:
    """One message on its way; each address has a thread of its own.

    Args:
        addresses: Where to.
        message: What.
        by: Sends it.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        message: Message,
        by: Callable[[Address, str], None] = send,
    ) -> None:
        self._by = by
        self._results: dict[str, AqsyncError | None] = {}
        self._addresses = addresses
        body = message.to_json()
        self._threads = [
            threading.Thread(target=self._send, args=(address, body), daemon=True)
            for address in addresses
        ]
        for thread in self._threads:
            thread.start()

    @property
    def has_failed(self) -> bool:
        """Whether all have said that they did not take it."""
        results = dict(self._results)
        return len(results) == len(self._addresses) and None not in results.values()

    def wait(self, longest_s: float = LONGEST_S) -> dict[str, AqsyncError | None]:
        """By the labels of the addresses, why each has not taken it; None: it has."""
        until = time.monotonic() + longest_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        late = f"does not answer within {longest_s:g} s"
        labels = [address.label for address in self._addresses]
        return {
            label: self._results[label] if label in self._results else NotSent(f"{label} {late}")
            for label in labels
        }

    def _send(self, address: Address, body: str) -> None:
        try:
            self._by(address, body)
        except AqsyncError as exc:
            self._results[address.label] = exc
        else:
            self._results[address.label] = None
