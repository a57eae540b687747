"""How fast files go to the server: by what was sent lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from aqsync.journal.history import Event
from aqsync.model import SECOND_NS
from aqsync.service.web.models import FileUnderWay

LATELY_S = 30.0
"""A rate is taken over so long; or since the first of what was sent then."""
_SHORTEST_S = 1.0


def rates(
    under_way: Iterable[FileUnderWay], uploaded: Iterable[Event], now_ns: int
) -> dict[str, float]:
    """Bytes a second, by mapping.

    Args:
        under_way: What is being sent.
        uploaded: What was sent in the last `LATELY_S`.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    sent, began = defaultdict[str, float](float), defaultdict[str, float](float)

    def count(mapping: str, size: int, since_s: float, until_s: float) -> None:
        """So much was sent between two moments, both so long ago."""
        took_s = since_s - until_s
        within_s = min(since_s, LATELY_S) - until_s
        sent[mapping] += size * (within_s / took_s if took_s > 0 else 1.0)
        began[mapping] = max(began[mapping], min(since_s, LATELY_S))

    for file in under_way:
        count(file.mapping, file.sent, file.seconds, 0.0)
    for event in uploaded:
        ended_s = min(LATELY_S, max(0.0, (now_ns - event.at_ns) / SECOND_NS))
        count(event.mapping, event.size or 0, ended_s + (event.took_ns or 0) / SECOND_NS, ended_s)
    return {mapping: sent[mapping] / max(_SHORTEST_S, began[mapping]) for mapping in sent}
