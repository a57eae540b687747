"""Files that stand under their names only when they are whole and on the disk.

Until then they have a temporary name in the same folder, and a lock: what a process that was
killed has left behind is known by its name, and by the lock that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from typing import Self

from aqsync.errors import LocalError
from aqsync.layout.own_files import is_partial, partial_name

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_LEFT = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_EVERYBODY_MAY = 0o666
"""What the user's mask leaves of it is what a new file gets."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}


class Partial:
    """A file that is being written; a context manager, which removes what has not been finished.

    Args:
        directory: A handle of the directory that it is in; this closes it.
        name: The name that it will have there.
        shown: Its path as errors name it.

    Raises:
        LocalError: Nothing can be written there, or a folder, a pipe or a device has the name.
    """

    def __init__(self, directory: int, name: bytes, shown: str) -> None:
        self._directory = directory
        self._name = name
        self._shown = shown
        try:
            with writing(shown):
                _require_replaceable(name, directory, shown)
                self._temporary, descriptor = _temporary(directory)
        except BaseException:
            os.close(directory)
            raise
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what could not be written has been said
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._directory)
        os.close(self._directory)

    def fill(self, chunks: Iterable[bytes]) -> None:
        """Write its bytes.

        Raises:
            LocalError: They cannot be written. What `chunks` raises passes through.
        """
        for chunk in chunks:
            with writing(self._shown):
                self._file.write(chunk)

    def finish(self, *, replace: bool, mtime_ns: int | None = None) -> None:
        """Wait until it is on the disk, and give it its name.

        Args:
            replace: Whether it takes the place of what may be there already.
            mtime_ns: When it was last modified, in nanoseconds since 1970; None: now. A time that
                the file system cannot keep is now too.

        Raises:
            LocalError: That cannot be done, or something is there and is not replaced.
        """
        descriptor = self._file.fileno()
        with writing(self._shown):
            self._file.flush()
            if mtime_ns is not None:
                with contextlib.suppress(OverflowError, OSError):
                    os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            os.fsync(descriptor)
            if replace:
                _require_replaceable(self._name, self._directory, self._shown)
            give_name = _rename if replace else _name
            give_name(self._temporary, self._name, self._directory)


def remove_leftovers(directory: int) -> None:
    """Remove what processes that were killed have left of files in a directory."""
    with os.scandir(directory) as entries:
        found = [entry.name for entry in entries if is_partial(entry.name)]
    for name in found:
        with contextlib.suppress(OSError):  # another process is writing it, or has just ended
            _remove_unlocked(name, directory)


def is_replaceable(status: os.stat_result) -> bool:
    """Tell whether a file may take the place of what has this status: a file, or a link itself."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)


def folds_case(directory: int) -> bool:
    """Tell whether a directory takes names that differ in case only for the same name."""
    name, descriptor = _temporary(directory)
    try:
        os.stat(name.upper(), dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    finally:
        os.close(descriptor)
        os.unlink(name, dir_fd=directory)
    return True


@contextlib.contextmanager
def writing(shown: str) -> Iterator[None]:
    """Translate what goes wrong while a file is written.

    Args:
        shown: Its path.
    """
    try:
        yield
    except OSError as exc:
        raise LocalError(f"{shown!r} cannot be written: {exc.strerror}") from exc


def _temporary(directory: int) -> tuple[bytes, int]:
    """Make a file with a temporary name, and lock it."""
    while True:
        name = partial_name(secrets.token_hex(8)).encode()
        descriptor = os.open(name, _NEW, _EVERYBODY_MAY, dir_fd=directory)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return name, descriptor
        except OSError as exc:
            if exc.errno in _NO_LOCKS:
                return name, descriptor
        # Another process took it for a leftover before it was locked.
        os.close(descriptor)


def _remove_unlocked(name: str, directory: int) -> None:
    descriptor = os.open(name, _LEFT, dir_fd=directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)


def _require_replaceable(name: bytes, directory: int, shown: str) -> None:
    """Refuse to put a file where a folder, a pipe or a device is: programs wait for that one.

    Raises:
        LocalError: One is there.
    """
    with contextlib.suppress(FileNotFoundError):
        if not is_replaceable(os.stat(name, dir_fd=directory, follow_symlinks=False)):
            raise LocalError(f"{shown!r} is a folder, a pipe or a device, and was left as it is")


def _rename(partial: bytes, name: bytes, directory: int) -> None:
    """Give a file its name; what has it goes."""
    os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)


def _name(partial: bytes, name: bytes, directory: int) -> None:
    """Give a file its name, unless there is one of this name by now."""
    try:
        os.link(partial, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        # This file system has no links. Unlike a link, a rename would replace.
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=directory, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from exc
        _rename(partial, name, directory)
