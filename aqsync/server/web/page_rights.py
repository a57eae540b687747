"""Which right each page and each form needs; what is not listed is no page."""

from __future__ import annotations

from aqsync.server.rights.decision import Operation

RIGHTS = {
    "GET /": Operation.SEE,
    "GET /experiments/*": Operation.SEE,
    "GET /experiments/*/view/*": Operation.SEE,
    "GET /experiments/*/image/*": Operation.SEE,
    "GET /experiments/*/download/*": Operation.SEE,
    "POST /experiments/*": Operation.UPLOAD,
}
"""``*`` stands for an EID or the name of a file."""


def operation_of(method: str, path: list[str]) -> Operation | None:
    """Return what a client does who asks for a page; None: there is no such page."""
    shape = ["*" if place in {1, 3} else part for place, part in enumerate(path)]
    return RIGHTS.get(f"{method} /{'/'.join(shape)}")
