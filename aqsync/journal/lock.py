"""One process writes a journal: a lock file beside it, held by the operating system.

The lock ends with the process, however that ends, so nothing can be left locked.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from aqsync.errors import JournalInUse

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class JournalLock:
    """Held from construction to `release`.

    Args:
        journal: The journal's path; the lock file stands beside it.

    Raises:
        JournalInUse: Another process holds it.
        OSError: The lock file cannot be made.
    """

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _try_lock(self._descriptor)
        except OSError as exc:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            by = f" (process {holder})" if holder else ""
            raise JournalInUse(
                f"the journal {journal} is in use by another aqsync{by}",
                hint="wait until it has finished, or stop it",
            ) from exc
        with contextlib.suppress(OSError):  # a full disk must not keep us from locking
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others write."""
        os.close(self._descriptor)
