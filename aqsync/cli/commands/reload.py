"""``aqsync reload``: have the daemon read the configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from aqsync.cli import orders
from aqsync.cli.options import config_option
from aqsync.errors import ExitCode


@click.command()
@config_option
def reload(*, config: Path | None) -> ExitCode:
    """Have the running daemon take over the configuration as it is now.

    If it is wrong, the daemon goes on as before.
    """
    return orders.reload(config)
