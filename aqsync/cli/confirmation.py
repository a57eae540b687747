"""The question before something is removed."""

from __future__ import annotations

import sys

from aqsync.cli.output import complain, printable
from aqsync.errors import ConfigError

_YES = {"y", "yes"}


def agreed(question: str, *, yes: bool) -> bool:
    """Ask whether to do what cannot be undone; anything but a yes means no.

    Args:
        question: Without a question mark.
        yes: The answer was given on the command line.

    Raises:
        ConfigError: There is nobody to ask.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "nothing was removed: there is no terminal to ask on", hint="--yes removes unasked"
        )
    sys.stderr.write(f"{printable(question)}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in _YES:
        return True
    complain("nothing was removed")
    return False
