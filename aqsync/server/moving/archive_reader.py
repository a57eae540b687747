"""Reading an archive of ``aqueduct export``, which anybody may have made.

It is read twice: once to be checked, before anything is written, and once for the contents. What
stands in it is never a path here: a file is known by an experiment's UUID and an allowed name.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from pydantic import ValidationError

from aqsync.server import rules
from aqsync.server.catalog.times import to_microseconds
from aqsync.server.moving.archive import FILES, METADATA, MOST_METADATA, READABLE, Metadata
from aqsync.server.moving.moved import MOST_NAMED, ComingFile, MoveRefused, Refusals, Whole

_PIECE = 512 * 1024
_MOST_AT_ONCE = 1024 * 1024
"""Bytes that are read into memory at once: no long name or attribute of a file is longer."""
_MOST_PADDING = 1024 * 1024
_SHOWN = 200
_DEPTH = 3
_FIRST, _LAST = -2_000_000_000, 200_000_000_000
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError)


Came = Callable[[int], object]
Room = Callable[[list[Whole]], int]


@dataclass(slots=True)
class Contents(Refusals):
    """What a check of an archive found.

    Args:
        experiments: Those that it tells of.
        files: How many files it has.
        bytes: How many bytes they have together.
        strangers: Folders of files that belong to no experiment that it tells of.
        has_files: Whether it has contents of files at all.
    """

    experiments: list[Whole]
    files: int = 0
    bytes: int = 0
    strangers: set[str] = field(default_factory=set)
    has_files: bool = False


class Archive:
    """An archive file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[UUID] = set()

    def check(self, *, room: Callable[[list[Whole]], int], came: Came) -> Contents:
        """Read all of it, and say what is in it.

        Args:
            room: Called with what it tells of, before its files are looked at; returns how many
                bytes these may have together.
            came: Called with the number of compressed bytes that were read.

        Raises:
            MoveRefused: It is no archive, or damaged, or made to do harm.
        """
        with self._reading(came) as tar:
            members = _members(tar)
            first = next(members, None)
            if first is None or first.name != METADATA:
                raise MoveRefused(f"the archive does not begin with {METADATA}")
            contents = Contents(_experiments(_metadata(tar, first)))
            self._known = {each.experiment.uuid for each in contents.experiments}
            check = _Check(self._known, contents, room(contents.experiments))
            for member in members:
                if (found := check.file(member)) is not None:
                    for _ in _chunks(tar, member):
                        pass
                    contents.files += 1
                    contents.bytes += found.size
        return contents

    def files(self, *, came: Came) -> Iterator[ComingFile]:
        """Give one file after the other, after `check`; the bytes of each before the next.

        What `check` refuses is left out.

        Raises:
            MoveRefused: It cannot be read.
        """
        with self._reading(came) as tar:
            members = _members(tar)
            next(members, None)
            check = _Check(self._known, Contents([]), None)
            for member in members:
                if (found := check.file(member)) is not None:
                    yield ComingFile(
                        found.uuid,
                        found.name,
                        found.modified_at,
                        found.size,
                        _chunks(tar, member),
                    )

    @contextmanager
    def _reading(self, came: Came) -> Iterator[tarfile.TarFile]:
        try:
            with self._path.open("rb") as packed:
                source = cast("BinaryIO", _Told(packed, came))
                with gzip.GzipFile(fileobj=source) as unpacked:
                    bounded = _Bounded(unpacked)
                    with tarfile.TarFile(fileobj=cast("BinaryIO", bounded)) as tar:
                        yield tar
                    bounded.to_the_end()
        except (*_DAMAGED, gzip.BadGzipFile) as exc:
            raise MoveRefused(
                f"{self._path} is no archive of Aqueduct, or is damaged: {exc}",
                "Make it anew with `aqueduct export --experiment-files` or `aqsync serve export`.",
            ) from exc
        except OSError as exc:
            raise MoveRefused(f"{self._path} cannot be read: {exc.strerror or exc}") from exc


class _Told:
    """A file that tells how much of it was read."""

    def __init__(self, source: BinaryIO, came: Came) -> None:
        self._source = source
        self._came = came

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._came(len(data))
        return data


class _Bounded:
    """Unpacked bytes of which only a piece is ever held, whatever an archive says of itself."""

    def __init__(self, unpacked: gzip.GzipFile) -> None:
        self._unpacked = unpacked
        self._last = b""

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:
            raise tarfile.ReadError("a name or an attribute in it is too long")
        self._last = self._unpacked.read(size)
        return self._last

    def tell(self) -> int:
        return self._unpacked.tell()

    def seek(self, place: int) -> int:
        return self._unpacked.seek(place)

    def to_the_end(self) -> None:
        """Read what follows the archive, which is padding, so that its checksum is compared.

        A damaged entry would pass for the end, which is a block of zeros.
        """
        if not self._last or any(self._last):
            raise tarfile.ReadError("it has no end")
        left = _MOST_PADDING
        while padding := self._unpacked.read(_PIECE):
            left -= len(padding)
            if left < 0 or any(padding):
                raise tarfile.ReadError("something follows after its end")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined] # else all of them are kept in memory


def _chunks(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(member)
    assert content is not None  # noqa: S101 - it is a file
    left = member.size
    while left:
        piece = content.read(min(_PIECE, left))
        if not piece:
            raise tarfile.ReadError("unexpected end of data")
        left -= len(piece)
        yield piece


def _metadata(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Metadata:
    if not member.isreg() or member.size > MOST_METADATA:
        raise MoveRefused(
            f"the archive's {METADATA} is no file of at most {MOST_METADATA // 1024**2} MiB",
            "An archive of fewer experiments is smaller.",
        )
    try:
        found = Metadata.model_validate_json(b"".join(_chunks(tar, member)))
    except ValidationError as exc:
        raise MoveRefused(
            f"the archive's {METADATA} does not tell of experiments as Aqueduct does",
            details=tuple(map(_said, exc.errors(include_url=False, include_input=False))),
        ) from exc
    if not found.version.startswith(READABLE):
        raise MoveRefused(
            f"the archive is of a release of Aqueduct that is not known: {found.version[:_SHOWN]!r}"
        )
    return found


def _said(error: object) -> str:
    """What is wrong at which place, in one line."""
    assert isinstance(error, dict)  # noqa: S101 - as pydantic describes it
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}"[:_SHOWN]


def _experiments(found: Metadata) -> list[Whole]:
    """Return what the archive tells of, each once."""
    experiments = [each.whole(user.username) for user in found.users for each in user.experiments]
    _require_once("experiment", [each.experiment.uuid for each in experiments])
    _require_once("experiment", [each.experiment.eid for each in experiments])
    _require_once("task", [task.task.uuid for each in experiments for task in each.tasks])
    return experiments


def _require_once(kind: str, keys: list[UUID] | list[str]) -> None:
    if len(set(keys)) < len(keys):
        twice = next(key for key, number in Counter(map(str, keys)).items() if number > 1)
        raise MoveRefused(f"the archive has {kind} {twice} twice")


@dataclass(frozen=True, slots=True)
class _File:
    uuid: UUID
    name: str
    modified_at: int
    size: int


class _Check:
    """Judges one entry after the other.

    Args:
        known: The experiments that the archive tells of.
        contents: Takes what is found.
        most: How many bytes its files may have together; None for no limit.
    """

    def __init__(self, known: set[UUID], contents: Contents, most: int | None) -> None:
        self._contents = contents
        self._most = most
        self._known = known
        self._folder = ""
        self._folders: set[str] = set()
        self._names: set[str] = set()
        self._sum = 0

    def file(self, member: tarfile.TarInfo) -> _File | None:
        """Return the file that an entry is; None if it is none, or is not brought."""
        if member.name == METADATA:
            raise MoveRefused(f"the archive has {METADATA} twice")
        parts = member.name.split("/")
        shown = ascii(member.name[:_SHOWN])
        if parts[0] != FILES or len(parts) > _DEPTH:
            self._contents.refuse(f"{shown} is no file of an experiment")
            return None
        self._contents.has_files = True
        if len(parts) < _DEPTH:
            if not member.isdir():
                self._stranger(shown)
            return None
        _, folder, name = parts
        uuid = self._experiment(folder)
        if uuid is None:
            self._stranger(ascii(folder[:_SHOWN]))
            return None
        return self._of_experiment(member, shown, uuid, name)

    def _stranger(self, shown: str) -> None:
        if len(self._contents.strangers) < MOST_NAMED:
            self._contents.strangers.add(shown)

    def _experiment(self, folder: str) -> UUID | None:
        if folder != self._folder:
            if folder in self._folders:
                shown = ascii(folder[:_SHOWN])
                raise MoveRefused(f"the archive has the files of {shown} in several places")
            self._folders.add(folder)
            self._folder = folder
            self._names = set()
        try:
            uuid = UUID(folder)
        except ValueError:
            return None
        return uuid if uuid in self._known and str(uuid) == folder else None

    def _of_experiment(
        self, member: tarfile.TarInfo, shown: str, uuid: UUID, name: str
    ) -> _File | None:
        if not member.isreg() or member.issparse() or member.size < 0:
            self._contents.refuse(f"{shown} is a link, a folder or a device, and no file")
            return None
        if not rules.is_file_name(name):
            self._contents.refuse(f"{shown}: no file of an experiment can have this name")
            return None
        if name in self._names:
            raise MoveRefused(f"the archive has {shown} twice")
        self._names.add(name)
        self._sum += member.size
        if self._most is not None and self._sum > self._most:
            raise MoveRefused(
                f"there is no room for the files in the archive: {self._most} bytes are left"
            )
        return _File(uuid, name, _microseconds(float(member.mtime), shown), member.size)


def _microseconds(time: float, shown: str) -> int:
    """Return the time that Aqueduct lists for a file that was changed then."""
    if not _FIRST <= time <= _LAST:
        raise MoveRefused(f"{shown} in the archive has an impossible time")
    return to_microseconds(datetime.fromtimestamp(time, UTC))
