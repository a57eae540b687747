"""Whose word counts for the address of a client."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from starlette.types import Receive, Scope, Send

from aqsync.server.wire.proxies import Proxies

KNOWN = frozenset({ip_address("127.0.0.1"), ip_address("fd00::2")})


def seen(peer: str, *headers: tuple[bytes, bytes]) -> Scope:
    """What an application is told of a request of this peer."""
    found: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(scope)

    async def receive() -> dict[str, object]:
        raise AssertionError

    async def send(_: object) -> None:
        raise AssertionError

    scope: Scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
    asyncio.run(Proxies(app, known=KNOWN)(scope, receive, send))
    return found[0]


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("127.0.0.2", "10.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.2"),
        ("127.0.0.1", "10.0.0.1, FD00:0::2", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1, fd00::3", "fd00::3"),
        ("127.0.0.1", "10.0.0.1, x\nforged", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1", "fe80::1%eth0"),
    ],
)
def test_only_known_proxies_tell_of_clients(peer: str, told: str, client: str) -> None:
    assert seen(peer, (b"x-forwarded-for", told.encode()))["client"][0] == client


def test_a_header_that_came_twice_is_one_list() -> None:
    both = [(b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-for", b"10.0.0.2")]
    assert seen("127.0.0.1", *both)["client"][0] == "10.0.0.2"


def test_what_the_client_says_of_tls_counts_for_itself() -> None:
    assert seen("10.0.0.9", (b"x-forwarded-proto", b"https"))["scheme"] == "https"
    assert seen("10.0.0.9", (b"x-forwarded-proto", b"gopher"))["scheme"] == "http"
    assert seen("10.0.0.9")["client"] == ("10.0.0.9", 1)
