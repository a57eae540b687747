"""The options that say who may reach an embedded server, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import click

from aqsync.cli.local_path import PATH
from aqsync.config.token import read_token
from aqsync.paths import absolute


@dataclass(frozen=True, slots=True)
class Access:
    """Who may reach a server, and how.

    Args:
        token_file: A file with the token of its administrator.
        names: Further names of the server.
        proxies: The proxies in front of it.
        rate_limit: Requests a second of each who asks; None: no limit.
        tls: The files of the certificate and its key; None: plain HTTP.
        insecure: Whether the network is let in without a token.
    """

    token_file: Path | None
    names: tuple[str, ...]
    proxies: tuple[IPv4Address | IPv6Address, ...]
    rate_limit: float | None
    tls: tuple[Path, Path] | None
    insecure: bool

    def token(self) -> str | None:
        """Read the token.

        Raises:
            ConfigError: The file cannot be used.
        """
        return None if self.token_file is None else read_token(absolute(self.token_file), {})


class _Address(click.ParamType[IPv4Address | IPv6Address, str]):
    """An IP address."""

    name = "address"

    def convert(
        self,
        value: str | IPv4Address | IPv6Address,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> IPv4Address | IPv6Address:
        try:
            return ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is no IP address such as 127.0.0.1", param, ctx)


def access_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take them, as its argument ``access``."""

    @click.option("--token-file", type=PATH, help="A file with the token of the administrator.")
    @click.option(
        "--tls-certificate", type=PATH, help="Speak TLS: a PEM file, the certificate first."
    )
    @click.option("--tls-key", type=PATH, help="The key of the certificate, without a passphrase.")
    @click.option(
        "--rate-limit",
        type=click.FloatRange(min=0, min_open=True),
        help="Requests a second of each owner of tokens, and of each address without one."
        " [default: no limit]",
    )
    @click.option(
        "--allowed-host",
        "names",
        multiple=True,
        help="A further name under which the server is asked for; may be repeated.",
    )
    @click.option(
        "--proxy",
        "proxies",
        type=_Address(),
        multiple=True,
        help="The address of a proxy in front, which sets X-Forwarded-For; may be repeated.",
    )
    @click.option("--insecure", is_flag=True, help="Let the network in without a token.")
    @wraps(command)
    def run(
        *args: Any,  # noqa: ANN401 - passed through
        token_file: Path | None,
        tls_certificate: Path | None,
        tls_key: Path | None,
        rate_limit: float | None,
        names: tuple[str, ...],
        proxies: tuple[IPv4Address | IPv6Address, ...],
        insecure: bool,
        **options: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        if (tls_certificate is None) is not (tls_key is None):
            raise click.UsageError("--tls-certificate and --tls-key go together")
        tls = None
        if tls_certificate is not None and tls_key is not None:
            tls = (tls_certificate, tls_key)
        access = Access(token_file, names, proxies, rate_limit, tls, insecure)
        return command(*args, access=access, **options)

    return run
