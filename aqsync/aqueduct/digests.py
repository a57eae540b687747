"""SHA-256 of a file in the head of its download, by RFC 9530. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

ASKING = ((b"Want-Repr-Digest", b"sha-256=10"),)
"""The embedded server tells it then; others pass over it."""

_TOLD = re.compile(r"\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):\s*")


def sha256_of(headers: Mapping[str, str]) -> bytes | None:
    """Return the SHA-256 that the head of a download tells; None if it tells none, or of others.

    That of what a proxy has compressed says nothing about the file.
    """
    if headers.get("content-encoding", "identity") != "identity":
        return None
    told = list(filter(None, map(_TOLD.fullmatch, headers.get("repr-digest", "").split(","))))
    if len(told) != 1:
        return None
    try:
        return base64.b64decode(told[0][1], validate=True)
    except binascii.Error:
        return None
