"""``aqsync pause``: send nothing for a while."""

from __future__ import annotations

from pathlib import Path

import click

from aqsync.cli import orders
from aqsync.cli.options import Duration, config_option
from aqsync.errors import ExitCode


@click.command()
@click.argument("mapping", required=False, help="A mapping's name; else all.")
@config_option
@click.option("--for", "seconds", type=Duration(), help="For how long; else until `aqsync resume`.")
def pause(*, mapping: str | None, config: Path | None, seconds: float | None) -> ExitCode:
    """Send nothing of a mapping, or of all mappings, to the server for a while.

    Files are noticed as ever, and wait. `aqsync push --now` sends them all the same.
    """
    return orders.pause(config, mapping, seconds)
