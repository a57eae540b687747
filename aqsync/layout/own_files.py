"""Names that aqsync itself gives to files beside a user's own, for a moment. Pure.

A kill may leave such a file. So it is never uploaded, whatever a user's patterns say, and no file
that comes from a server gets such a name.
"""

from __future__ import annotations

import re

_PARTIAL = re.compile(r"\.aqsync-[0-9a-f]{16}\.part")
_FREEING = re.compile(r"\.aqsync-freeing-[0-9a-f]{16}\.tmp")


def partial_name(drawn: str) -> str:
    """The name of a file that is not whole yet.

    Args:
        drawn: 16 hexadecimal digits, drawn once.
    """
    return f".aqsync-{drawn}.part"


def freeing_name(digits: str) -> str:
    """The name of a file while it is being removed.

    Args:
        digits: 16 hexadecimal digits, the same ones for the same file.
    """
    return f".aqsync-freeing-{digits}.tmp"


def is_partial(name: str) -> bool:
    """Tell whether this is the name of a file that is not whole yet."""
    return _PARTIAL.fullmatch(name) is not None


def is_own(name: str) -> bool:
    """Tell whether aqsync gives this name to a file that is none of the user's."""
    return is_partial(name) or _FREEING.fullmatch(name) is not None
