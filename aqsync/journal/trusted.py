"""A journal, and what stands beside it, is used only if no other user could have put it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from aqsync.errors import JournalError
from aqsync.trust import distrust, trusted_users

_NEVER_LINKS = ("-wal", "-shm", "-journal", ".lock")


def users_of(journal: Path) -> frozenset[int]:
    """Whom a journal may belong to: this user and root.

    Root may also use the journal of whomever its folder belongs to, such as that of the service.

    Raises:
        OSError: The folder cannot be looked at.
    """
    users = trusted_users()
    if users == {0} and journal.parent.is_dir():
        return users | {journal.parent.stat().st_uid}
    return users


def require_trusted(journal: Path) -> None:
    """Refuse a journal that others could have planted, changed, or put a link in the place of.

    Raises:
        JournalError: They could; the message says by what.
        OSError: It cannot be looked at.
    """
    users = users_of(journal)
    why = distrust(journal, users)
    if why is not None:
        raise _refused(journal, why)
    _require_regular(Path(os.path.realpath(journal)))
    for suffix in _NEVER_LINKS:
        beside = journal.with_name(journal.name + suffix)
        _require_regular(beside)
        if (why := distrust(beside, users)) is not None:
            raise _refused(beside, why)


def _require_regular(path: Path) -> None:
    """No link, which would lead a writer elsewhere; no FIFO, which would block one."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise JournalError(
            f"{path} is not a regular file", hint="see what put it there, and move it away"
        )


def _refused(path: Path, why: str) -> JournalError:
    return JournalError(
        f"{path} is not used, as others could have put it there or could change it: {why}",
        hint="make its folder and what is in it yours alone (chmod go-w; move away what is not"
        " yours), or give `journal` in the configuration a path in a new folder: aqsync makes it",
    )
