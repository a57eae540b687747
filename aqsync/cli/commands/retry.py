"""``aqsync retry``: set held and failed files free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.cli import orders
from aqsync.cli.options import config_option, mappings_option
from aqsync.errors import ExitCode


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
    return orders.retry(config, paths, mappings)
