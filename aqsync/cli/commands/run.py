"""``aqsync run``: the daemon, in the foreground."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

import click

from aqsync.cli.config_options import configuration
from aqsync.cli.local_path import PATH
from aqsync.clock import SystemClock
from aqsync.errors import AqsyncError, ExitCode, JournalInUse
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.service.daemon import Daemon
from aqsync.service.logs import set_up
from aqsync.service.memory import give_back_freed_memory
from aqsync.service.systemd_notify import Notifier
from aqsync.service.web.client import DaemonClient
from aqsync.sync.connection import connect

log = Log(__name__)


@click.command(epilog="Example: aqsync run --log-level debug")
@click.option(
    "--config", "-c", type=PATH, help="The configuration file. By default it is searched for."
)
@click.option("--log-json", is_flag=True, help="One JSON object a line, for collectors.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The lowest level that is logged.",
)
def run(*, config: Path | None, log_json: bool, log_level: str) -> ExitCode:
    """Keep the server filled until stopped: watch, upload, mirror and tag.

    SIGHUP reads the configuration again; SIGTERM ends it after the files under way, a second one
    at once.
    """
    set_up(sys.stderr, json=log_json, level=log_level, environ=os.environ)
    give_back_freed_memory()
    try:
        return _run(config)
    except AqsyncError as exc:
        if sys.stderr.isatty() and not log_json:
            raise  # a person looks on
        log.error("the daemon cannot run", exc=exc)
        return exc.exit_code


def _refuse_another(journal: Path) -> None:
    """A daemon whose lock file was deleted may not have noticed that yet."""
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
        # A worker hangs in a dead file system, and joining it would never end.
        logging.shutdown()
        os._exit(code)
    return code
