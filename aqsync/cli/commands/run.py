"""``aqsync run``: the daemon, in the foreground of whoever starts it."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from aqsync.cli.context import configuration
from aqsync.clock import SystemClock
from aqsync.errors import AqsyncError, ExitCode, JournalInUse
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.service.daemon import Daemon
from aqsync.service.logs import set_up
from aqsync.service.memory import give_back_freed_memory
from aqsync.service.notify import Notifier
from aqsync.service.web.client import DaemonClient
from aqsync.sync.connection import connect

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line said."""

    config: Path | None
    log_json: bool
    log_level: str


def run(options: RunOptions) -> ExitCode:
    """Run the daemon until it is stopped.

    Raises:
        AqsyncError: It cannot begin, and a person looks on; else the log says so.
    """
    set_up(sys.stderr, json=options.log_json, level=options.log_level, environ=os.environ)
    give_back_freed_memory()
    try:
        return _run(options.config)
    except AqsyncError as exc:
        if sys.stderr.isatty() and not options.log_json:
            raise
        log.error("the daemon cannot run", exc=exc)
        return exc.exit_code


def _refuse_another(journal: Path) -> None:
    """Where the lock file was deleted, one that works on may have missed that so far."""
    other = DaemonClient.find(journal)
    if other is not None:
        with other:
            raise JournalInUse(
                f"the journal {journal} is in use by another daemon, whose lock file is gone",
                hint="wait until it has noticed that, and ended",
            )


def _run(config_path: Path | None) -> ExitCode:
    config = configuration(config_path)
    clock = SystemClock()
    with Journal.open_for_writing(config.journal, clock.now_ns()) as journal:
        _refuse_another(config.journal)
        if journal.broken_set_aside is not None:
            log.warning(
                "the journal was damaged; it is being rebuilt from the disk and the server's lists",
                kept_as=journal.broken_set_aside,
            )
        code = Daemon(config, journal, connect, clock, Notifier(os.environ, clock)).run()
    if any(t is not threading.main_thread() and not t.daemon for t in threading.enumerate()):
        # A worker hangs in a dead file system: waiting for it would be waiting for ever.
        logging.shutdown()
        os._exit(code)
    return code
