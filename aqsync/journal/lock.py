"""One process writes a journal: a lock file beside it, held by the operating system.

The lock ends with the process, however the process ends, so nothing stays locked. The lock file
names the process that holds it. Afterwards it says how the journal was left: closed in good order,
or damaged. Such a lock file also proves that its path once held a journal of ours. A file there
that is damaged beyond recognition may be moved away; a file that never was a journal may not.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from aqsync.errors import JournalInUse

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> None:
        """Hold an open file against other processes; an OSError says that one holds it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Hold an open file against other processes; an OSError says that one holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_OPENING = "opening"
_DAMAGED = "damaged"


def marks_a_journal(journal: Path) -> bool:
    """Whether the lock file says that the file here was once opened as a journal of ours."""
    try:
        mark = _beside(journal).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return False
    return bool(mark) and not mark.startswith(_OPENING)


def _beside(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")


class JournalLock:
    """Held from construction to `release`.

    Args:
        journal: The journal's path; the lock file stands beside it.

    Attributes:
        untouched: Whether the journal is still the file that its last writer closed in good
            order, by its size, times and inode.
        path: Where the lock file stands.
        damaged: Whether its last writer found damage in it, so that no check is needed.

    Raises:
        JournalInUse: Another process holds it.
        OSError: The lock file cannot be made.
    """

    def __init__(self, journal: Path) -> None:
        self.path = _beside(journal)
        self._journal = journal
        # What stands in its place behind a link is no lock, and would be overwritten.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        try:
            try_lock(self._descriptor)
        except OSError as exc:
            holder = self._read().removeprefix(_OPENING).strip()
            os.close(self._descriptor)
            by = f" (process {holder})" if holder.isdigit() else ""
            raise JournalInUse(
                f"the journal {journal} is in use by another aqsync{by}",
                hint="wait until it has finished, or stop it",
            ) from exc
        mark = self._read()
        self.untouched = mark == _closed_state(journal)
        self.damaged = mark == _DAMAGED
        if not marks_a_journal(journal):
            self._write(f"{_OPENING} {os.getpid()}")

    def in_place(self) -> bool:
        """Whether the lock file is still at its path; else other processes do not see the lock."""
        try:
            there = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def opened(self) -> None:
        """The file here is a journal of ours, and this process writes it."""
        self._write(str(os.getpid()))

    def release(self, *, in_good_order: bool = False, damaged: bool = False) -> None:
        """Let others write.

        Args:
            in_good_order: Whether the journal was closed, with nothing wrong in it.
            damaged: Whether damage was met in it.
        """
        if damaged:
            self._write(_DAMAGED)
        elif in_good_order:
            self._write(_closed_state(self._journal) or "closed while it was read")
        os.close(self._descriptor)

    def _read(self) -> str:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.read(self._descriptor, 200).decode("ascii", "replace").strip()

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep us from locking
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, f"{line}\n".encode())


def _closed_state(journal: Path) -> str | None:
    """What changes whenever the journal's content does; None where that is not all in one file."""
    with contextlib.suppress(FileNotFoundError):
        # An empty one is left by a command that has only read the journal.
        if journal.with_name(journal.name + "-wal").stat().st_size:
            return None
    try:
        status = journal.stat()
    except FileNotFoundError:
        return None
    return (
        f"closed: {status.st_size} bytes, inode {status.st_ino},"
        f" mtime {status.st_mtime_ns}, ctime {status.st_ctime_ns}"
    )
