"""File names are read as UTF-8, whatever the locale.

If Python decoded file names by another encoding, `déjà.csv` would have another name on the server
and in the journal than in a UTF-8 locale: it would be uploaded again, and the first would count as
deleted. Python chooses the encoding when it starts, so the command starts once more.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys

from aqsync.errors import ConfigError

_SWITCH = ["-X", "utf8"]


def read_names_as_utf8() -> None:
    """Start the same command again if this process decodes names by another encoding.

    It keeps its process id, its open files and its environment. In a UTF-8 locale, in the C
    locale, on macOS and on Windows there is nothing to do.

    Raises:
        ConfigError: It does so in UTF-8 mode too.
    """
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return
    if not sys.executable or sys.orig_argv[1:3] == _SWITCH:
        raise ConfigError(
            f"file names would be read as {encoding} here, not as UTF-8",
            hint="set PYTHONUTF8=1 in the environment",
        )
    os.execv(sys.executable, [sys.executable, *_SWITCH, *sys.orig_argv[1:]])  # noqa: S606 - this very command again


def use_encoding_of_terminal() -> None:
    """Write to a terminal in its locale's encoding, and names to other outputs as they are.

    What cannot be written becomes an escape, so that no name breaks a command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = _of_the_terminal() if stream.isatty() else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _of_the_terminal() -> str | None:
    """Return the locale's encoding if it differs; ASCII means that no locale is set."""
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ:
        return None
    encoding = codecs.lookup(locale.getencoding()).name
    return None if encoding in {"utf-8", "ascii"} else encoding
