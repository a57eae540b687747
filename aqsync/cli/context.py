"""What commands need before they can work: configuration and chosen mappings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqsync.config import Config, Mapping, find_config, load_config
from aqsync.errors import ConfigError


def configuration(explicit: Path | None) -> Config:
    """Find and load the configuration.

    Raises:
        ConfigError: There is none, or it is wrong.
    """
    return load_config(find_config(explicit))


def chosen(config: Config, names: Sequence[str]) -> tuple[Mapping, ...]:
    """The mappings of these names; all, if none are named.

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
