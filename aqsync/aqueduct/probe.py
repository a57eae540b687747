"""What the head of a download tells about a file. Pure."""

from __future__ import annotations

import re
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
    as_it_is = headers.get("content-encoding", "identity") == "identity"
    modified = http_date(headers.get("last-modified"))
    return RemoteProbe(
        length_of(headers) if as_it_is else None,
        None if modified is None else int(modified.timestamp()),
        headers.get("etag") or None,
    )


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return how many bytes a body has by its headers; None if they do not tell."""
    length = headers.get("content-length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,19}", length) else None
