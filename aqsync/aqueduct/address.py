"""Where a server is and how to reach it: what users write, and what the environment adds."""

from __future__ import annotations

import contextlib
import ipaddress
import urllib.request
from urllib.parse import urlsplit

from aqsync.errors import ConfigError

_API_PATH = "/api/graphql"


def server_url(written: str) -> str:
    """Return a server's URL as users write it without blanks around it and without a last slash.

    Raises:
        ConfigError: It is no URL of a server.
    """
    advice = "write it as http://HOST:PORT or https://HOST, with a path if the server has one"
    url = written.strip().rstrip("/")
    shown = "" if "@" in url else f" {written!r}"  # there may be a password in it
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as exc:
        raise ConfigError(f"the server's URL{shown} cannot be used", hint=advice) from exc
    if parts.username is not None:
        raise ConfigError("the server's URL must not hold a user name or password", hint=advice)
    if not usable or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ConfigError(f"the server's URL{shown} cannot be used", hint=advice)
    if url.endswith(_API_PATH):
        meant = url.removesuffix(_API_PATH)
        raise ConfigError(
            f"the server's URL {written!r} ends with {_API_PATH}, which is added to it",
            hint=f"write {meant}",
        )
    return url


def server_address(url: str) -> str:
    """Return what tells two servers' URLs apart: host, port and path.

    The scheme does not: a server that gets a certificate is the same server. A port that the
    scheme has anyway is left out.
    """
    parts = urlsplit(url)
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    return f"{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}"


def token_bytes(token: str) -> bytes:
    """Return a token as a header can carry it.

    Raises:
        ConfigError: A header cannot.
    """
    if not token or not all("!" <= letter <= "~" for letter in token):
        raise ConfigError(
            "the token is empty or has characters that a token cannot have",
            hint="look for blanks, line breaks or quotes in the place that the token comes from",
        )
    return token.encode("ascii")


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy that the environment names for a server; none for loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host if parts.port is None else parts.netloc):
        return None
    if _lies_in_a_range(host, proxies.get("no", "")):
        return None
    # Desktops write "socks" for the only version that is still used.
    scheme, separator, rest = proxy.partition("://")
    if not separator:
        return f"http://{proxy}"
    return f"socks5://{rest}" if scheme == "socks" else proxy


def _lies_in_a_range(host: str, ranges: str) -> bool:
    """Whether an address is in one of the ranges of ``no_proxy``, such as ``10.0.0.0/8``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name: nobody asks what its address is
        return False
    for written in ranges.split(","):
        with contextlib.suppress(ValueError):  # a name
            if address in ipaddress.ip_network(written.strip().strip("[]"), strict=False):
                return True
    return False


def is_readable_on_the_way(url: str) -> bool:
    """Whether what is sent to a server crosses a network without TLS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host, as a URL names it, is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
