"""``aqsync retry``: set held and failed files free.

With a running daemon it takes effect at once; else the journal keeps it for the next push.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.cli.context import chosen, configuration
from aqsync.cli.options import config_option, mappings_option
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.clock import SystemClock
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.service.web.models import RetryRequest
from aqsync.sync.retry import set_free


@click.command()
@click.argument("paths", nargs=-1, type=Path, help="Only these files and directories.")
@config_option
@mappings_option
def retry(*, paths: Sequence[Path], config: Path | None, mappings: Sequence[str]) -> ExitCode:
    """Set held and failed files free, so that the next push tries them again.

    A file that was removed on the server is sent again. Named by PATH, an emptied file is sent as
    it is, and a mass deletion goes through. Without PATH, --mapping also accepts the mapping's
    directory as it is now.
    """
    loaded = configuration(config)
    among = chosen(loaded, mappings)
    accept_roots = bool(mappings and not paths)
    request = RetryRequest(
        config=str(loaded.path),
        paths=[os.path.abspath(path) for path in paths],  # noqa: PTH100 - no links followed
        mappings=list(mappings),
    )
    by = "the daemon"
    freed = through_daemon(loaded.journal, lambda daemon: daemon.retry(request))
    if freed is None:
        by, now_ns = "the next push", SystemClock().now_ns()
        with Journal.open_for_writing(loaded.journal, now_ns) as journal:
            freed = set_free(journal, among, paths, now_ns, accept_roots=accept_roots)
    begin = "the directory is accepted as it is; " if accept_roots else ""
    say(f"{begin}{_told(freed, by)}")
    return ExitCode.OK


def _told(freed: int, by: str) -> str:
    if not freed:
        return "no file to set free: none is held, has failed or differs on the server"
    files, them = ("1 file", "it") if freed == 1 else (f"{freed} files", "them")
    return f"{files} set free; {by} tries {them} again"
