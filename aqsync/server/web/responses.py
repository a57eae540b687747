"""What the page answers with: HTML, redirects, and the headers of files."""

from __future__ import annotations

from aqsync.server.files.store import FileFacts
from aqsync.server.wire import untrusted
from aqsync.server.wire.exchange import Exchange, Headers

_HTML = b"text/html; charset=utf-8"

_OWN_ONLY = (
    b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    b" frame-ancestors 'none'"
)

SAFE: Headers = (
    *untrusted.NO_SNIFFING,
    # With no-referrer, browsers would hide the origin of a form, too.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_PAGE: Headers = (
    *SAFE,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", _OWN_ONLY),
)
_FILE: Headers = (
    *SAFE,
    (b"cache-control", b"no-store"),
    *untrusted.SANDBOX,
)


async def send_html(
    exchange: Exchange, html: str, *, status: int = 200, headers: Headers = ()
) -> None:
    """Answer with a page, though the body may not have been read."""
    await exchange.answer_early(status, html.encode(), headers=(*_PAGE, *headers), kind=_HTML)


async def redirect(exchange: Exchange, path: str, headers: Headers = ()) -> None:
    """Let the browser get another page."""
    location = (b"location", path.encode("ascii"))
    await exchange.answer_early(303, b"", headers=(*_PAGE, *headers, location), kind=_HTML)


def download_headers(name: str, _: FileFacts) -> Headers:
    """Return the headers of a file that a browser is to save under its name."""
    kind = (b"content-type", b"application/octet-stream")
    return (*_FILE, kind, untrusted.attachment(name))


def image_headers(name: str, media_type: str) -> Headers:
    """Return the headers of an image that a page shows; opened by itself, an SVG is saved."""
    kind = (b"content-type", media_type.encode())
    return (*_FILE, kind, *untrusted.saved_unless_harmless(name, media_type))
