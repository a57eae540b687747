"""How many files this process may have open, and how many connections that is."""

from __future__ import annotations

import resource

MAX_CONNECTIONS = 2000
_ENOUGH_FILES = 65_536
_OWN_FILES = 100
"""For the catalog, logs, scripts, and what threads have open for a moment."""
_FILES_EACH = 3
"""A connection, the file that goes through it, and the folder of that."""


def raise_file_limit() -> int:
    """Let this process open as many files as it may, and return how many that is.

    Most systems begin with 1,024, which a few silent clients would use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = _ENOUGH_FILES if hard == endless else min(hard, _ENOUGH_FILES)
    if soft != endless and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _ENOUGH_FILES if soft == endless else soft


def connections_for(files: int) -> int:
    """Return how many connections there may be, so that none is refused for lack of files."""
    return max(1, min(MAX_CONNECTIONS, (files - _OWN_FILES) // _FILES_EACH))
