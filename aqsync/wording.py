"""Words that many sentences need: counts, sizes, ages and times as people say them."""

from __future__ import annotations

from datetime import UTC, datetime

from aqsync.local_time import local_text
from aqsync.model import SECOND_NS


def counted(number: int, thing: str) -> str:
    """How many: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """Exactly how long: ``0.5 s``, ``20 s``, ``10 min``, ``1 h 30 min``, ``2 days``."""
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    parts = counted(days, "day"), f"{hours} h", f"{minutes} min", f"{rest:.5g} s"
    said = [part for part in parts if not part.startswith("0 ")]
    return " ".join(said) or "0 s"


def printable(text: str) -> str:
    """Text that a terminal shows on one line, whatever bytes a file name holds."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def size_text(size: float) -> str:
    """Bytes as people say them: ``3.1 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if round(size, 1) < 1024:  # noqa: PLR2004 - the step from unit to unit
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def seconds_text(seconds: float) -> str:
    """About how long it was or will be: ``42 s``, ``3 min``, ``5 h``, ``2 days``."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def age_text(then_ns: int | None, now_ns: int) -> str:
    """How long ago something was: ``3 min ago``, ``never``."""
    if then_ns is None:
        return "never"
    return f"{seconds_text(max(0, now_ns - then_ns) / SECOND_NS)} ago"


def until_text(at_ns: int | None) -> str:
    """Until when: `` until 2026-11-23 10:00:00+01:00``; empty if that is not known."""
    return "" if at_ns is None else f" until {local_text(at_ns / SECOND_NS)}"


def lists_text(oldest_ns: int | None, now_ns: int) -> str:
    """How old what is known of the server is, as `status` and `ls` say it."""
    if oldest_ns is None:
        return "the server's file lists were never fetched"
    return f"the server's file lists were fetched {age_text(oldest_ns, now_ns)}"


def iso_text(at_ns: int | None) -> str | None:
    """A point in time, nanoseconds since 1970, as programs read it; None beyond the year 9999."""
    if at_ns is None:
        return None
    try:
        return datetime.fromtimestamp(at_ns / SECOND_NS, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
