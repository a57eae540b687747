"""The tree that the files of an experiment were: the path that each name stands for. Pure.

A name becomes a path in folders where a manifest or a journal knows its path. Any other name stays
as it is, unless names are to be decoded: people may have called a file ``a~b`` themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from aqsync.errors import AqsyncError
from aqsync.layout.manifest import (
    Entry,
    FileState,
    Header,
    ManifestFile,
    ManifestFolder,
    is_honest,
    is_manifest_name,
)
from aqsync.layout.names import is_inside, is_plain, local_path

MOST_KEPT = 384 * 1024 * 1024
"""What empty folders, and files that are not listed, of all manifests may come to: `_ENTRY` for
each, `_PART` for each part of its path, and its letters. A line of 64 KiB can name 30,000 folders
that no other has."""
_ENTRY, _PART = 1000, 100
_BELOW = "\0"
"""Stands for ``/`` in keys: it comes before all that names have, so what is below a path follows it
at once in order."""


class Known(NamedTuple):
    """What a manifest or a journal tells of one version of a file on the server."""

    path: str
    """Relative to the directory that it came from."""
    prefix: str | None
    """What stands before the path in its name on the server, if anything."""
    modified_at: str
    """The server's time of the version, as it was listed; empty if that is not known."""
    size: int
    sha256: str
    mtime_ns: int
    state: FileState = FileState.FINAL

    @property
    def whole(self) -> str:
        """The path with its prefix: a name on the server has only one."""
        return _whole(self.path, self.prefix)


class TreeFile(NamedTuple):
    """A file on the server, and where it stood."""

    path: str
    """With ``/`` between the parts; no part is empty, ``.`` or ``..``."""
    name: str
    """On the server."""
    modified_at: str
    """The server's time of this version, as it is listed."""
    known: Known | None = None
    """What a manifest says of the file, perhaps of another version of it."""

    @property
    def told(self) -> Known | None:
        """What a manifest says of just the version that is listed; None: it says nothing of it."""
        if self.known is not None and self.known.modified_at == self.modified_at:
            return self.known
        return None


class Clash(NamedTuple):
    """Two files that would stand at one path, or one where the other needs a folder."""

    path: str
    keeps: str
    """The name of the file that has the path."""
    moved: str
    """The name of the file that stands under this name instead."""


class Tree(NamedTuple):
    """What an experiment's files were."""

    files: tuple[TreeFile, ...]
    """By path; no two have the same path, and none stands where another needs a folder."""
    folders: tuple[str, ...] = ()
    """The empty ones."""
    prefixes: tuple[str, ...] = ()
    """Those that known files have."""
    clashes: tuple[Clash, ...] = ()
    refused: tuple[str, ...] = ()
    """Names that no file on this machine can have."""
    missing: tuple[TreeFile, ...] = ()
    """Files that the newest manifest of their source has and the server does not list."""
    passed_over: int = 0
    """Empty folders and missing files for which there was no room."""
    unread: tuple[tuple[str, AqsyncError], ...] = ()
    """Manifests that the server did not give, and why: what they know stands under its name."""

    @property
    def paths(self) -> dict[str, str]:
        """By path, the name on the server."""
        return {file.path: file.name for file in self.files}


def tree_of(
    listed: Mapping[str, str],
    manifests: Iterable[tuple[Header, Iterable[Entry]]] = (),
    *,
    decode: bool = False,
    prefix: str | None = None,
) -> Tree:
    """Put the files of an experiment where they stood.

    Args:
        listed: By name on the server, the time of the version as it is listed.
        manifests: The experiment's manifests, and what a journal would write into one; each is
            read before the next is asked for.
        decode: Whether names of which nothing is known become paths too, where `remote_name`
            could have made them.
        prefix: Only what has this prefix, without it. None: all; the prefix is left away if all
            known files have the same.

    Returns:
        The tree. Manifests are not part of it.
    """
    found = _Found(listed)
    for header, entries in manifests:
        found.take(header, entries)
    strip = _Strip(found.prefixes(), prefix)
    refused: list[str] = []
    placed: list[TreeFile] = []
    for name, modified_at in listed.items():
        told = found.known.get(name)
        whole = told.whole if told is not None else _decoded(name) if decode else None
        if is_manifest_name(name) or (whole is None and prefix is not None):
            continue
        if whole is None and not is_plain(name):
            refused.append(name)
            continue
        path = name if whole is None else strip(whole)
        if path is not None:
            placed.append(TreeFile(path, name, modified_at, told))
    files, clashes = _settled(placed)
    newest = found.newest.values()
    return Tree(
        tuple(files[path] for path in sorted(files)),
        tuple(sorted(_empty({folder for each in newest for folder in each.folders}, files, strip))),
        tuple(sorted(each for each in found.prefixes() if each is not None)),
        tuple(sorted(clashes)),
        tuple(sorted(refused)),
        _missing({name: told for each in newest for name, told in each.missing.items()}, strip),
        found.passed_over,
    )


class _OfSource:
    """What the newest manifest of a source has besides the files that are listed."""

    def __init__(self, written_at: str, prefix: str | None) -> None:
        self.written_at = written_at
        self.prefix = prefix
        self.folders: set[str] = set()
        self.missing: dict[str, Known] = {}


class _Found:
    """What is known of files, and of folders."""

    def __init__(self, listed: Mapping[str, str]) -> None:
        self._listed = listed
        self.known: dict[str, Known] = {}
        self.newest: dict[tuple[str, str, str, str | None], _OfSource] = {}
        self.passed_over = 0
        self._kept = 0

    def take(self, header: Header, entries: Iterable[Entry]) -> None:
        sources = [self._of(header, number) for number in range(len(header.sources))]
        for entry in entries:
            source = header.sources[entry.source]
            if isinstance(entry, ManifestFolder):
                folder = _whole(entry.local_path, source.prefix)
                if is_inside(folder) and self._has_room(folder):
                    sources[entry.source].folders.add(folder)
            elif is_honest(entry, header):
                told = _known(entry, source.prefix)
                if is_inside(told.whole):  # the prefix may be anything
                    self._take_file(told, entry.name, sources[entry.source])

    def _has_room(self, path: str) -> bool:
        self._kept += _ENTRY + _PART * path.count("/") + len(path)
        self.passed_over += self._kept > MOST_KEPT
        return self._kept <= MOST_KEPT

    def _of(self, header: Header, number: int) -> _OfSource:
        source = header.sources[number]
        key = header.host, source.mapping, source.directory, source.prefix
        found = _OfSource(header.written_at, source.prefix)
        if key not in self.newest or self.newest[key].written_at <= header.written_at:
            self.newest[key] = found
        return found

    def _take_file(self, told: Known, name: str, source: _OfSource) -> None:
        if name not in self._listed:
            if self._has_room(told.path):
                source.missing[name] = told
            return
        now, other = self._listed[name], self.known.get(name)
        if other is None or (told.modified_at == now, told.modified_at) > (
            other.modified_at == now,
            other.modified_at,
        ):
            self.known[name] = told

    def prefixes(self) -> set[str | None]:
        """Those of the known files; without any, those of empty folders."""
        if self.known:
            return {told.prefix for told in self.known.values()}
        return {each.prefix for each in self.newest.values() if each.folders}


class _Strip:
    """Makes paths in the tree of whole paths.

    Args:
        prefixes: What known files have.
        chosen: The one that was asked for.
    """

    def __init__(self, prefixes: set[str | None], chosen: str | None) -> None:
        [common] = prefixes if len(prefixes) == 1 else {None}
        self._first = f"{chosen}/" if chosen is not None else f"{common}/" if common else ""
        self._leaves_out = chosen is not None

    def __call__(self, whole: str) -> str | None:
        """The path in the tree; None if it is not part of it."""
        if whole.startswith(self._first):
            return whole.removeprefix(self._first)
        return None if self._leaves_out else whole


def _known(line: ManifestFile, prefix: str | None) -> Known:
    return Known(
        line.local_path,
        prefix,
        line.modified_at,
        line.size,
        line.sha256,
        line.mtime_ns,
        line.state,
    )


def _whole(path: str, prefix: str | None) -> str:
    return path if prefix is None else f"{prefix}/{path}"


def _decoded(name: str) -> str | None:
    """The path that a name stands for, if it is one that leads out of no directory."""
    path = local_path(name)
    return path if path is not None and is_inside(path) else None


def _settled(placed: Iterable[TreeFile]) -> tuple[dict[str, TreeFile], list[Clash]]:
    """Give each file a path of its own; of two at one path the one that was listed later keeps it.

    The other gets its name on the server as path. What has that as its path already keeps it in any
    case, since it has no other.
    """
    files: dict[str, TreeFile] = {}
    clashes: list[Clash] = []
    waiting = sorted(placed, key=lambda file: (file.path == file.name, file.modified_at, file.name))
    while waiting:
        while waiting:
            file = waiting.pop()
            other = files.get(file.path)
            if other is not None:
                keeps, gives_way = (file, other) if file.path == file.name else (other, file)
                clashes.append(Clash(file.path, keeps.name, gives_way.name))
                waiting.append(gives_way._replace(path=gives_way.name))
                file = keeps
            files[file.path] = file
        for clash in _in_the_way(files):
            clashes.append(clash)
            waiting.append(files.pop(clash.path)._replace(path=clash.moved))
    return files, clashes


def _in_the_way(files: Mapping[str, TreeFile]) -> list[Clash]:
    """Files that stand where another needs a folder, or below one that has no other path."""
    keys = _ordered(files)
    both = [
        (files[_path(key)], files[_path(after)])
        for key, after in pairwise(keys)
        if after.startswith(key + _BELOW)
    ]
    found = [
        Clash(file.path, below.name, file.name) for file, below in both if file.path != file.name
    ]
    staying = {file.path for file, _ in both if file.path == file.name}
    given_way = {clash.path for clash in found}
    for path, file in files.items() if staying else ():
        top, slash, _ = path.partition("/")
        if slash and top in staying and path not in given_way:
            found.append(Clash(path, top, file.name))
    return found


def _ordered(paths: Iterable[str]) -> list[str]:
    """Paths as keys, in an order in which what is below a path follows it at once.

    Looking in it takes no list of all folders of a path, which grows with the square of its depth.
    """
    return sorted(path.replace("/", _BELOW) for path in paths)


def _path(key: str) -> str:
    return key.replace(_BELOW, "/")


def _empty(folders: Iterable[str], files: Mapping[str, TreeFile], strip: _Strip) -> Iterator[str]:
    """Of empty folders those that have a place in the tree."""
    keys = _ordered(files)
    for folder in folders:
        path = strip(folder)
        if path and not _meets(path, keys):
            yield path


def _meets(path: str, keys: Sequence[str]) -> bool:
    """Whether one of some files is at a path, above it or below it; none of them is above another.

    Args:
        path: The path.
        keys: The files, ordered.
    """
    key = path.replace("/", _BELOW)
    at = bisect_right(keys, key)
    before, after = keys[at - 1 : at], keys[at : at + 1]
    return any(key == each or key.startswith(each + _BELOW) for each in before) or any(
        each.startswith(key + _BELOW) for each in after
    )


def _missing(lines: Mapping[str, Known], strip: _Strip) -> tuple[TreeFile, ...]:
    found = {name: strip(told.whole) for name, told in lines.items()}
    files = (TreeFile(path, name, "", lines[name]) for name, path in found.items() if path)
    return tuple(sorted(files, key=lambda file: (file.path, file.name)))
