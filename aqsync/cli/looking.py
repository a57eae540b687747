"""A look at the disk as it is now, for commands that only tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aqsync.clock import SystemClock
from aqsync.config import Config, Mapping
from aqsync.journal import Journal
from aqsync.local.scanner import Scanner


@contextmanager
def looked_at(
    config: Config, mappings: Sequence[Mapping], within: Sequence[str] = (), *, scan: bool = True
) -> Iterator[tuple[Journal, dict[str, Scanner]]]:
    """A private copy of the journal, after a look at the disk as it is now."""
    clock = SystemClock()
    with Journal.copy_in_memory(config.journal, clock.now_ns()) as journal:
        scanners = {m.name: Scanner(m, journal, clock) for m in mappings}
        if scan:
            for scanner in scanners.values():
                scanner.scan(within)
        yield journal, scanners
