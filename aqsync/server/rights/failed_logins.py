"""Wrong tokens: counted for each address, and slowed, so that nobody can try many."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

FREE = 60
"""Wrong tokens of one address that are answered at once; one more is free after each second."""
PAUSE_SECONDS = 1.0
MOST_WAITING = 20
"""Wrong tokens of one address that wait at a time; further requests of it are not looked at."""
TOO_MANY = "Too many wrong tokens came from this address."
RETRY = ((b"retry-after", b"5"),)
_MOST_ADDRESSES = 10_000
_TOLD_EACH = 100
_log = logging.getLogger(__name__)


class _Address:
    """What is known of one address."""

    def __init__(self, now: float) -> None:
        self.failures = 0
        self.free = float(FREE)
        self.at = now
        self.waiting = 0


class FailedLogins:
    """Wrong tokens by the addresses that they came from. For one thread.

    The right token is never refused for what came before it from the same address, unless that is
    being used for guesses right now: many people may share a proxy.

    Args:
        clock: Seconds that only grow.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def shuts_out(self, address: str) -> bool:
        """Tell whether so many wrong tokens of an address wait that no other is looked at."""
        if not self._addresses:
            return False
        known = self._addresses.get(network_of(address))
        return known is not None and known.waiting >= MOST_WAITING

    async def slow_down(self, address: str) -> None:
        """Count a wrong token, and wait if there were many."""
        known = self._known(network_of(address))
        known.failures += 1
        if known.failures % _TOLD_EACH == 0:
            _log.warning("%s wrong tokens came from %s", known.failures, address)
        now = self._clock()
        known.free = min(FREE, known.free + (now - known.at) / PAUSE_SECONDS)
        known.at = now
        if known.free >= 1:
            known.free -= 1
            return
        known.waiting += 1
        try:
            await self._sleep(PAUSE_SECONDS)
        finally:
            known.waiting -= 1

    def _known(self, network: str) -> _Address:
        known = self._addresses.setdefault(network, _Address(self._clock()))
        self._addresses.move_to_end(network)
        if len(self._addresses) > _MOST_ADDRESSES:
            self._addresses.popitem(last=False)
        return known


def network_of(address: str) -> str:
    """Return an address; of IPv6 the part that one customer has for all machines."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return address
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
