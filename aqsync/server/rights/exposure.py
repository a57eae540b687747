"""Who can reach the server, and whether that is what its owner means."""

from __future__ import annotations

import ipaddress
import logging

from aqsync.server.errors import ServerStartError

MIN_TOKEN_LENGTH = 8
_log = logging.getLogger(__name__)


def check_token(token: str | None) -> None:
    """Refuse a token that could be guessed.

    Raises:
        ServerStartError: It is empty or short.
    """
    if token == "":
        # A server that accepts an empty token is open to every client that sends one.
        raise ServerStartError("the token is empty", "Set one, or serve without a token.")
    if token is not None and len(token) < MIN_TOKEN_LENGTH:
        raise ServerStartError(
            f"the token has {len(token)} characters, so it could be guessed",
            f"Take a random one of at least {MIN_TOKEN_LENGTH} characters, such as"
            " `python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` prints.",
        )


def names_in(host: str) -> frozenset[str]:
    """Return the host if it is a name of this server alone: no address, and not ``localhost``."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return frozenset({host.lower()} if "." in host else ())
    return frozenset()


def check_exposure(address: str, *, asks: bool, encrypted: bool, insecure: bool) -> None:
    """Refuse to let the network in without a token, and warn of what travels unencrypted.

    Args:
        address: What the server listens on.
        asks: Whether clients must send a token.
        encrypted: Whether it speaks TLS.
        insecure: Whether the owner wants it so.

    Raises:
        ServerStartError: The network would be let in by accident.
    """
    if ipaddress.ip_address(address).is_loopback:
        return
    if not asks and not insecure:
        raise ServerStartError(
            f"everybody who reaches {address} could read, change and delete everything",
            "Make a token with `aqsync serve token create`, or set one with --token-file; or add"
            " --insecure if that is what you want.",
        )
    if encrypted:
        return
    what = "everything" if not asks else "the token, and everything else,"
    _log.warning(
        "%s travels without encryption: anybody on the way can read and change it. Add"
        " --tls-certificate and --tls-key, or put a proxy with TLS in front, where the network is"
        " not yours.",
        what,
    )
