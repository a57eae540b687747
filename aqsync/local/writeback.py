"""How long a page of memory may be written to without a change of the file's times.

The first store through mmap to a page that is clean sets a file's mtime and ctime. Further stores
to the same page change neither, not even when the file is closed, until the kernel has written
the page back: the next one sets them again.
"""

from __future__ import annotations

from pathlib import Path

from aqsync.model import SECOND_NS

SETTINGS = Path("/proc/sys/vm")
UNKNOWN_NS = 60 * SECOND_NS
"""If the system does not say."""
LONGEST_NS = 3600 * SECOND_NS
"""The most that counts, as laptops may be set to write back later or never."""
WRITING_NS = 10 * SECOND_NS
"""Extra time for the write itself, as the disk may be busy."""

_CENTISECOND_NS = 10_000_000


def write_back_ns(settings: Path = SETTINGS) -> int:
    """Nanoseconds after which a changed page has been written back.

    Args:
        settings: The folder with the kernel's own settings.
    """
    try:
        expire, every = (
            int((settings / name).read_text(encoding="ascii")) * _CENTISECOND_NS
            for name in ("dirty_expire_centisecs", "dirty_writeback_centisecs")
        )
    except (OSError, ValueError):
        return UNKNOWN_NS
    if expire <= 0 or every <= 0:  # nothing is written back because of its age
        return LONGEST_NS
    return min(expire + every + WRITING_NS, LONGEST_NS)
