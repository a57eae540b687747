"""``aqsync resume``: end a pause."""

from __future__ import annotations

from pathlib import Path

import click

from aqsync.cli import orders
from aqsync.cli.options import config_option
from aqsync.errors import ExitCode


@click.command()
@click.argument("mapping", required=False, help="A mapping's name; else all.")
@config_option
def resume(*, mapping: str | None, config: Path | None) -> ExitCode:
    """End the pause of a mapping, or every pause.

    Exit status: 1 if the mapping is still paused, because all mappings are.
    """
    return orders.resume(config, mapping)
