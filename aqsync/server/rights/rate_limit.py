"""How many requests each owner of tokens, or address without one, may make."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_BURST_SECONDS = 10.0
"""What was not used lately may be used at once, as far as so many seconds give."""
_MOST_KNOWN = 10_000


class RateLimit:
    """Counts requests; a client that makes too many is told when to come again.

    Args:
        per_second: Requests a second that each may make on average; None: as many as they like.
        clock: Seconds that only grow.
    """

    def __init__(
        self, per_second: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        # When each would have made no request for long enough, if it made none from now on.
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def wait_for(self, who: str) -> int:
        """Count a request, unless it is one too many.

        Args:
            who: The owner or the address.

        Returns:
            0 if it may be answered; else after how many seconds to come again.
        """
        if self._per_second is None:
            return 0
        now = self._clock()
        cost = 1 / self._per_second
        free_at = max(now, self._free_at.get(who, now)) + cost
        late = free_at - now - max(_BURST_SECONDS, cost)
        if late > 0:
            return math.ceil(late)
        self._free_at[who] = free_at
        self._free_at.move_to_end(who)
        if len(self._free_at) > _MOST_KNOWN:
            self._free_at.popitem(last=False)
        return 0
