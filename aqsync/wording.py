"""Words that many sentences need."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """How many: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
