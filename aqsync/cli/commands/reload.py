"""``aqsync reload``: have the daemon read the configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from aqsync.cli.context import configuration
from aqsync.cli.options import config_option
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.errors import ExitCode, NoDaemon


@click.command()
@config_option
def reload(*, config: Path | None) -> ExitCode:
    """Have the running daemon take over the configuration as it is now.

    If it is wrong, the daemon goes on as before.
    """
    journal = configuration(config).journal
    if through_daemon(journal, lambda daemon: daemon.reload()) is None:
        raise NoDaemon(
            f"no daemon is running for {journal}",
            hint="`aqsync run` starts one; it reads the configuration then",
        )
    say("the daemon has taken over the configuration")
    return ExitCode.OK
