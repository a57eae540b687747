"""The configuration of this machine that belongs to the server which a command asks."""

from __future__ import annotations

import os
from pathlib import Path

from aqsync.aqueduct.address import server_address
from aqsync.cli.server_access import URL_VARIABLE
from aqsync.config import Config, find_config, load_config
from aqsync.errors import ConfigError


def config_of_server(explicit: Path | None, url: str | None) -> Config | None:
    """Find the configuration; None: there is none that can be used for this server.

    Args:
        explicit: The file that the command was told.
        url: The address that it was told. With it, or with one from the environment, only a
            configuration that names the same server counts.

    Raises:
        ConfigError: No address was told, and the configuration cannot be used.
    """
    told = url or (None if explicit else os.environ.get(URL_VARIABLE))
    try:
        config = load_config(find_config(explicit))
        same = not told or server_address(config.server.url) == server_address(told)
    except ConfigError:
        if not told:
            raise
        return None
    return config if same else None
