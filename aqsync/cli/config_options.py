"""Options that say which configuration and which of its mappings are meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.cli.completion import complete_mappings
from aqsync.cli.local_path import PATH
from aqsync.config import Config, MappingConfig, find_config, load_config
from aqsync.errors import ConfigError


def configuration(explicit: Path | None) -> Config:
    """Find and load the configuration.

    Raises:
        ConfigError: There is none, or it is wrong.
    """
    return load_config(find_config(explicit))


config_option = click.option(
    "--config",
    "-c",
    type=PATH,
    callback=lambda _context, _option, path: configuration(path),
    help="The configuration file. By default it is searched for.",
)
"""The command gets the configuration, read and checked."""

mappings_option = click.option(
    "--mapping",
    "-m",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_mappings,
    help="Only this mapping; may be repeated.",
)


def chosen(config: Config, names: Sequence[str]) -> tuple[MappingConfig, ...]:
    """Return the mappings of these names; all, if none are named.

    Raises:
        ConfigError: There is no mapping of a name.
    """
    known = {mapping.name: mapping for mapping in config.mappings}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"there is no mapping {name!r} in {config.path}",
                hint=f"its mappings are: {', '.join(known)}",
            )
    return tuple(m for m in config.mappings if not names or m.name in names)
