"""Which server, with which token: from options, the environment, or the configuration."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.server import Server
from aqsync.cli.groups.options import ServerOptions
from aqsync.config import find_config, load_server
from aqsync.config.token import read_token
from aqsync.errors import ConfigError, RemoteError

_URL_VARIABLE = "AQSYNC_URL"
_CONNECT_S = 5.0


class Access(NamedTuple):
    """How a server is reached."""

    url: str
    token: str | None
    verify: bool | str
    timeout: float
    """Seconds for small answers."""
    stall_timeout: float
    """Seconds that a transfer may stand still."""


def access(options: ServerOptions) -> Access:
    """Find out how the server is reached.

    Whoever names a server is not given the token of the configured one: it would get about.

    Raises:
        ConfigError: No server is named, or what is named cannot be used.
    """
    if options.url is not None and options.config is not None:
        raise ConfigError("--url and --config cannot stand together", hint="leave one of them out")
    url = options.url
    if url is None and options.config is None:
        url = os.environ.get(_URL_VARIABLE) or None
    if url is not None:
        return Access(url, _token(options, None), verify=True, timeout=30.0, stall_timeout=60.0)
    section = load_server(_config_file(options.config))
    return Access(
        section.url,
        _token(options, section.token_file),
        verify=True if section.ca_file is None else str(section.ca_file),
        timeout=section.timeout,
        stall_timeout=section.stall_timeout,
    )


def connected(options: ServerOptions) -> Server:
    """Return the server that is meant; nothing is sent yet.

    Raises:
        ConfigError: As `access`.
    """
    found = access(options)
    return Server(
        found.url,
        found.token,
        verify=found.verify,
        connect_timeout=min(_CONNECT_S, found.timeout),
        answer_timeout=found.timeout,
        stall_timeout=found.stall_timeout,
    )


def find_experiment(server: Server, identifier: str) -> ExperimentRef:
    """Return an experiment by its EID or UUID.

    Raises:
        ExperimentNotFound: There is none for this user.
    """
    try:
        uuid = UUID(identifier)
    except ValueError:
        return server.experiment_by_eid(identifier)
    return server.experiment(uuid)


@contextlib.contextmanager
def experiment(server: Server, identifier: str) -> Iterator[ExperimentRef]:
    """Work on an experiment, named by its EID or UUID; errors call it by its EID.

    Raises:
        ExperimentNotFound: There is none for this user.
    """
    found = find_experiment(server, identifier)
    try:
        yield found
    except RemoteError as exc:
        exc.message = exc.message.replace(str(found.uuid), found.eid)
        raise


def _config_file(explicit: Path | None) -> Path:
    try:
        return find_config(explicit)
    except ConfigError as exc:
        hint = f"name the server by --url or {_URL_VARIABLE}, or {exc.hint}"
        raise ConfigError(exc.message, hint=hint) from exc


def _token(options: ServerOptions, configured: Path | None) -> str | None:
    if options.token_file is not None:
        return read_token(options.token_file.absolute(), {})
    return read_token(configured, os.environ)
