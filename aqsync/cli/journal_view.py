"""A copy of the journal, brought up to date with the disk, for commands that only report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aqsync.aqueduct.address import server_address
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.errors import NoDaemon
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.local.errands import Errands
from aqsync.local.scanner import Scanner
from aqsync.service.web.client import DaemonClient


@contextmanager
def journal_after_scan(
    config: Config,
    mappings: Sequence[MappingConfig],
    within: Sequence[str] = (),
    *,
    scan: bool = True,
) -> Iterator[tuple[Journal, dict[str, Scanner]]]:
    """Copy the journal into memory and scan the disk into the copy.

    Args:
        config: The configuration.
        mappings: What to scan.
        within: Only these paths of the mappings; all, if empty.
        scan: Whether to scan at all.
    """
    clock = SystemClock()
    with Journal.copy_in_memory(config.journal, clock.now_ns()) as journal:
        journal.remote.believe_only(server_address(config.server.url))
        errands = Errands(clock, own_threads=True)
        scanners = {m.name: Scanner(m, journal, clock, errands=errands) for m in mappings}
        if _no_daemon(config):
            journal.hangs.clear()
        for name, scanner in scanners.items():
            # A daemon already waits for this file system, so a command need not.
            if scan and LOOK not in journal.hangs.of(name):
                scanner.scan(within)
        yield journal, scanners


def _no_daemon(config: Config) -> bool:
    """Without a daemon, the journal's notes on file systems that hang are out of date."""
    try:
        daemon = DaemonClient.find(config.journal)
    except NoDaemon:
        return False
    if daemon is None:
        return True
    with daemon:
        return False
