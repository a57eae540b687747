"""``aqsync resume``: end a pause."""

from __future__ import annotations

import click

from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING
from aqsync.wording import until_text


@click.command(epilog="Example: aqsync resume fridge-1")
@click.argument(
    "mapping",
    required=False,
    shell_complete=complete_mappings,
    help="A mapping's name; by default all.",
)
@config_option
def resume(*, mapping: str | None, config: Config) -> ExitCode:
    """End the pause of a mapping, or every pause.

    Exit status: 1 if the mapping is still paused, because all mappings are.
    """
    chosen(config, [] if mapping is None else [mapping])
    now_ns = SystemClock().now_ns()
    if through_daemon(config.journal, lambda daemon: daemon.resume(mapping)) is None:
        with Journal.open_for_writing(config.journal, now_ns) as journal:
            journal.pauses.resume(mapping or EVERYTHING)
    with Journal.open_for_reading(config.journal) as journal:
        left = journal.pauses.active(now_ns)
    if EVERYTHING in left:
        until = until_text(left[EVERYTHING].until_ns)
        say(f"everything is paused{until}, {mapping} included; `aqsync resume` ends it")
        return ExitCode.INCOMPLETE
    say(f"{mapping or 'everything'} is no longer paused")
    return ExitCode.OK
