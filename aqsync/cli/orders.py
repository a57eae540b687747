"""``aqsync retry``, ``pause``, ``resume`` and ``reload``: what people decide.

With a running daemon it takes effect at once; else it stands in the journal for what comes next.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aqsync.cli.context import chosen, configuration
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.clock import SystemClock
from aqsync.errors import ExitCode, NoDaemon
from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING
from aqsync.service.web.models import RetryRequest
from aqsync.sync.retry import set_free

_SECOND_NS = 1_000_000_000


def retry(config_path: Path | None, paths: Sequence[Path], names: Sequence[str]) -> ExitCode:
    """Set held and failed files free for the next push, or accept roots as they are now."""
    config = configuration(config_path)
    mappings = chosen(config, names)
    request = RetryRequest(
        config=str(config.path),
        paths=[os.path.abspath(path) for path in paths],  # noqa: PTH100 - no links followed
        mappings=list(names),
    )
    accept_roots = bool(names and not paths)
    freed = through_daemon(config.journal, lambda daemon: daemon.retry(request))
    if freed is not None:
        say(_told(freed, "the daemon", accepted=accept_roots))
        return ExitCode.OK
    now_ns = SystemClock().now_ns()
    with Journal.open_for_writing(config.journal, now_ns) as journal:
        freed = set_free(journal, mappings, paths, now_ns, accept_roots=accept_roots)
    say(_told(freed, "the next push", accepted=accept_roots))
    return ExitCode.OK


def pause(config_path: Path | None, name: str | None, seconds: float | None) -> ExitCode:
    """Send nothing of a mapping, or of all, for a while or until `resume`."""
    config = configuration(config_path)
    chosen(config, [] if name is None else [name])

    now_ns = SystemClock().now_ns()
    until_ns = None if seconds is None else now_ns + int(seconds * _SECOND_NS)
    if through_daemon(config.journal, lambda daemon: daemon.pause(name, seconds)) is None:
        with Journal.open_for_writing(config.journal, now_ns) as journal:
            journal.pauses.pause(name or EVERYTHING, now_ns, until_ns)
    resume_it = "aqsync resume" if name is None else f"aqsync resume {name}"
    say(f"{name or 'everything'} is paused{_until(until_ns)}; `{resume_it}` ends it")
    return ExitCode.OK


def resume(config_path: Path | None, name: str | None) -> ExitCode:
    """End a mapping's pause, or every pause."""
    config = configuration(config_path)
    chosen(config, [] if name is None else [name])

    now_ns = SystemClock().now_ns()
    if through_daemon(config.journal, lambda daemon: daemon.resume(name)) is None:
        with Journal.open_for_writing(config.journal, now_ns) as journal:
            journal.pauses.resume(name or EVERYTHING)
    with Journal.open_for_reading(config.journal) as journal:
        left = journal.pauses.active(now_ns)
    if EVERYTHING in left:
        until = _until(left[EVERYTHING].until_ns)
        say(f"everything is paused{until}, {name} included; `aqsync resume` ends it")
        return ExitCode.INCOMPLETE
    say(f"{name or 'everything'} is no longer paused")
    return ExitCode.OK


def reload(config_path: Path | None) -> ExitCode:
    """Have the daemon take over the configuration as it is now."""
    config = configuration(config_path)
    if through_daemon(config.journal, lambda daemon: daemon.reload()) is None:
        raise NoDaemon(
            f"no daemon is running for {config.journal}",
            hint="`aqsync run` starts one; it reads the configuration then",
        )
    say("the daemon has taken over the configuration")
    return ExitCode.OK


def _told(freed: int, by: str, *, accepted: bool) -> str:
    begin = "the directory is accepted as it is; " if accepted else ""
    if not freed:
        return f"{begin}no file to set free: none is held, has failed or differs on the server"
    files, them = ("1 file", "it") if freed == 1 else (f"{freed} files", "them")
    return f"{begin}{files} set free; {by} tries {them} again"


def _until(until_ns: int | None) -> str:
    if until_ns is None:
        return ""
    until = datetime.fromtimestamp(until_ns / _SECOND_NS).astimezone()
    return f" until {until:%Y-%m-%d %H:%M}"
