"""Words that many sentences need."""

from __future__ import annotations


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
