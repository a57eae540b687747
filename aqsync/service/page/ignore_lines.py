"""The line of an ignore file that leaves out one file, whatever its name holds."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\*?\[\]!#]")


def ignore_line(path: str) -> str | None:
    """The line; None where no line can name the file.

    Args:
        path: Below the root.
    """
    if any(character in path for character in "\n\r\0") or not path.isprintable():
        return None
    line = "/" + _SPECIAL.sub(r"\\\g<0>", path)
    return line[:-1] + "\\ " if line.endswith(" ") else line
