"""Directories that are reached handle by handle, so that no name leads anywhere else meanwhile.

Each part of a path is opened relative to the directory above it, and never through a symbolic
link. Only in the path of a root are links followed, those that no other user could have made: the
user that aqsync runs as, or root, must own the link, and nobody else may write to the directory
that it stands in, or to one above.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from aqsync.paths import absolute
from aqsync.trust import distrust_of_entry, trusted_users

# What only leads on needs no permission to be read.
_PLACE = (
    getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
UNNOTICED = getattr(os, "O_NOATIME", 0)
"""Reading changes no time of access; only for a file's owner, and root."""
_LISTED = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | UNNOTICED

_MOST_LINKS = 40
"""In the path of a root; as many as Linux follows."""
_MOST_HELD = 16
"""Directories on the way that are held at once; those above are opened again when needed."""
_SHUT = -1


class UntrustedLink(PermissionError):
    """The path of a root leads through a symbolic link that another user could have made."""


class HeldRoot:
    """The directory that stood at a root when this was made; for one thread, until `close`.

    Args:
        root: Absolute.

    Attributes:
        real: Its path without symbolic links, as it was then.

    Raises:
        UntrustedLink: The way leads through a link of others.
        OSError: It is missing, no directory, or cannot be reached.
    """

    def __init__(self, root: Path) -> None:
        self._top, self.real = _open_root(root)
        self._names: list[str] = []
        self._handles: list[int] = []

    def close(self) -> None:
        """Let go of it."""
        self._shorten(0)
        os.close(self._top)

    def directory(self, path: str) -> int:
        """A handle of a directory below, or of the root itself; not to be closed.

        It is good until the next call.
        """
        if not path:
            self._shorten(0)
            return self._top
        names = path.split("/")
        common = 0
        for name, known in zip(names, self._names, strict=False):
            if name != known:
                break
            common += 1
        self._shorten(common)
        start = common
        while start and self._handles[start - 1] == _SHUT:
            start -= 1
        above = self._handles[start - 1] if start else self._top
        for depth in range(start, len(names)):
            above = self._hold(depth, names[depth], open_directory(names[depth], above))
        return above

    def parent(self, path: str) -> tuple[int, str]:
        """A handle, as from `directory`, of the directory that a path stands in, and its name."""
        above, _, name = path.rpartition("/")
        return self.directory(above), name

    def begin_list(self, path: str) -> int:
        """A handle by which a directory can be listed, until `end_list`."""
        above, name = self.parent(path)
        return open_directory(name or ".", above, _LISTED)

    def end_list(self, path: str, handle: int) -> None:
        """Keep the handle if it leads on: what is in the directory mostly comes next."""
        above, _, name = path.rpartition("/")
        if name and "/".join(self._names) == above:
            self._hold(len(self._names), name, handle)
        else:
            os.close(handle)

    def _hold(self, depth: int, name: str, handle: int) -> int:
        if depth < len(self._names):
            self._handles[depth] = handle
        else:
            self._names.append(name)
            self._handles.append(handle)
        if depth >= _MOST_HELD and self._handles[depth - _MOST_HELD] != _SHUT:
            os.close(self._handles[depth - _MOST_HELD])
            self._handles[depth - _MOST_HELD] = _SHUT
        return handle

    def _shorten(self, length: int) -> None:
        while len(self._handles) > length:
            self._names.pop()
            handle = self._handles.pop()
            if handle != _SHUT:
                os.close(handle)


def open_at(name: str | Path, flags: int, above: int | None = None) -> int:
    """Open; where this user may not do so unnoticed, in the usual way."""
    try:
        return os.open(name, flags, dir_fd=above)
    except OSError as exc:
        if not flags & UNNOTICED or exc.errno not in {errno.EPERM, errno.EINVAL}:
            raise
        return os.open(name, flags & ~UNNOTICED, dir_fd=above)


def open_directory(name: str, above: int, flags: int = _PLACE) -> int:
    """Open a directory in another; `NotADirectoryError` where a symbolic link stands."""
    try:
        return open_at(name, flags, above)
    except OSError as exc:
        if exc.errno == errno.ELOOP:  # some systems report a link like this
            raise NotADirectoryError(errno.ENOTDIR, exc.strerror) from exc
        raise


def _open_root(root: Path) -> tuple[int, str]:
    """A handle of a root, and its path without symbolic links."""
    waiting = [*reversed(absolute(root).parts[1:])]
    way: list[str] = []
    links = 0
    handle = os.open("/", _PLACE)
    try:
        while waiting:
            name = waiting.pop()
            try:
                below = open_directory(name, handle)
            except NotADirectoryError:
                target = _target_of_link(name, handle, way)
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                waiting += reversed([part for part in target.split("/") if part not in {"", "."}])
                below = os.open("/" if target.startswith("/") else ".", _PLACE, dir_fd=handle)
                way = [] if target.startswith("/") else way
            else:
                way = way[:-1] if name == ".." else [*way, name]
            os.close(handle)
            handle = below
    except BaseException:
        os.close(handle)
        raise
    return handle, f"/{'/'.join(way)}"


def _target_of_link(name: str, above: int, way: Sequence[str]) -> str:
    """Where a link on the way to a root leads.

    Raises:
        NotADirectoryError: It is no link.
        UntrustedLink: Another user could have made it.
    """
    try:
        target = os.readlink(name, dir_fd=above)
        owner = os.stat(name, dir_fd=above, follow_symlinks=False).st_uid
    except OSError as exc:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from exc
    folder = Path("/", *way)
    why = distrust_of_entry(folder, owner, trusted_users())
    if why is not None:
        raise UntrustedLink(
            errno.EACCES, f"{folder / name} is a symbolic link that others could change: {why}"
        )
    return target
