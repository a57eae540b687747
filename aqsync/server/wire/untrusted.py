"""The headers of files that somebody uploaded: whatever is in one, nothing of it runs."""

from __future__ import annotations

from urllib.parse import quote

from aqsync.server.wire.exchange import Headers

_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "text/csv"})
"""The only kinds that a browser may show itself: pixels and plain text."""

NO_SNIFFING: Headers = ((b"x-content-type-options", b"nosniff"),)
"""A browser takes the media type for what it is, and never looks for HTML in a text."""

SANDBOX: Headers = (
    # A file that is opened all the same runs no script, and is no page of this server.
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)


def attachment(name: str) -> tuple[bytes, bytes]:
    """Return the header that makes a browser save a file under its name."""
    return b"content-disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()


def saved_unless_harmless(name: str, media_type: str) -> Headers:
    """Return the header that makes a browser save a file, if it could run anything in it.

    Args:
        name: The file's name.
        media_type: What it is served as, without parameters.
    """
    return () if media_type in _SHOWN else (attachment(name),)
