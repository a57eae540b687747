"""The question before something is removed."""

from __future__ import annotations

import sys

from aqsync.cli.output import complain
from aqsync.cli.signals import wait_for_input
from aqsync.errors import ConfigError
from aqsync.wording import printable

_YES = {"y", "yes"}


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask before something that cannot be undone; any answer but yes means no.

    Args:
        question: Without a question mark.
        yes: The command line has answered already.

    Raises:
        ConfigError: There is no terminal to ask on.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "nothing was removed: there is no terminal to ask on", hint="--yes removes unasked"
        )
    sys.stderr.write(f"{printable(question)}? [y/N] ")
    sys.stderr.flush()
    wait_for_input()
    if sys.stdin.readline().strip().lower() in _YES:
        return True
    complain("nothing was removed")
    return False
