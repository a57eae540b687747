"""A look at the disk as it is now, for commands that only tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aqsync.aqueduct.address import server_address
from aqsync.clock import SystemClock
from aqsync.config import Config, Mapping
from aqsync.errors import NoDaemon
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.local.errands import Errands
from aqsync.local.scanner import Scanner
from aqsync.service.web.client import DaemonClient


@contextmanager
def looked_at(
    config: Config, mappings: Sequence[Mapping], within: Sequence[str] = (), *, scan: bool = True
) -> Iterator[tuple[Journal, dict[str, Scanner]]]:
    """A private copy of the journal, after a look at the disk as it is now."""
    clock = SystemClock()
    with Journal.copy_in_memory(config.journal, clock.now_ns()) as journal:
        journal.remote.believe_only(server_address(config.server.url))
        errands = Errands(clock, own_threads=True)
        scanners = {m.name: Scanner(m, journal, clock, errands=errands) for m in mappings}
        if _nobody_waits(config):
            journal.hangs.clear()
        for name, scanner in scanners.items():
            # Where a daemon waits for an answer already, nobody else need do so.
            if scan and LOOK not in journal.hangs.of(name):
                scanner.scan(within)
        yield journal, scanners


def _nobody_waits(config: Config) -> bool:
    """Whether no daemon runs: what one has written down of file systems that hang is past."""
    try:
        daemon = DaemonClient.find(config.journal)
    except NoDaemon:
        return False
    if daemon is None:
        return True
    with daemon:
        return False
