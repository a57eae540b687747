"""A client of a `RawServer`, what it may be asked to do, and answers for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from uuid import UUID

from aqsync.aqueduct.client import Client
from tests.support.patience import HANG_S
from tests.support.raw_server import Peer

MIB = 1 << 20
GIB = 1 << 30
EXPERIMENT = UUID("00000000-0000-4000-8000-000000000001")
STORED = b'{"result": "Successfuly uploaded a"}'
NGINX_413 = b"<html><head><title>413 Request Entity Too Large</title></head><body></body></html>"


def client(url: str, *, answer: float = HANG_S, stall: float = HANG_S) -> Client:
    return Client(url, "s3cret-token", answer_timeout=answer, stall_timeout=stall)


def detail(text: object) -> bytes:
    return json.dumps({"detail": text}).encode()


def answering(status: str, body: bytes = b"", *headers: str) -> Callable[[Peer], None]:
    def handler(peer: Peer) -> None:
        while peer.request()[0]:
            peer.answer(status, body, *headers)

    return handler


def upload(server: Client) -> None:
    server.upload(EXPERIMENT, "µ.csv", [b"abc"], 3)


def download(server: Client) -> None:
    with server.download(EXPERIMENT, "µ.csv") as found:
        list(found.chunks())


def listing(server: Client) -> None:
    server.list_files([EXPERIMENT])


def removal(server: Client) -> None:
    server.remove_files(EXPERIMENT, ["µ.csv"])


EVERYTHING = (upload, download, listing, removal)
Operation = Callable[[Client], None]


def chunks_of(size: int, taken: list[int]) -> Iterator[bytes]:
    while True:
        taken.append(size)
        yield bytes(size)
