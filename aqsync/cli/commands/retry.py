"""``aqsync retry``: set held and failed files free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.local_path import PATH
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.local.locate import locate
from aqsync.paths import absolute, nearest
from aqsync.service.web.models import RetryRequest
from aqsync.sync.policies import decisions
from aqsync.sync.retry import leave as leave_failed
from aqsync.sync.retry import set_free, want_again
from aqsync.wording import counted


@click.command(epilog="Example: aqsync retry ~/measurements/run-7")
@click.argument("paths", nargs=-1, type=PATH, help="Only these files and directories.")
@config_option
@mappings_option
@click.option(
    "--actions",
    is_flag=True,
    help="Instead of files, run actions again that have not succeeded.",
)
@click.option(
    "--leave",
    is_flag=True,
    help="With --actions: leave those that failed as they are; they need nobody any more.",
)
def retry(
    *, paths: Sequence[Path], config: Config, names: Sequence[str], actions: bool, leave: bool
) -> ExitCode:
    """Set held and failed files free, so that the next push tries them again.

    A file that was removed on the server is sent again. Named by PATH, a file is sent as it is that
    was emptied, that its writer has not closed, or whose measurement is not complete, and a mass
    deletion goes through. Without PATH, --mapping also accepts the mapping's directory as it is
    now.
    """
    if leave and not actions:
        raise click.UsageError("--leave goes with --actions: a file is left out by a rule")
    mappings = chosen(config, names)
    request = RetryRequest(
        config=str(config.path),
        paths=[str(absolute(path)) for path in paths],
        mappings=list(names),
        actions=actions,
        leave=leave,
    )
    if actions:
        return _retry_actions(config, mappings, paths, request)
    accept_roots = bool(names and not paths)
    next_try = "the daemon"
    freed = through_daemon(config.journal, lambda daemon: daemon.retry(request))
    if freed is None:
        next_try = "the next push"
        now_ns = SystemClock().now_ns()
        with Journal.open_for_writing(config.journal, now_ns) as journal:
            freed = set_free(journal, mappings, paths, now_ns, accept_roots=accept_roots)
    accepted = "the directory is accepted as it is; " if accept_roots else ""
    if freed:
        say(accepted + _freed_text(freed, next_try))
    elif paths:
        _say_nothing_to_retry(config, mappings, paths)
    else:
        say(f"{accepted}nothing to retry: no file is held, has failed or differs on the server")
    return ExitCode.OK


def _retry_actions(
    config: Config,
    mappings: Sequence[MappingConfig],
    paths: Sequence[Path],
    request: RetryRequest,
) -> ExitCode:
    next_try = "the daemon"
    wanted = through_daemon(config.journal, lambda daemon: daemon.retry(request))
    if wanted is None:
        next_try = "the next push"
        with Journal.open_for_writing(config.journal, SystemClock().now_ns()) as journal:
            if request.leave:
                wanted = leave_failed(journal, mappings, paths, SystemClock().now_ns())
            else:
                wanted = want_again(journal, mappings, paths)
    if wanted and request.leave:
        say(f"{counted(wanted, 'action')} left: nobody needs to look any more")
    elif wanted:
        say(f"{counted(wanted, 'action')} wanted again; {next_try} runs what it may")
    else:
        do = "leave" if request.leave else "run again"
        say(f"nothing to {do}: no action there has failed, as far as is known")
    return ExitCode.OK


def _say_nothing_to_retry(
    config: Config, mappings: Sequence[MappingConfig], paths: Sequence[Path]
) -> None:
    """Say how what was named stands instead."""
    with Journal.open_for_reading(config.journal) as journal:
        for path in paths:
            place = locate(mappings, path)
            mapping_id = journal.mappings.get(place.mapping.name).id
            whole = place.mapping.directory / place.path
            troubles = journal.mappings.troubles(mapping_id)
            trouble = troubles.get(nearest(place.path, troubles) or "")
            if trouble is not None:
                say(f"nothing to retry: {trouble.message}; it is looked at again by itself")
                say(f"  hint: {trouble.hint}")
                continue
            steps = decisions(journal, place.mapping, SystemClock().now_ns(), [place.path])
            states = sorted({str(step.state) for _, step in steps})
            say(f"nothing to retry: {whole} is {' or '.join(states) or 'in sync'}")


def _freed_text(freed: int, next_try: str) -> str:
    files, them = ("1 file", "it") if freed == 1 else (f"{freed} files", "them")
    return f"{files} set free; {next_try} tries {them} again"
