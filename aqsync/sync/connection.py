"""Makes a client by the configuration."""

from __future__ import annotations

import os

from aqsync.aqueduct.client import Client
from aqsync.config import Config, ServerConfig
from aqsync.config.token import read_token


def connect(config: Config, *, patience: float = 0.0) -> Client:
    """The configured server; nothing is sent yet.

    Args:
        config: The configuration.
        patience: As in `Client`: who tells of pauses, as the daemon does, has none.

    Raises:
        ConfigError: The token or the file of authorities cannot be used.
    """
    return connect_to(config.server, patience=patience)


def connect_to(server: ServerConfig, *, patience: float = 0.0) -> Client:
    """The same, by what the configuration says of the server alone."""
    return Client(
        server.url,
        read_token(server.token_file, os.environ),
        verify=True if server.ca_file is None else str(server.ca_file),
        connect_timeout=min(5.0, server.timeout),
        answer_timeout=server.timeout,
        stall_timeout=server.stall_timeout,
        patience=patience,
    )
