"""A connection of a browser: every answer on it forbids what is not ours, whoever makes it."""

from __future__ import annotations

from aqsync.service.web.connection import HEADERS, LimitedConnection


class PageConnection(LimitedConnection):
    """Serves the page."""

    answer_headers = HEADERS | {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }
