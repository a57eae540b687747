"""What follows for files that are larger than the server takes. Pure."""

from __future__ import annotations

from aqsync.model import SECOND_NS, FileRecord, Hold, Reason, SizeLimit

LIMIT_TRIED_EVERY_NS = 24 * 3600 * SECOND_NS
"""How often a file that is too large is tried again, as administrators raise limits."""


def too_large(file: FileRecord, limit: SizeLimit | None, now_ns: int) -> Hold | None:
    """What holds a file that is too large; None: it is not, or finds out whether it still is."""
    if limit is None or not is_too_large(file, limit) or file.forced:
        return None
    # If the try lies further ahead, it was planned before the clock was set back.
    if now_ns >= limit.again_ns or limit.again_ns - now_ns > LIMIT_TRIED_EVERY_NS:
        return None
    size = file.size
    takes = (
        f"at most {limit.bytes}"
        if limit.named
        else f"fewer than {limit.bytes + 1} ({limit.message})"
    )
    why = Reason.TOO_LARGE.explain(
        eid=file.eid_shown or "that makes itself",
        size=size,
        limit=takes,
        advice=f"{limit.hint}; " if limit.hint else "",
    )
    return Hold(why, file.since_ns, next_ns=limit.again_ns, sooner_by_push=False)


def is_too_large(file: FileRecord, limit: SizeLimit) -> bool:
    """Whether a file is larger than the server takes; one of unchanged size may need no upload."""
    local, synced = file.local, file.synced
    if local is None or local.size <= limit.bytes:
        return False
    return synced is None or synced.signature.size != local.size
