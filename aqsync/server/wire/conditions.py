"""The conditions of requests on files, and the headers of the answers.

`docs/reference/conditional-uploads.md` describes the headers.
"""

from __future__ import annotations

from aqsync.server.wire.exchange import Exchange, Headers

_EXPECT = b"aqueduct-expect"
_CHECKED = ((b"aqueduct-condition", b"checked"),)


def expected_version(exchange: Exchange) -> str | None:
    """Return what a request expects: a listed time or ``absent``; None if it does not say.

    Headers that contradict each other give a text that no file fulfils.
    """
    return exchange.joined_header(_EXPECT)


def checked_headers(exchange: Exchange) -> Headers:
    """Return the headers that say that a request's condition was checked; none if it has none.

    They may go with every answer: nothing is done before the condition is checked.
    """
    return () if expected_version(exchange) is None else _CHECKED
