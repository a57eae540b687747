"""Which experiment the files of a folder go to that has one of its own, whatever it is called.

A folder is known by its path. One that was renamed is known again by its inode, and by a file in it
that is as it was.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Container
from functools import cached_property
from itertools import count, islice
from pathlib import Path

from aqsync.config import MappingConfig
from aqsync.journal.made import MadeExperiments, MadeFolder
from aqsync.layout.identity import folder_identity, key_of
from aqsync.local.disk import Disk
from aqsync.local.rules import Rules
from aqsync.log import Log

_FILES_COMPARED = 1000
"""Files of a folder that are looked for where it may be now."""

log = Log(__name__)


def label_of(mapping: MappingConfig) -> str:
    """What tells the folders of this mapping from those of others.

    Two users of a PC may call their mappings alike, so with the host goes the directory.
    """
    return mapping.identity or mapping.prefix or f"{platform.node()}:{mapping.directory}"


def new_identity(mapping: MappingConfig, folder: str, taken: Container[str]) -> str:
    """The next one for a path: a folder that had it before may be known elsewhere now.

    Args:
        mapping: Whose folder.
        folder: Its path, relative to the mapping's root.
        taken: The identities that the journal knows.
    """
    label = label_of(mapping)
    numbered = (folder_identity(label, mapping.name, folder, number) for number in count())
    return next(identity for identity in numbered if identity not in taken)


class MadeFolders:
    """The folders of one mapping during one look at its disk.

    Args:
        mapping: The mapping.
        mapping_id: Its number in the journal.
        rules: Its rules, which know such folders.
        kept: The journal's tables of folders.
        disk: Where the folders are.
        goes_on: Asked before each directory that is looked at besides.
    """

    def __init__(
        self,
        mapping: MappingConfig,
        mapping_id: int,
        rules: Rules,
        kept: MadeExperiments,
        disk: Disk,
        goes_on: Callable[[], bool],
    ) -> None:
        self._mapping = mapping
        self._mapping_id = mapping_id
        self._rules = rules
        self._kept = kept
        self._disk = disk
        self._goes_on = goes_on
        self._inodes = dict[str, int]()
        """Of the folders that were met in this look."""
        self._recognized = False
        """Whether all folders that were renamed have been found in this look."""
        self._load()

    def _load(self) -> None:
        self._by_path = dict[str, MadeFolder]()
        self._known_inodes = set[int]()
        self._identities = set[str]()
        for made in self._kept.folders(self._mapping_id):
            self._keep(made)

    def _keep(self, made: MadeFolder) -> None:
        if made.folder is not None:
            self._by_path[made.folder] = made
        self._known_inodes.add(made.inode)
        self._identities.add(made.identity)

    def folder_of(self, path: str) -> str | None:
        """The folder with an experiment of its own that a file lies in."""
        folders = self._rules.experiment_folders
        return None if folders is None else folders.of(path)

    def key(self, folder: str) -> str:
        """What stands in the place of the EID for the files of a folder."""
        made = self._by_path.get(folder)
        if made is None:
            identity = new_identity(self._mapping, folder, self._identities)
            made = MadeFolder(identity, folder, self._inodes.get(folder, 0))
            self._note(made)
        return key_of(made.identity)

    def meet(self, directory: str) -> None:
        """A directory is about to be looked at; before that its folder is known again."""
        folders = self._rules.experiment_folders
        folder = None if folders is None else folders.of_directory(directory)
        if folder is None or folder in self._inodes:
            return
        inode = self._inode(folder)
        if inode is not None:
            self._inodes[folder] = inode
            self._met(folder, inode)

    def _met(self, folder: str, inode: int) -> None:
        known = self._by_path.get(folder)
        if known is not None and known.inode == inode:
            return
        if not self._recognized and (known is not None or inode in self._known_inodes):
            self._recognized = True
            self._recognize()
            known = self._by_path.get(folder)
        if known is not None and known.inode != inode:  # it was made anew, or is on another disk
            self._note(known._replace(inode=inode))

    def _recognize(self) -> None:
        """Find all folders that have another path now; two may have changed places."""
        moved = dict[str, MadeFolder]()
        for made in self._by_path.values():
            place = self._all_inodes.get(made.inode)
            if place is None or place == made.folder or made.folder is None:
                continue
            mounted_twice = self._inode(made.folder) == made.inode
            if not mounted_twice and self._is_alike(made.folder, place):
                moved[place] = made
        if not moved:
            return
        self._kept.renamed(self._mapping_id, moved)
        for place, made in moved.items():
            log.info("a folder was renamed; it keeps its experiment", was=made.folder, now=place)
        self._load()

    def _is_alike(self, was: str, folder: str) -> bool:
        """Whether a file of the known folder is in this one, as it was when it was last seen.

        Inodes are used again: the one of the folder proves nothing by itself.
        """
        for file in islice(self._kept.last_seen(self._mapping_id, was), _FILES_COMPARED):
            place = folder + file.path[len(was) :]
            try:
                seen = self._disk.look(self._root, place)
            except OSError:
                continue
            if seen[1:] == file[1:]:
                return True
        return False

    def _note(self, made: MadeFolder) -> None:
        self._kept.note_folder(self._mapping_id, made)
        self._keep(made)

    @property
    def _root(self) -> Path:
        return self._mapping.directory

    def _inode(self, folder: str) -> int | None:
        try:
            seen = self._disk.look(self._root, folder)
        except OSError:
            return None
        return seen[4] if seen[0] is None else None

    @cached_property
    def _all_inodes(self) -> dict[int, str]:
        """Every such folder that is there now, by its inode.

        This is asked for only when another folder has the path of a known one.
        """
        found = dict[int, str]()
        waiting = [""]
        while waiting and self._goes_on():
            directory = waiting.pop()
            for name, inode in self._directories_in(directory):
                path = f"{directory}/{name}" if directory else name
                if not self._rules.enters(path):
                    continue
                if self._rules.experiment_folders and (
                    self._rules.experiment_folders.of_directory(path) == path
                ):
                    found[inode] = path
                else:
                    waiting.append(path)
        return found

    def _directories_in(self, directory: str) -> list[tuple[str, int]]:
        try:
            with self._disk.listing(self._root, directory) as (_, entries):
                return [
                    (name, seen[4])
                    for name, seen in entries
                    if not isinstance(seen, OSError) and seen[0] is None
                ]
        except OSError:
            return []
