"""Locales that do not speak UTF-8, for processes that a test starts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_NO_HELP_FROM_PYTHON = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Python would take the C locale for UTF-8 by itself."""


def latin_1(folder: Path) -> dict[str, str]:
    """The environment of a German office of the nineties; it is made if it is not here."""
    if shutil.which("localedef") is None:
        pytest.skip("no locale can be made here")
    made = folder / "de_DE.ISO-8859-1"
    if not made.exists():
        command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", "--no-archive", str(made)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not (made / "LC_CTYPE").exists():
            pytest.skip(f"the locale cannot be made here: {done.stderr.strip()}")
    return {**_NO_HELP_FROM_PYTHON, "LOCPATH": str(folder), "LC_ALL": made.name}


def plain_c() -> dict[str, str]:
    """The environment of a process that nobody has told anything."""
    return {**_NO_HELP_FROM_PYTHON, "LC_ALL": "C"}
