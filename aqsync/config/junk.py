"""What no measurement is: the junk of desktops, editors and programs that transfer files."""

from __future__ import annotations

import json
import textwrap

_WIDTH = 90

DEFAULT_IGNORE = (
    *("*.tmp", "*.part", "*.partial", "*.filepart", "*.crdownload"),
    # rsync writes to .NAME.XXXXXX, and renames that when it is whole.
    ".?*." + 6 * "[A-Za-z0-9]",
    *("~$*", ".~lock.*#", "*.swp", ".git/"),
    *(".DS_Store", "._*", "Thumbs.db", "desktop.ini"),
    # Network disks keep deleted files that are still open under such names.
    *(".nfs*", ".fuse_hidden*"),
)
"""What the key ``ignore`` is without being written."""


def ignored_in_lines(indentation: str) -> str:
    """`DEFAULT_IGNORE` as YAML between brackets, over several lines; the first is not indented."""
    listed = ", ".join(map(json.dumps, DEFAULT_IGNORE))
    return textwrap.fill(
        listed,
        _WIDTH,
        subsequent_indent=indentation,
        break_long_words=False,
        break_on_hyphens=False,
    )
