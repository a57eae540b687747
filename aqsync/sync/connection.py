"""Makes a client by the configuration."""

from __future__ import annotations

from aqsync.aqueduct.client import Client
from aqsync.config import Config


def connect(config: Config) -> Client:
    """The configured server; nothing is sent yet.

    Raises:
        ConfigError: The token or the file of authorities cannot be used.
    """
    settings = config.server
    return Client(
        settings.url,
        config.token(),
        verify=True if settings.ca_file is None else str(settings.ca_file),
        connect_timeout=min(5.0, settings.timeout),
        answer_timeout=settings.timeout,
        stall_timeout=settings.stall_timeout,
    )
