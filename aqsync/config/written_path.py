"""A path as people write it: ``~``, and what is mistaken for a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aqsync.paths import absolute

_VARIABLE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|%[A-Za-z_]+%")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def written_path(text: str, folder: Path) -> Path:
    """Expand ``~``, and take a relative path from a folder.

    Raises:
        ValueError: It cannot be meant as a path; the message says why.
    """
    if not text.strip():
        raise ValueError("the path is empty")
    if "\0" in text:
        raise ValueError("the path holds a NUL character")
    if variable := _VARIABLE.match(text):
        raise ValueError(f"{variable[0]} is not filled in here: write the whole path, or ~")
    if os.name != "nt" and _WINDOWS_PATH.match(text):
        raise ValueError(f"{text} is a path of Windows; here paths look like /data")
    try:
        os.fsencode(text)
        path = Path(text).expanduser()
    except UnicodeEncodeError as error:
        raise ValueError("the path holds what cannot stand in a path") from error
    except RuntimeError as error:
        raise ValueError(f"the home folder in {text!r} is not known") from error
    return absolute(folder / path)
