"""What the token of a PC may do, and what it should: what `check` and `doctor` say of it."""

from __future__ import annotations

from aqsync.aqueduct.records import UserRights

CURE = (
    "make one for this PC alone: `aqsync serve token create NAME --owner PC --scope upload` on the"
    " server"
)
ENOUGH = "the token may upload, and no more than that"


def too_little(rights: UserRights) -> str:
    """Say that nothing can be uploaded with a token; empty if something can, as far as is known."""
    if rights.scope != "read":
        return ""
    return f"the token of {rights.username!r} may only read, so nothing can be uploaded"


def too_much(rights: UserRights) -> str:
    """Say what else who finds the token could do; empty if that is not more than a PC needs."""
    more = {
        "write": "change and remove what others have put there",
        "admin": "do everything, and remove whole experiments",
    }.get(rights.scope or "", "")
    return more and f"the token of {rights.username!r} may do more than a PC needs: {more}"
