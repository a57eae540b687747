"""Disks that are mounted below a root: one that is taken away has not lost its files.

Where a directory lies on another device than the one above it, something is mounted. The
journal remembers each such place. When it is a plain directory one day, or gone, or another
disk is mounted there that lacks known files, then nothing known on it counts as deleted, and
nothing in its place is taken for it: the place is left alone until the disk is back, or until
a person accepts the directory as it is. Nor is anything deleted that a new disk merely covers.

What is mounted from the same device as its surroundings cannot be told from a plain directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.mappings import RootIdentity
from aqsync.local.disk import Disk, nearest, parents

_AWAY = "the disk that was mounted at {place} is not there; none of its files counts as deleted"
_ANOTHER = (
    "the disk mounted at {place} is not the one known before, and lacks files of it;"
    " none of them counts as deleted"
)
_EMPTY = "the disk mounted at {place} is empty; none of the files known on it counts as deleted"

_COVERED = "a disk is mounted over {place} now; none of the files known there counts as deleted"


class Verdict(NamedTuple):
    """What a scan found out about what it missed."""

    gone: list[str]
    """What lies on no disk that is away."""
    troubles: dict[str, str]
    """By path, what is wrong with the disk mounted there."""
    mounts: dict[str, int]
    """By path, the devices to remember."""


class Submounts:
    """The disks mounted below one root, as one scan finds them.

    Args:
        disk: Where the root is.
        root: The mapping's directory.
        device: The root's own.
        known: By path, the devices that were mounted when last looked at.
        lacks: Whether a directory lacks any file that is known to be in or below it, and should
            be there if it is the right one.
    """

    def __init__(
        self,
        disk: Disk,
        root: Path,
        device: int,
        *,
        known: Mapping[str, int],
        lacks: Callable[[str], bool],
    ) -> None:
        self._disk = disk
        self._root = root
        self._device = device
        self._known = known
        self._lacks = lacks
        self._inhabited: set[str] = set()
        self._there: dict[str, int] = {}
        self._away: dict[str, str] = {}
        for path in sorted(known):  # what is mounted on a disk that is away comes after it
            now = None if self.hides(path) else self._mounted(path, known[path])
            if now is None:
                self._away[path] = _AWAY
            elif now != known[path] and lacks(path):
                self._away[path] = _ANOTHER
            else:  # a device may be numbered anew whenever it is mounted
                self._there[path] = now

    def hides(self, path: str) -> bool:
        """Whether a path is on a disk that is not there, whatever is in its place."""
        return bool(self._away) and nearest(path, self._away) is not None

    def met(self, directory: str, device: int) -> None:
        """A directory was found to lie on this device: on a new mount, it may be."""
        if (device == self._device and not self._there) or self.hides(directory):
            return
        mount = nearest(directory, self._there)
        if directory and device != (self._there[mount] if mount else self._device):
            top = self._top(directory, device)
            if self._lacks(top):
                self._away[top] = _COVERED
            else:
                self._there[top] = device

    def met_at(self, directory: str) -> None:
        """A directory, or the nearest one above it that is there, may be on a new mount."""
        for place in (directory, *reversed([*parents(directory)])):
            try:
                device = self._identity(place).device
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return  # whoever looks into it finds out what is wrong with it
            self.met(place, device)
            return

    def inhabited(self, directory: str) -> None:
        """Files were met in a directory."""
        if self._there and (mount := nearest(directory, self._there)) is not None:
            self._inhabited.add(mount)

    def judge(self, missing: Iterable[str], *, whole: bool) -> Verdict:
        """Look at the mounts again, and tell what is gone from what merely cannot be seen.

        Args:
            missing: Paths that the scan missed.
            whole: It looked at everything, so that a disk on which it met no file has none.
        """
        doubts = {**self._away, **self._doubts(whole=whole)}
        places = {*self._there, *doubts}
        gone: list[str] = []
        unseen: set[str] = set()
        for path in missing:
            mount = nearest(path, places) if places else None
            if mount in doubts:
                unseen.add(mount)
            else:
                gone.append(path)
        troubles = {path: doubts[path].format(place=self._root / path) for path in unseen}
        as_before = {p: d for p, d in self._known.items() if p in unseen or not whole}
        as_now = {
            path: device
            for path, device in self._there.items()
            # What was met only while the root itself was unmounted is a directory of its place.
            if path not in unseen and (path in self._known or doubts.get(path) != _AWAY)
        }
        return Verdict(gone, troubles, as_before | as_now)

    def _doubts(self, *, whole: bool) -> dict[str, str]:
        """Why what is missing on a mount that is there may not be gone."""
        doubts: dict[str, str] = {}
        for path, device in self._there.items():
            if self._mounted(path, device) != device:
                doubts[path] = _AWAY
            elif whole and path not in self._inhabited:
                doubts[path] = _EMPTY
        return doubts

    def _mounted(self, path: str, device: int) -> int | None:
        """The device mounted at a path; None: nothing is mounted there."""
        try:
            found = self._identity(path).device
            above = self._identity(path.rpartition("/")[0]).device
            if found == above:  # some disks are mounted only when their place is entered
                with self._disk.listing(self._root, path) as listing:
                    found = listing.identity.device
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return device  # whoever looks into it finds out what is wrong with it
        return None if found == above else found

    def _top(self, directory: str, device: int) -> str:
        """Where the device is mounted that a directory lies on."""
        above = directory.rpartition("/")[0]
        try:
            if above and self._identity(above).device == device:
                return self._top(above, device)
        except OSError:
            pass  # gone meanwhile
        return directory

    def _identity(self, path: str) -> RootIdentity:
        return self._disk.identity(self._root, path)
