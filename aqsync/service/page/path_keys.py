"""File paths in addresses and forms, whatever bytes they hold."""

from __future__ import annotations

import base64
import binascii
import os

from aqsync.errors import BadRequest


def key_of(path: str) -> str:
    """A path as letters, digits, ``-`` and ``_``."""
    return base64.urlsafe_b64encode(os.fsencode(path)).decode().rstrip("=")


def path_of(key: str) -> str:
    """The path again.

    Raises:
        BadRequest: It is no such key.
    """
    try:
        found = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadRequest("this address names no file") from exc
    if b"\0" in found:
        raise BadRequest("this address names no file")
    return os.fsdecode(found)
