"""The tree of an experiment, by its list of files and its manifests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import FileLists, RemoteFile
from aqsync.errors import (
    AqsyncError,
    ConfigError,
    ExperimentNotFound,
    ManifestBroken,
    RemoteFileNotFound,
    RemoteOperationError,
)
from aqsync.layout.manifest import Entry, Header, Room, is_manifest_name, read
from aqsync.layout.tree import Tree, TreeFile, tree_of

MOST_MANIFESTS = 64
"""Of an experiment; older ones are not read."""
_NOT_FOUND = 404


class FoundTree(NamedTuple):
    """The tree of an experiment, and what of it could not be found out."""

    tree: Tree
    notes: tuple[str, ...]
    """Sentences: manifests that cannot be read, files that have another place than they had."""


def listed_files(server: Client, uuid: UUID) -> list[RemoteFile]:
    """Return an experiment's files, in the order of the server.

    Raises:
        ExperimentNotFound: There is no such experiment for this user.
    """
    return listed_in(server.list_files([uuid]), uuid)


def listed_in(lists: FileLists | None, uuid: UUID) -> list[RemoteFile]:
    """Return an experiment's files of an answer with lists; raises as `listed_files` does."""
    files = None if lists is None else lists.files[uuid]
    if files is None:
        raise ExperimentNotFound(f"experiment {uuid} does not exist for this user")
    return files


def find_tree(
    server: Client,
    uuid: UUID,
    *,
    listed: Sequence[RemoteFile] | None = None,
    journal: Iterable[tuple[Header, Iterable[Entry]]] = (),
    decode: bool = False,
    prefix: str | None = None,
) -> FoundTree:
    """Read an experiment's list and its manifests, and make the tree of them.

    Args:
        server: The server.
        uuid: The experiment.
        listed: Its files; None: the server is asked.
        journal: What a journal would write into a manifest.
        decode: See `tree_of`.
        prefix: See `tree_of`.

    Raises:
        ExperimentNotFound: There is no such experiment for this user.
        ConfigError: Nothing in it has this prefix.
    """
    if listed is None:
        listed = listed_files(server, uuid)
    manifests = Manifests(server, uuid, listed)
    times = {file.name: file.modified_at for file in listed}
    tree = tree_of(times, chain(journal, manifests), decode=decode, prefix=prefix)
    tree = tree._replace(unread=tuple(manifests.unread))
    if prefix is not None and not (tree.files or tree.folders or tree.missing):
        have = ", ".join(map(repr, tree.prefixes)) or "none that is known"
        raise ConfigError(
            f"nothing in experiment {uuid} came with the prefix {prefix!r}",
            hint=f"its prefixes: {have}",
        )
    return FoundTree(tree, (*manifests.notes, *_about(tree)))


def require_whole(tree: Tree) -> None:
    """Refuse a tree that lacks what the server did not give.

    Raises:
        AqsyncError: Why it did not give a manifest.
    """
    for _, problem in tree.unread:
        raise problem


def file_in(tree: Tree, wanted: str, eid: str) -> TreeFile:
    """Return the file with this path, or else with this name on the server.

    Raises:
        RemoteFileNotFound: The experiment has neither.
        RemoteOperationError: The server did not give a manifest, which may know the path.
    """
    found = [file for file in tree.files if wanted in {file.path, file.name}]
    if not found:
        require_whole(tree)
        raise RemoteFileNotFound(
            f"experiment {eid} has no file {wanted!r}",
            status=_NOT_FOUND,
            hint="`paths` of the experiment has those that there are",
        )
    return next((file for file in found if file.path == wanted), found[0])


class Manifests:
    """The manifests of an experiment, to be read one after the other, the newest first.

    One that cannot be read is passed over from where it cannot: each of its lines stands by itself.

    Args:
        server: The server.
        uuid: The experiment.
        listed: Its files.
    """

    def __init__(self, server: Client, uuid: UUID, listed: Iterable[RemoteFile]) -> None:
        self._server = server
        self._uuid = uuid
        found = [file for file in listed if is_manifest_name(file.name)]
        found.sort(key=lambda file: file.modified_at, reverse=True)
        self._names = [file.name for file in found[:MOST_MANIFESTS]]
        self.notes: list[str] = []
        """What is no manifest, and why."""
        self.unread: list[tuple[str, AqsyncError]] = []
        """What the server did not give, and why."""
        self._room = Room()
        if len(found) > MOST_MANIFESTS:
            self.notes.append(
                f"there are {len(found)} manifests; only the newest {MOST_MANIFESTS} were read"
            )

    def __iter__(self) -> Iterator[tuple[Header, Iterator[Entry]]]:
        for name in self._names:
            try:
                with self._server.download(self._uuid, name) as coming:
                    header, entries = read(coming.chunks(), self._room)
                    yield header, self._of(name, entries)
            except (ManifestBroken, RemoteFileNotFound) as exc:
                self._broken(name, exc)
            except RemoteOperationError as exc:
                self.unread.append((name, exc))

    def _of(self, name: str, entries: Iterator[Entry]) -> Iterator[Entry]:
        try:
            yield from entries
        except ManifestBroken as exc:
            self._broken(name, exc)

    def _broken(self, name: str, exc: ManifestBroken | RemoteFileNotFound) -> None:
        self.notes.append(f"the manifest {name!r} cannot be read: {exc.message}")


def _about(tree: Tree) -> Iterator[str]:
    for path, keeps, moved in tree.clashes:
        yield f"{keeps!r} and {moved!r} both belong at {path!r}; {moved!r} stands under its name"
    if tree.passed_over:
        yield (
            f"{tree.passed_over} more empty folders, and files that are not on the server, stand in"
            " the manifests than there is room for; they were passed over"
        )
