"""Disks that are mounted below a root: when one is removed, its files are not deleted.

A place is a mount if it lies on another device than the directory above it, or if the system's
table of mounts says so; only the table shows a mount from the same device (a bind mount). The
journal remembers each such place. If it later is a plain directory, or missing, or holds a disk
that lacks known files or has other versions of them, then no known file on it counts as deleted,
and nothing is uploaded from it, until the disk is back or a person accepts the directory as it is.
Files that are only covered by a new disk do not count as deleted either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import Disk
from aqsync.model import Reason
from aqsync.paths import nearest, parents


class Judged(NamedTuple):
    """What a scan found out about missing paths."""

    gone: list[str]
    """Missing paths that are not on a disk that is away."""
    troubles: dict[str, Reason]
    """By path, what is wrong with the disk mounted there."""
    mounts: dict[str, RootIdentity]
    """By path, the tops of the disks to remember."""


class Submounts:
    """The disks mounted below one root, as one scan finds them.

    Args:
        disk: Where the root is.
        root: The mapping's directory.
        device: The root's own.
        known: By path, the tops of the disks that were mounted when last looked at.
        accepts: Whether a disk that was not mounted at a path before may be taken for what was
            there: by its files, its top, and the top of the disk that was (None: a directory).
    """

    def __init__(
        self,
        disk: Disk,
        root: Path,
        device: int,
        *,
        known: Mapping[str, RootIdentity],
        accepts: Callable[[str, RootIdentity, RootIdentity | None], bool],
    ) -> None:
        self._disk = disk
        self._root = root
        self._device = device
        self._known = known
        self._accepts = accepts
        self._inhabited: set[str] = set()
        self._there: dict[str, RootIdentity] = {}
        self._away: dict[str, Reason] = {}
        self._table = disk.mounts_below(root)
        for path in sorted(
            {*known, *self._table}
        ):  # sorted, so that a disk comes before the disks on it
            if path in known:
                self._look_at_known(path, known[path])
            elif not self.hides(path):
                self._met_new(path)

    def _look_at_known(self, path: str, known: RootIdentity) -> None:
        now = None if self.hides(path) else self._mounted(path, known)
        if now is None:
            self._away[path] = Reason.DISK_AWAY
        elif not now.is_same(known) and not self._accepts(path, now, known):
            self._away[path] = Reason.DISK_REPLACED
        else:
            self._there[path] = now

    def _met_new(self, path: str) -> None:
        try:
            now = self._identity(path)
        except OSError:
            return  # gone in the meantime, or a file; the scan finds out
        if self._accepts(path, now, None):
            self._there[path] = now
        else:
            self._away[path] = Reason.DISK_COVERED

    def hides(self, path: str) -> bool:
        """Whether a path is on a disk that is not there, whatever is in its place."""
        return bool(self._away) and nearest(path, self._away) is not None

    @property
    def there(self) -> dict[str, RootIdentity]:
        """The tops of the disks that are mounted, by path, as far as they were met."""
        return self._there

    def met(self, directory: str, device: int) -> None:
        """A directory was found on this device, which may be a new mount."""
        if (device == self._device and not self._there) or self.hides(directory):
            return
        mount = nearest(directory, self._there)
        if directory and device != (self._there[mount].device if mount else self._device):
            self._met_new(self._top(directory, device))

    def met_at(self, directory: str) -> None:
        """A directory, or the nearest one above it that is there, may be on a new mount."""
        for place in (directory, *reversed([*parents(directory)])):
            try:
                device = self._identity(place).device
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return  # the scan reports what is wrong
            self.met(place, device)
            return

    def inhabited(self, directory: str) -> None:
        """Files were met in a directory."""
        if self._there and (mount := nearest(directory, self._there)) is not None:
            self._inhabited.add(mount)

    def judge(self, missing: Iterable[str], *, whole: bool) -> Judged:
        """Look at the mounts again, and separate what is gone from what cannot be seen.

        Args:
            missing: Paths that the scan missed.
            whole: It looked at everything, so that a disk on which it met no file has none.
        """
        doubts = {**self._away, **self._doubts(whole=whole)}
        for path in self._disk.mounts_below(self._root) - self._table - self._there.keys():
            doubts.setdefault(path, Reason.DISK_COVERED)  # mounted while the scan was under way
        places = {*self._there, *doubts}
        gone: list[str] = []
        unseen = {p for p in self._away if self._in_doubt(p)}
        for path in missing:
            mount = nearest(path, places) if places else None
            if mount in doubts:
                unseen.add(mount)
            else:
                gone.append(path)
        # When a disk went away during the scan, other files may have been seen in its place.
        went = {p for p in self._there if p in self._known and doubts.get(p) is Reason.DISK_AWAY}
        troubles = {p: doubts[p] for p in unseen | went}
        as_before = {p: top for p, top in self._known.items() if p in unseen or not whole}
        as_now = {
            path: top
            for path, top in self._there.items()
            # What was met only while the root was unmounted is a directory below its mount point.
            if path not in unseen
            and (path in self._known or doubts.get(path) is not Reason.DISK_AWAY)
        }
        return Judged(gone, troubles, as_before | as_now)

    def _in_doubt(self, path: str) -> bool:
        """Whether a disk is mounted that is not the known one; that is always reported."""
        if self._away[path] is Reason.DISK_AWAY:
            return False
        return self._mounted(path, RootIdentity(0, 0)) is not None

    def _doubts(self, *, whole: bool) -> dict[str, Reason]:
        """Why what is missing on a mount that is there may not be gone."""
        doubts: dict[str, Reason] = {}
        for path, top in self._there.items():
            now = self._mounted(path, top)
            if now is None or not now.is_same(top):
                doubts[path] = Reason.DISK_AWAY
            elif whole and path not in self._inhabited and not self._accepts(path, top, top):
                doubts[path] = Reason.DISK_EMPTY
        return doubts

    def _mounted(self, path: str, known: RootIdentity) -> RootIdentity | None:
        """What is mounted at a path; None: nothing is, and it is not what was known there."""
        try:
            found = self._identity(path)
            above = self._identity(path.rpartition("/")[0]).device
            if found.device == above and path not in self._table and known.device != above:
                with self._disk.listing(self._root, path):
                    pass  # some disks are mounted only when their place is entered
                found = self._identity(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return known  # the scan reports what is wrong
        if found.device == above and path not in self._table:
            return found if known.inode and found.is_same(known) else None
        return found

    def _top(self, directory: str, device: int) -> str:
        """Where the device is mounted that a directory lies on."""
        above = directory.rpartition("/")[0]
        try:
            if above and self._identity(above).device == device:
                return self._top(above, device)
        except OSError:
            pass  # gone in the meantime
        return directory

    def _identity(self, path: str) -> RootIdentity:
        return self._disk.identity(self._root, path)
