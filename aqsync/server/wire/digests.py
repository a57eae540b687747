"""SHA-256 of files in the headers of requests and answers, by RFC 9530."""

from __future__ import annotations

import base64

from aqsync.server.wire.exchange import Exchange

_ALGORITHM = "sha-256"


def wants_digest(exchange: Exchange) -> bool:
    """Tell whether a request asks for the SHA-256 of the whole file, among what it takes."""
    wanted = exchange.joined_header(b"want-repr-digest") or ""
    for each in wanted.split(","):
        name, _, weight = each.partition("=")
        if name.strip() == _ALGORITHM:
            return weight.strip() != "0"
    return False


def digest_header(sha256: bytes) -> tuple[bytes, bytes]:
    """Return the header that tells the SHA-256 of the whole file."""
    return (b"repr-digest", f"{_ALGORITHM}=:".encode() + base64.b64encode(sha256) + b":")
