"""Which server, with which token: from options, the environment, or the configuration."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import click

from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.client import PATIENCE_S, Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.completion import complete_eids
from aqsync.cli.local_path import PATH
from aqsync.cli.starting_server import await_start
from aqsync.config import find_config, load_server
from aqsync.config.token import read_token
from aqsync.errors import ConfigError, ExitCode, ExperimentNotFound
from aqsync.paths import absolute

eid_argument = click.argument(
    "eid", shell_complete=complete_eids, help="The experiment's EID (or UUID)."
)

URL_VARIABLE = "AQSYNC_URL"
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


def access(config: Path | None, url: str | None, token_file: Path | None) -> Access:
    """Find out how the server is reached.

    With a URL from an option or the environment the configured token is not sent, as it would
    leak to another server.

    Args:
        config: The configuration file that was named.
        url: The address that was named.
        token_file: The file with the token that was named.

    Raises:
        ConfigError: No server is named, or what is named cannot be used.
    """
    if url is not None and config is not None:
        raise ConfigError("--url and --config cannot stand together", hint="leave one of them out")
    if url is None and config is None:
        url = os.environ.get(URL_VARIABLE) or None
    if url is not None:
        token = _token(token_file, None)
        return Access(url, token, verify=True, timeout=30.0, stall_timeout=60.0)
    section = load_server(_config_file(config))
    return Access(
        section.url,
        _token(token_file, section.token_file),
        verify=True if section.ca_file is None else str(section.ca_file),
        timeout=section.timeout,
        stall_timeout=section.stall_timeout,
    )


def connected(found: Access) -> Client:
    """Return a client of the server; nothing is sent yet."""
    return Client(
        found.url,
        found.token,
        verify=found.verify,
        connect_timeout=min(_CONNECT_S, found.timeout),
        answer_timeout=found.timeout,
        stall_timeout=found.stall_timeout,
        patience=PATIENCE_S,
    )


def server_options(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options that say which server is meant; `access` takes what they give."""
    for option in (
        click.option(
            "--token-file",
            type=PATH,
            help="A file with the token; else $AQSYNC_API_TOKEN, $API_TOKEN or the"
            " configuration's.",
        ),
        click.option(
            "--url", help="The server's address; else $AQSYNC_URL, else the configuration's."
        ),
        click.option(
            "--config", "-c", type=PATH, help="The configuration file; its `server` is meant."
        ),
    ):
        function = option(function)
    return function


def with_server(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options that say which server is meant; the function gets its client.

    Args:
        function: A command. Its first argument is the client, which is closed when it returns.
    """

    @server_options
    @functools.wraps(function)
    def command(
        *, config: Path | None, url: str | None, token_file: Path | None, **options: object
    ) -> ExitCode:
        with connected(access(config, url, token_file)) as server:
            await_start(server.url)
            return function(server, **options)

    return command


def find_experiment(server: Client, identifier: str) -> ExperimentRef:
    """Return an experiment by its EID or UUID.

    Raises:
        ExperimentNotFound: There is none for this user.
    """
    try:
        try:
            uuid = UUID(identifier)
        except ValueError:
            return server.experiment_by_eid(identifier)
        return server.experiment(uuid)
    except ExperimentNotFound as exc:
        exc.hint = exc.hint or "`aqsync experiment find` lists those that there are"
        raise


@contextlib.contextmanager
def experiment_by(server: Client, identifier: str) -> Iterator[ExperimentRef]:
    """Work on an experiment, named by its EID or UUID; errors call it by its EID.

    Raises:
        ExperimentNotFound: There is none for this user.
    """
    found = find_experiment(server, identifier)
    with named_by_eid({found.uuid: found.eid}):
        yield found


def _config_file(explicit: Path | None) -> Path:
    try:
        return find_config(explicit)
    except ConfigError as exc:
        hint = f"name the server by --url or {URL_VARIABLE}, or {exc.hint}"
        raise ConfigError(exc.message, hint=hint) from exc


def _token(named: Path | None, configured: Path | None) -> str | None:
    if named is not None:
        return read_token(absolute(named), {})
    return read_token(configured, os.environ)
