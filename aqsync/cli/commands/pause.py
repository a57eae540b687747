"""``aqsync pause``: send nothing for a while."""

from __future__ import annotations

import click

from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.options import Duration
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS
from aqsync.wording import until_text


@click.command(epilog="Example: aqsync pause fridge-1 --for 2h")
@click.argument(
    "mapping",
    required=False,
    shell_complete=complete_mappings,
    help="A mapping's name; by default all.",
)
@config_option
@click.option(
    "--for", "seconds", type=Duration(), help="How long; by default until `aqsync resume`."
)
def pause(*, mapping: str | None, config: Config, seconds: float | None) -> ExitCode:
    """Send nothing of a mapping, or of all mappings, to the server for a while.

    Changes are still noticed, and the files wait. `aqsync push --now` sends them all the same.
    """
    chosen(config, [] if mapping is None else [mapping])
    now_ns = SystemClock().now_ns()
    until_ns = None if seconds is None else now_ns + int(seconds * SECOND_NS)
    if through_daemon(config.journal, lambda daemon: daemon.pause(mapping, seconds)) is None:
        with Journal.open_for_writing(config.journal, now_ns) as journal:
            journal.pauses.pause(mapping or EVERYTHING, now_ns, until_ns)
    resume_it = "aqsync resume" if mapping is None else f"aqsync resume {mapping}"
    say(f"{mapping or 'everything'} is paused{until_text(until_ns)}; `{resume_it}` ends it")
    return ExitCode.OK
