"""What proxies in front of the server tell about a client."""

from __future__ import annotations

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.server.settings import Addresses
from aqsync.server.wire.exchange import Exchange


class Proxies:
    """Takes the client's address from ``X-Forwarded-For``, if a known proxy sent the request.

    Anybody can send that header: guesses of the token would be counted for other addresses, and
    the logs would tell what the client made up.

    ``X-Forwarded-Proto`` only chooses the client's own cookie, so it is believed of anybody.

    Args:
        app: What answers.
        known: The addresses of the proxies.
    """

    def __init__(self, app: ASGIApp, *, known: Addresses) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            exchange = Exchange(scope, receive, send)
            if exchange.header(b"x-forwarded-proto") == "https":
                scope["scheme"] = "https"
            told = exchange.joined_header(b"x-forwarded-for")
            if told is not None and scope["client"]:
                scope["client"] = (self._client(exchange.client, told), 0)
        await self._app(scope, receive, send)

    def _client(self, address: str, told: str) -> str:
        """The last address that no known proxy has; each proxy adds the one that it sees."""
        for before in reversed(told.split(",")):
            if not self._is_known(address):
                break
            try:
                address = str(ipaddress.ip_address(before.strip()))
            except ValueError:
                break
        return address

    def _is_known(self, address: str) -> bool:
        return ipaddress.ip_address(address) in self._known
