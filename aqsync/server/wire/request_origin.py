"""Which page made a browser send a request: pure functions.

Any web page can make a browser send requests, also to a server that only the browser's machine can
reach. ``Sec-Fetch-Site`` or ``Origin`` says which page did. A page can also point its own host name
at this machine (DNS rebinding), so that the browser takes this server for the page's own, and says
neither where it is plain HTTP; the header ``Host`` then has that name.
"""

from __future__ import annotations

import ipaddress
import socket

from aqsync.server.wire.exchange import Exchange

REBOUND = (
    "This server listens without a token and was asked for under a name that it does not know."
    " Open it under its address, such as http://127.0.0.1:8000/, or start it with --allowed-host"
    " and that name, or with --token-file."
)
FOREIGN = "This came from another web page, and was not done."


def sent_by_own_page(exchange: Exchange) -> bool | None:
    """Tell whether a page of this server sent the request; None if no browser says so."""
    site = exchange.header(b"sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = exchange.header(b"origin")
    if origin is None:
        return None
    host = exchange.header(b"host")
    return host is not None and origin.partition("://")[2].lower() == host.lower()


def is_rebound(exchange: Exchange, allowed: frozenset[str]) -> bool:
    """Tell whether a request came under a name that a stranger may own.

    Args:
        exchange: The request.
        allowed: Names of this server, besides those of the machine.
    """
    host = _host_name(exchange.header(b"host") or "")
    machine = socket.gethostname().lower()
    own = host in allowed or host in {machine, f"{machine}.local"} or host.endswith(".localhost")
    # No stranger can own a name without a dot, and an address is not a name.
    return not own and "." in host and not _is_address(host)


def _host_name(host: str) -> str:
    """The name in ``NAME:PORT`` or ``[ADDRESS]:PORT``."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
