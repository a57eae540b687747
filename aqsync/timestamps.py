"""What the times of a file are worth on its file system. Everything here is pure."""

from __future__ import annotations

from aqsync.model import SECOND_NS, Signature

FAT_NS = 2 * SECOND_NS
"""The coarsest times that a file system in use gives."""


def granularity_ns(signature: Signature) -> int:
    """How far apart two writes may be that leave the same times; 0: less than a second.

    A file system that knows only whole seconds (ext4 with small inodes, HFS+, some network
    drives) or every second one (FAT) shows it by the times themselves. Both must be whole: a
    program that sets an mtime, such as tar or cp, cannot set the ctime.
    """
    times = (signature.mtime_ns, signature.ctime_ns)
    for step in (FAT_NS, SECOND_NS):
        if all(time % step == 0 for time in times):
            return step
    return 0


def settle_ns(signature: Signature, wanted_ns: int) -> int:
    """How long a file must stand still before its times say that it has.

    With coarse times two writes within one granule look like one. So the wait is at least the
    granularity and one second more, for clocks that do not tick together.

    Args:
        signature: The file's.
        wanted_ns: What the configuration asks for.
    """
    granularity = granularity_ns(signature)
    return max(wanted_ns, granularity + SECOND_NS) if granularity else wanted_ns


def recheck_at_ns(signature: Signature, read_ns: int, write_back_ns: int) -> int | None:
    """When a version must be hashed again, as it may be stored to without its times telling.

    Args:
        signature: The version's.
        read_ns: When its reading began, by the wall clock.
        write_back_ns: How long after a store others to the same page leave the times alone.

    Returns:
        None: it was old enough when it was read. A time in the future tells nothing, so then it
        counts as just written.
    """
    # With coarse times the store may have been as much later than they say.
    touched_ns = max(signature.mtime_ns, signature.ctime_ns) + granularity_ns(signature)
    if touched_ns + write_back_ns < read_ns:
        return None
    return min(touched_ns, read_ns) + write_back_ns
