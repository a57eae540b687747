"""Experiments as an RO-Crate, the form of archives and of electronic laboratory notebooks.

https://w3id.org/ro/crate/1.1 and https://github.com/TheELNConsortium/TheELNFileFormat
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from aqsync.errors import ManifestBroken
from aqsync.layout.manifest import Entry, Header, Room, is_manifest_name, read
from aqsync.layout.names import remote_name
from aqsync.layout.tree import Tree, TreeFile, tree_of
from aqsync.moving.crate_places import Places, identifier, safe_part
from aqsync.server.catalog.catalog import Experiment
from aqsync.server.files.store import listed_time
from aqsync.server.moving.archive import ArchivedExperiment
from aqsync.server.moving.outbound import Outbound, pieces

METADATA = "ro-crate-metadata.json"
_TASKS = "tasks.json"
_PIECE = 512 * 1024
_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_PROFILE = "https://w3id.org/ro/crate/1.1"
_PUBLISHER = "https://github.com/AqueductHub/aqueductcore"
_LICENCE = "#licence"
_MOST_MANIFESTS = 64
_LAST = 253_402_300_799.0
"""The end of the year 9999."""
_TYPES = mimetypes.MimeTypes()
"""The types that Python knows; those of this machine would differ from the next one's."""
_MORE_TYPES = {
    ".h5": "application/x-hdf5",
    ".hdf5": "application/x-hdf5",
    ".nc": "application/x-netcdf",
    ".npy": "application/x-npy",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a crate, or a folder; its bytes are taken before the next member.

    Args:
        path: Where it stands in the crate; that of a folder ends with a slash.
        modified_at: When it was last modified, in seconds since 1970.
        chunks: Its bytes, once.
    """

    path: str
    modified_at: float
    chunks: Iterator[bytes]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.endswith("/")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file of an experiment, and its place in the crate.

    Args:
        path: Where it stands.
        name: Its name on the server.
        was: Where it stood on its PC.
        file: What is known of it.
    """

    path: str
    name: str
    was: str
    file: TreeFile | None


class Crate:
    """Experiments as an RO-Crate; the memory holds what one experiment has.

    Args:
        outbound: What is exported.
        name: What the crate is called.
        now: When it is made.
        came: Called with the number of bytes that have gone into it.
        file: Called for each file that has gone into it.

    Attributes:
        notes: What is worth knowing.
    """

    def __init__(
        self,
        outbound: Outbound,
        name: str,
        now: datetime,
        *,
        came: Callable[[int], object] = lambda _: None,
        file: Callable[[], object] = lambda: None,
    ) -> None:
        self._outbound = outbound
        self._name = name
        self._now = now
        self._came = came
        self._file = file
        self.notes: list[str] = []

    def members(self) -> Iterator[Member]:
        """Give the files of the crate, what describes them at the end.

        Raises:
            MoveRefused: A file cannot be read to its end.
            OSError: The disk failed.
        """
        with tempfile.TemporaryFile() as told:
            experiments: list[str] = []
            people: set[str] = set()
            for experiment in self._outbound.experiments():
                people.add(experiment.created_by)
                yield from self._experiment(experiment, told)
                experiments.append(_folder(experiment))
            _tell(told, *self._about(experiments, people), *map(_person, sorted(people)))
            told.seek(0)
            yield Member(METADATA, self._now.timestamp(), _document(told))

    def _about(self, experiments: Iterable[str], people: set[str]) -> list[Json]:
        """What the crate itself is."""
        return [
            {
                "@id": METADATA,
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": _PROFILE},
                "dateCreated": self._now.isoformat(),
                "sdPublisher": {"@id": _PUBLISHER},
                "version": "1.0",
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": self._name,
                "description": "Experiments of an Aqueduct server, exported by aqsync.",
                "datePublished": self._now.isoformat(),
                "license": {"@id": _LICENCE},
                "publisher": {"@id": _PUBLISHER},
                # Notebooks take one author alone; each experiment has its own.
                **({"author": {"@id": _person_id(*people)}} if len(people) == 1 else {}),
                "hasPart": [{"@id": identifier(f"{folder}/")} for folder in experiments],
            },
            {
                "@id": _LICENCE,
                "@type": "CreativeWork",
                "name": "No licence",
                "description": "No licence is stated; ask those who made the experiments.",
            },
            {
                "@id": _PUBLISHER,
                "@type": "Organization",
                "name": "Aqueduct",
                "url": _PUBLISHER,
            },
        ]

    def _experiment(self, experiment: Experiment, told: IO[bytes]) -> Iterator[Member]:
        folder = _folder(experiment)
        parts: list[str] = []
        places = Places()
        tree = self._tree(experiment)
        for empty in ("", *(f"{each}/" for each in tree.folders)):
            place = "/".join(map(safe_part, empty.split("/")))
            yield Member(f"{folder}/{place}", experiment.created_at.timestamp(), iter(()))
        for placed in self._placed(experiment, tree, places):
            with self._outbound.opened(experiment, placed.name) as found:
                if found is None:
                    continue
                summed = _Summed(pieces(found, experiment.eid, placed.name), self._came)
                stored_at = found.facts.stored_at
                known = None if placed.file is None else placed.file.told
                mtime = stored_at / 1e6 if known is None else known.mtime_ns / 1e9
                yield Member(f"{folder}/{placed.path}", mtime, summed.chunks())
            if known is not None and known.sha256 != summed.sha256:
                self.notes.append(
                    f"{placed.name!r} of {experiment.eid} is not what its manifest says of it"
                )
            place = f"{folder}/{placed.path}"
            _tell(told, _file(place, placed, summed, mtime, stored_at))
            parts.append(place)
            self._file()
        tasks = self._tasks(experiment)
        if tasks is not None:
            place = f"{folder}/{places.give(_TASKS)}"
            summed = _Summed(iter([tasks]), self._came)
            yield Member(place, experiment.updated_at.timestamp(), summed.chunks())
            _tell(told, _tasks_file(place, summed))
            parts.append(place)
        _tell(told, _dataset(experiment, folder, parts))

    def _placed(self, experiment: Experiment, tree: Tree, places: Places) -> Iterator[_Placed]:
        """The files of an experiment: those of its tree first, then its manifests."""
        for file in tree.files:
            yield _Placed(places.give(file.path), file.name, file.path, file)
        in_tree = {file.name for file in tree.files}
        for name in self._outbound.names(experiment):
            if name not in in_tree:
                yield _Placed(places.give(name), name, name, None)

    def _tree(self, experiment: Experiment) -> Tree:
        listed = self._outbound.times(experiment)
        names = [name for name in listed if is_manifest_name(name)]
        newest = sorted(names, key=lambda name: listed[name], reverse=True)[:_MOST_MANIFESTS]
        return tree_of(listed, self._manifests(experiment, newest))

    def _manifests(
        self, experiment: Experiment, names: Iterable[str]
    ) -> Iterator[tuple[Header, Iterator[Entry]]]:
        room = Room()
        for name in names:
            with self._outbound.opened(experiment, name) as found:
                if found is None:
                    continue
                try:
                    header, entries = read(pieces(found, experiment.eid, name), room)
                    yield header, self._readable(experiment, name, entries)
                except ManifestBroken as exc:
                    self._broken(experiment, name, exc)

    def _readable(
        self, experiment: Experiment, name: str, entries: Iterator[Entry]
    ) -> Iterator[Entry]:
        try:
            yield from entries
        except ManifestBroken as exc:
            self._broken(experiment, name, exc)

    def _broken(self, experiment: Experiment, name: str, exc: ManifestBroken) -> None:
        self.notes.append(f"{name!r} of {experiment.eid} cannot be read: {exc.message}")

    def _tasks(self, experiment: Experiment) -> bytes | None:
        """The tasks that ran on an experiment, as JSON."""
        whole = self._outbound.whole(experiment)
        if not whole.tasks:
            return None
        archived = ArchivedExperiment.of(whole).model_dump(mode="json")
        return json.dumps(archived["aqsync_tasks"], indent=2, ensure_ascii=False).encode()


class _Summed:
    """Chunks, whose number of bytes and SHA-256 are known when they have passed."""

    def __init__(self, chunks: Iterator[bytes], came: Callable[[int], object]) -> None:
        self._chunks = chunks
        self._came = came
        self._digest = hashlib.sha256()
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self.size += len(chunk)
            self._came(len(chunk))
            yield chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _folder(experiment: Experiment) -> str:
    return remote_name(experiment.eid)


def _file(place: str, placed: _Placed, summed: _Summed, mtime: float, stored_at: int) -> Json:
    name = placed.was.rpartition("/")[2].encode(errors="backslashreplace").decode()
    told: Json = {
        "@id": identifier(place),
        "@type": "File",
        "name": name,
        "contentSize": str(summed.size),
        "encodingFormat": _type(name),
        "dateModified": _time(mtime),
        "uploadDate": listed_time(stored_at),
        "sha256": summed.sha256,
    }
    if placed.name != name:
        told["alternateName"] = placed.name
    return told


def _tasks_file(place: str, summed: _Summed) -> Json:
    return {
        "@id": identifier(place),
        "@type": "File",
        "name": _TASKS,
        "description": "The actions of extensions that ran on this experiment.",
        "contentSize": str(summed.size),
        "encodingFormat": "application/json",
        "sha256": summed.sha256,
    }


def _dataset(experiment: Experiment, folder: str, parts: Iterable[str]) -> Json:
    told: Json = {
        "@id": identifier(f"{folder}/"),
        "@type": "Dataset",
        "name": experiment.title.strip() or experiment.eid,
        "identifier": experiment.eid,
        "alternateName": f"urn:uuid:{experiment.uuid}",
        "genre": "experiment",
        "author": {"@id": _person_id(experiment.created_by)},
        "dateCreated": experiment.created_at.isoformat(),
        "dateModified": experiment.updated_at.isoformat(),
        "hasPart": [{"@id": identifier(part)} for part in parts],
    }
    if experiment.description.strip():
        told["text"] = told["description"] = experiment.description
    if experiment.tags:
        told["keywords"] = ", ".join(experiment.tags)
    return told


def _person(name: str) -> Json:
    return {"@id": _person_id(name), "@type": "Person", "name": name or "nobody"}


def _person_id(name: str) -> str:
    return "#person-" + identifier(name).removeprefix("./").replace("/", "%2F")


def _type(name: str) -> str:
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    kind, packed = _TYPES.guess_type(f"x{ending}", strict=False)
    if packed is not None:
        kind = f"application/{packed}"
    return _MORE_TYPES.get(ending) or kind or "application/octet-stream"


def _time(seconds: float) -> str:
    """A time in ISO 8601; one that no calendar has is the nearest that it has."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC).isoformat()


def _tell(told: IO[bytes], *entities: Json) -> None:
    for entity in entities:
        before = b",\n" if told.tell() else b""
        told.write(before + json.dumps(entity, ensure_ascii=False).encode())


def _document(told: IO[bytes]) -> Iterator[bytes]:
    yield f'{{"@context": "{_CONTEXT}", "@graph": [\n'.encode()
    while chunk := told.read(_PIECE):
        yield chunk
    yield b"\n]}\n"
