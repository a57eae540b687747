"""Orders to a running daemon, since only one process writes a journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aqsync.cli.output import complain
from aqsync.cli.signals import interruptible
from aqsync.config import Config, MappingConfig
from aqsync.errors import DaemonStopped
from aqsync.service.web.client import DaemonClient
from aqsync.service.web.models import ProvedFile, PushRequest
from aqsync.sync.order import Limits
from aqsync.sync.progress import Show
from aqsync.sync.report import PushReport

T = TypeVar("T")


def through_daemon(journal: Path, order: Callable[[DaemonClient], T]) -> T | None:
    """Give an order to the daemon that writes a journal.

    Args:
        journal: Its path.
        order: Gives the order and returns the answer.

    Returns:
        The answer; None if no daemon runs, or if it stopped meanwhile, which is printed.

    Raises:
        NoDaemon: It does not answer.
        AqsyncError: What kept it from doing so.
    """
    daemon = DaemonClient.find(journal)
    if daemon is None:
        return None
    try:
        with daemon:
            return order(daemon)
    except DaemonStopped:
        complain("the daemon has stopped meanwhile; going on without it")
        return None


def push_through_daemon(
    config: Config, mappings: Sequence[MappingConfig], limits: Limits, show: Show
) -> PushReport | None:
    """Have the daemon push; None if there is none.

    Args:
        config: As this command has read it.
        mappings: What to push.
        limits: How far to go.
        show: Told what happens meanwhile.

    Raises:
        Interrupted: A person waits no longer.
        AqsyncError: What kept the daemon from pushing.
    """
    request = PushRequest(
        config=str(config.path),
        mappings={mapping.name: str(mapping.directory) for mapping in mappings},
        within={name: list(paths) for name, paths in limits.within.items()},
        wait=limits.wait_for_settling,
        longest_wait_s=limits.longest_wait_s,
        overwrite=limits.overwrite,
        at_once=limits.at_once,
        tidy=limits.tidy,
        kept={name: list(paths) for name, paths in limits.kept.items()},
        freed={
            name: {path: ProvedFile.of(proved) for path, proved in files.items()}
            for name, files in limits.freed.items()
        },
    )

    def order(daemon: DaemonClient) -> PushReport:
        promise = "the daemon finishes the files under way; once more does not wait for it"
        with interruptible(daemon.ask_to_stop, daemon.leave, promise):
            return daemon.push(request, show)

    return through_daemon(config.journal, order)
