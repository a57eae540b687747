"""What the versions of large files may cost, and how soon they may follow each other.

A large file that was sent and changes again waits until it has stood still for `every`; or until
its last version is that old, and all versions since it last stood still for so long cost at most
`budget` times the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.simulation.places import BUDGET, EVERY_S

SLACK_S = 0.001


class _Sent(NamedTuple):
    at: float
    """When, by the monotonic clock."""
    size: int
    spent: int
    """Bytes of this version and of those before it that count."""


class PaidTruth:
    """The truth about all large files of a world.

    Args:
        large: From how many bytes on a file counts as large.
    """

    def __init__(self, large: int) -> None:
        self._large = large
        self._sent: dict[tuple[str, str], _Sent] = {}

    def forget(self, at: tuple[str, str]) -> None:
        """Nothing is known of a file any more."""
        self._sent.pop(at, None)

    def gone(self, mapping: str, paths: Iterable[str]) -> None:
        """The same of files that are no longer there."""
        for path in paths:
            self.forget((mapping, path))

    def clear(self) -> None:
        """The same of all files."""
        self._sent.clear()

    def sent(
        self, at: tuple[str, str], size: int, *, now: float, begun: float, still_s: float
    ) -> str:
        """A version has arrived; returns what is wrong with that, or nothing.

        Args:
            at: Mapping and path.
            size: Bytes of the version.
            now: When it had arrived, by the monotonic clock.
            begun: When its job had begun.
            still_s: For how long the file had stood still then.
        """
        before = self._sent.get(at)
        rested = still_s >= EVERY_S - SLACK_S
        stood_still = before is None or begun - still_s - before.at >= EVERY_S - SLACK_S
        spent = 0 if before is None or stood_still else before.spent
        self._sent[at] = _Sent(now, size, 0 if rested else spent + size)
        if before is None or rested or size <= self._large:
            return ""
        if begun - before.at < EVERY_S - SLACK_S:
            return f"{at[1]} was sent {begun - before.at:.3f} s after its last version"
        if spent + size > BUDGET * max(size, before.size):
            return f"{at[1]}, {size} bytes, was sent after {spent} bytes of versions"
        return ""
