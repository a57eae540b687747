"""A server on this machine that was started just now, and does not listen yet."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

from aqsync.aqueduct.address import is_loopback
from aqsync.aqueduct.client import Client
from aqsync.clock import Clock, SystemClock
from aqsync.config import Config
from aqsync.sync.connection import connect

LONGEST_S = 5.0
"""How long a command waits: a server takes a second or two to start on a slow machine."""
_PAUSE_S = 0.125
_CONNECT_S = 1.0
CLOCK: Clock = SystemClock()
"""Tests put in one that jumps ahead."""


def await_start(url: str) -> None:
    """Wait while a server on this machine refuses connections, but no longer than `LONGEST_S`.

    ``aqsync serve &`` returns before the server listens. A machine elsewhere that refuses is told
    at once, and so is any other trouble: by the request that comes next.

    Args:
        url: The server's URL, which need not be one.
    """
    clock, never = CLOCK, threading.Event()
    give_up_at = clock.monotonic() + LONGEST_S
    while _refuses(url) and clock.monotonic() < give_up_at:
        clock.wait(never, _PAUSE_S)


def connect_once_started(config: Config) -> Client:
    """The configured server, after `await_start`; nothing is sent yet.

    Raises:
        ConfigError: The token or the file of authorities cannot be used.
    """
    server = connect(config)
    await_start(server.url)
    return server


def _refuses(url: str) -> bool:
    """Whether the URL names this machine, and nothing listens there."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # told by the client
        return False
    if not is_loopback(host):
        return False
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
