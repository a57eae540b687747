"""The environment variables of scripts and installers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aqsync.server.extensions.manifest import Extension

TASK_MARK = "AQSYNC_TASK"
"""Holds the UUID of the task, so that a script is found after a crash of the server."""

_INHERITED = (
    b"PATH",
    b"HOME",
    b"USER",
    b"LOGNAME",
    b"SHELL",
    b"LANG",
    b"LANGUAGE",
    b"TZ",
    b"TMPDIR",
    b"SSL_CERT_FILE",
    b"SSL_CERT_DIR",
)
_INSTALLER_INHERITED = (
    b"http_proxy",
    b"https_proxy",
    b"no_proxy",
    b"HTTP_PROXY",
    b"HTTPS_PROXY",
    b"NO_PROXY",
    b"REQUESTS_CA_BUNDLE",
)

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """How scripts reach this server.

    Args:
        url: Its address.
        names: The host names under which a proxy shows this server.
    """

    url: str
    names: frozenset[str] = frozenset()

    def is_here(self, url: str) -> bool:
        """Tell whether an address is this server's: only there a script may send its token."""
        own = urlsplit(self.url)
        try:
            asked = urlsplit(url)
            port = asked.port
        except ValueError:
            return False
        same_host = asked.hostname == own.hostname or {asked.hostname, own.hostname} <= _LOOPBACK
        # A proxy listens where addresses name no port; another server may listen at any other.
        by_name = asked.hostname in self.names and port in {own.port, None, 80, 443}
        return by_name or (same_host and port == own.port)


def script_variables(
    extension: Extension,
    parameters: Mapping[str, str],
    access: ServerAccess,
    *,
    token: str,
    task: str,
    python: str,
) -> dict[bytes, bytes]:
    """Return the whole environment of an action's script.

    Of the server's own environment it has only what every program needs: no secrets.

    Args:
        extension: What the action belongs to; its constants are variables.
        parameters: Further variables, stronger than constants.
        access: How the script reaches this server.
        token: What it sends there. If the extension names another server, that one does not get it.
        task: The UUID of the task.
        python: The interpreter of the extension's environment.
    """
    url = extension.aqueduct_url or access.url
    token = token if access.is_here(url) else ""
    variables = {
        # The client library `pyaqueduct` looks for it here.
        "API_TOKEN": token,
        **extension.constants,
        **parameters,
        "aqueduct_url": url,
        "api_token": token,
        "python": python,
        TASK_MARK: task,
    }
    return _inherited(_INHERITED) | {
        key.encode(): value.encode() for key, value in variables.items()
    }


def installer_variables() -> dict[bytes, bytes]:
    """Return the environment of what installs packages: it may need a proxy and its settings."""
    settings = tuple(name for name in os.environb if name.startswith(b"PIP_"))
    fixed = {b"PIP_DISABLE_PIP_VERSION_CHECK": b"1", b"PIP_NO_INPUT": b"1"}
    return _inherited(_INHERITED + _INSTALLER_INHERITED + settings) | fixed


def _inherited(names: tuple[bytes, ...]) -> dict[bytes, bytes]:
    locale = tuple(name for name in os.environb if name.startswith(b"LC_"))
    wanted = (*names, *locale)
    return {name: os.environb[name] for name in wanted if name in os.environb}
