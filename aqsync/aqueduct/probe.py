"""What the head of a download tells about a file. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from aqsync.aqueduct.answers import http_date
from aqsync.aqueduct.records import RemoteProbe

NOT_FROM_A_CACHE = ((b"Cache-Control", b"no-cache"),)
"""For proxies that keep downloads: what one kept may be gone, or replaced."""
TINY = 16 * 1024
"""A body of so many bytes is had sooner than a new connection."""


def probe_of(headers: Mapping[str, str]) -> RemoteProbe:
    """Return what the headers of a download tell; None where they tell nothing usable.

    The length of what a proxy has compressed says nothing about the file.
    """
    length = headers.get("content-length", "")
    as_it_is = headers.get("content-encoding", "identity") == "identity"
    modified = http_date(headers.get("last-modified"))
    return RemoteProbe(
        int(length) if as_it_is and length.isascii() and length.isdigit() else None,
        None if modified is None else int(modified.timestamp()),
        headers.get("etag") or None,
    )
