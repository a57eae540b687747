"""That people were told of the daemon's end: a small file beside the journal.

`aqsync notify stopped` writes it while nobody has the journal open, so that a daemon that ends
again and again is told of once; the daemon removes what it says once that is over.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_DIGITS = 20
"""It is always as long, so that a full disk has room for another time in its place."""


class StopMark:
    """When people were told last that the daemon has ended, if that is not over.

    Args:
        journal: The journal's path.
    """

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(f"{journal.name}.stopped")

    def told_at_ns(self) -> int | None:
        """When, nanoseconds since 1970; None: they were not, or it is over."""
        try:
            return int(self._path.read_text(encoding="ascii")) or None
        except (OSError, ValueError):
            return None

    def told(self, now_ns: int) -> None:
        """They are told now."""
        self._write(now_ns)

    def clear(self) -> None:
        """It is over, or there was nothing."""
        if self.told_at_ns() is not None or not self._path.exists():
            self._write(0)

    def _write(self, at_ns: int) -> None:
        with suppress(OSError):  # then they are told once more
            self._path.touch(mode=0o600)
            with self._path.open("r+", encoding="ascii") as file:
                file.write(f"{at_ns:0{_DIGITS}d}")
