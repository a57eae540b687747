"""``aqsync reload``: have the daemon read the configuration again."""

from __future__ import annotations

import click

from aqsync.cli.config_options import config_option
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.config import Config
from aqsync.errors import ExitCode, NoDaemon


@click.command(epilog="Example: aqsync reload")
@config_option
def reload(*, config: Config) -> ExitCode:
    """Have the running daemon take over the configuration as it is now.

    If it is wrong, the daemon goes on as before.
    """
    if through_daemon(config.journal, lambda daemon: daemon.reload()) is None:
        raise NoDaemon(
            f"no daemon is running for {config.journal}",
            hint="`aqsync run` starts one; it reads the configuration then",
        )
    say("the daemon has taken over the configuration")
    return ExitCode.OK
