"""Names are bytes, whatever the locale: the process reads them as UTF-8 in every one.

Where Python would decode file names by another encoding, `déjà.csv` would have another name on the
server, and in the journal, than in a UTF-8 locale: it would go up again, and the first would
count as deleted. Python decides on that when it starts, so the command starts once more.
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
    """Start the same command anew if this process decodes names by another encoding.

    It keeps its process id, its open files and its environment. In a UTF-8 locale, in the C
    locale, on macOS and on Windows there is nothing to do.

    Raises:
        ConfigError: It does so even when it is told not to.
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


def speak_as_the_terminal_does() -> None:
    """Let a terminal get the letters of its own locale; other outputs get the names' own bytes.

    What cannot be shown becomes an escape: a name must not break a command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = _of_the_terminal() if stream.isatty() else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _of_the_terminal() -> str | None:
    """The locale's encoding where it differs; ASCII is what a locale says that is not set."""
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ:
        return None
    encoding = codecs.lookup(locale.getencoding()).name
    return None if encoding in {"utf-8", "ascii"} else encoding
