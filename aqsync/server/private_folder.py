"""The data directory belongs to the server's user alone."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

_log = logging.getLogger(__name__)
_OTHERS = 0o077
_OWN = frozenset({"server.lock", "server.id", "catalog.db"})


def make_private(data: Path) -> None:
    """Make the data directory (0700) if it is missing, and close an open one to other users.

    One that holds other things than a server's is left open: `--data /tmp` must not
    lock everybody out of it.

    Raises:
        OSError: It cannot be made or looked at.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)
    mode = stat.S_IMODE(data.stat().st_mode)
    if not mode & _OTHERS:
        return
    names = {path.name for path in data.iterdir()}
    reason = "it also holds what is not this server's"
    if not names or names & _OWN:
        try:
            data.chmod(mode & ~_OTHERS)
        except OSError as exc:
            reason = str(exc.strerror)
        else:
            _log.warning("%s was open to other users of this machine, and is closed now", data)
            return
    _log.warning("other users of this machine may look into %s, which stays so: %s", data, reason)
