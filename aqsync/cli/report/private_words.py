"""Texts as people outside may read them: without the folders of this machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_QUOTED = re.compile(r"""(['"`])/(?:(?!\1).)*?([^/'"`]*)/*\1""")
_BARE = re.compile(r"""(?<![\w./:~…\])-])/[^\s/'"`,;:()][^\s'"`,;:()]*""")


def without_folders(text: str, roots: Mapping[str, str]) -> str:
    """Name files below a mapping by its name, and other files by their own name alone.

    Args:
        text: Such as a reason or a hint.
        roots: The absolute directory of each mapping by its name.
    """
    for name, root in sorted(roots.items(), key=lambda each: -len(each[1])):
        text = re.sub(rf"(?<![\w/]){re.escape(root)}(?!\w)", name.replace("\\", r"\\"), text)
    text = _QUOTED.sub(lambda found: f"{found[1]}…/{found[2]}{found[1]}", text)
    return _BARE.sub(lambda found: f"…/{found[0].rstrip('/').rpartition('/')[2]}", text)
