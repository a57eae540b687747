"""What the page answers: HTML, files to be shown or saved, a way to go."""

from __future__ import annotations

import os
from urllib.parse import quote

from aqsync.server.exchange import Exchange, Headers
from aqsync.server.web.markup import EMPTY, Markup, fill

_HTML = b"text/html; charset=utf-8"

_OWN_ONLY = (
    b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    b" frame-ancestors 'none'"
)

SAFE: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # Not no-referrer: browsers would then hide the origin of a form as well.
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
    # Whatever it is: nothing in it runs, and it belongs to no site.
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)


async def show(  # noqa: PLR0913 - all but two by name
    exchange: Exchange,
    content: Markup,
    *,
    title: str,
    status: int = 200,
    leave: bool = False,
    headers: Headers = (),
) -> None:
    """Answer with a page, though the body may not have been read.

    Args:
        exchange: The request.
        content: What is on it.
        title: What the window is called.
        status: The HTTP status.
        leave: Whether there is a button to log out.
        headers: Further headers.
    """
    button = fill("logout") if leave else EMPTY
    page = fill("frame", title=title, content=content, logout=button).encode()
    await exchange.answer_early(status, page, headers=(*_PAGE, *headers), kind=_HTML)


async def tell(
    exchange: Exchange, status: int, text: str, *, leave: bool = False, headers: Headers = ()
) -> None:
    """Answer with a page that says why there is nothing else."""
    title = "Not found" if status == 404 else "Not done"  # noqa: PLR2004 - HTTP
    content = fill("message", title=title, text=text)
    await show(exchange, content, title=title, status=status, leave=leave, headers=headers)


async def send_away(exchange: Exchange, path: str, headers: Headers = ()) -> None:
    """Let the browser get another page."""
    location = (b"location", path.encode("ascii"))
    await exchange.answer_early(303, b"", headers=(*_PAGE, *headers, location), kind=_HTML)


def headers_to_save(name: str, _: os.stat_result) -> Headers:
    """Return the headers of a file that a browser is to save under its name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return (
        *_FILE,
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", disposition.encode()),
    )


def headers_of_image(media_type: str) -> Headers:
    """Return the headers of an image that a page shows."""
    return (*_FILE, (b"content-type", media_type.encode()))
