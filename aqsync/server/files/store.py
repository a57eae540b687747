"""What a store of files does, wherever it keeps them; the rest of the server knows no more."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from aqsync.server.files.space import Space

EXPERIMENT_MISSING = "The specified experiment was not found."
FILE_MISSING = "The requested file is not found."

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a stored file.

    Attributes:
        size: In bytes.
        stored_at: When it was stored, in microseconds since 1970.
    """

    size: int
    stored_at: int


@dataclass(frozen=True, slots=True)
class Columns:
    """The files of an experiment, sorted by name.

    Attributes:
        names: Their names.
        times: When each was uploaded: ISO 8601 in UTC.
    """

    names: list[str]
    times: list[str]


class FileListing(ABC):
    """The files of an experiment, to be read when they are asked for.

    Args:
        path: What every file's ``path`` says.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names, sorted."""

    @abstractmethod
    def columns(self) -> Columns:
        """Return the names with their times."""


class Incoming(ABC):
    """A file on its way in; one thread at a time may call."""

    @abstractmethod
    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes.

        Raises:
            FileRefused: There is no room for them.
            OSError: The disk failed.
        """

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing of the file, unless the store keeps it already."""


class OpenFile(ABC):
    """A file on its way out; one thread at a time may call.

    It stays whole for its reader, also when it is replaced or removed meanwhile.

    Args:
        facts: What is known of it.
    """

    def __init__(self, facts: FileFacts) -> None:
        self.facts = facts

    @abstractmethod
    def next_piece(self) -> bytes:
        """Return the next bytes, as many as suit the store; none after the last ones.

        Raises:
            OSError: The disk failed.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the file, without waiting."""


class FileStore(ABC):
    """The files of all experiments. Any thread may call; every method may wait for the disk.

    Args:
        space: How much room there is.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    @abstractmethod
    def create(self, uuid: UUID) -> None:
        """Let a new experiment take files; it can when this returns."""

    @abstractmethod
    def create_missing(self, uuids: Iterable[UUID]) -> None:
        """Let all these experiments take files, of which some could not."""

    @abstractmethod
    def remove(self, uuid: UUID) -> None:
        """Remove an experiment's files, if there are any; for clients all go at once."""

    @abstractmethod
    def remembers(self, uuid: UUID) -> bool:
        """Tell without waiting whether an experiment is known to be there; if not, ask `has`."""

    @abstractmethod
    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""

    @abstractmethod
    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name, which must be an allowed one."""

    @abstractmethod
    def new_file(self) -> Incoming:
        """Return a file to be filled and kept, or discarded."""

    @abstractmethod
    def check(self, uuid: UUID, name: str, expected: str) -> None:
        """Compare what a request expects with what is there now; `keep` compares once more.

        Args:
            uuid: The experiment.
            name: An allowed name.
            expected: The listed time of the file that must be there, or `ABSENT`.

        Raises:
            NotAsExpected: Something else is there.
        """

    @abstractmethod
    def keep(
        self,
        incoming: Incoming,
        uuid: UUID,
        name: str,
        expected: str | None = None,
        *,
        time: int | None = None,
    ) -> str:
        """Give an incoming file its place and name; both are safe when this returns.

        Its time is later than that of the file that it replaces, whatever the clock says.

        Args:
            incoming: The file, of this store.
            uuid: The experiment.
            name: An allowed name.
            expected: What must be there, as in `check`; None replaces anything.
            time: When it was stored elsewhere, in microseconds since 1970: its time here too, as
                far as the store can hold it. None: now.

        Returns:
            The file's time, as lists show it.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: The experiment was removed meanwhile.
        """

    @abstractmethod
    def open_for_reading(self, uuid: UUID, name: str) -> OpenFile:
        """Return a file from its beginning.

        Raises:
            FileRefused: The name is not allowed, or the experiment or the file is not there.
        """

    @abstractmethod
    def sizes(self, uuid: UUID, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of files in bytes, None for each that is gone."""

    @abstractmethod
    def listing(self, uuid: UUID) -> FileListing:
        """Return an experiment's files, to be read when they are asked for."""

    @abstractmethod
    def delete(self, uuid: UUID, names: Sequence[str], expected: str | None = None) -> None:
        """Delete files: all of them, or none when one is not there.

        Args:
            uuid: The experiment.
            names: The files' names.
            expected: What must be there, as in `check`, of each of them.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: A name is not allowed, or the experiment or a file is not there.
        """


def listed_path(uuid: UUID) -> str:
    """Return what every file's ``path`` says in an experiment's list."""
    return f"/api/files/{uuid}"


def listed_time(microseconds: int) -> str:
    """Return a time, in microseconds since 1970, as lists show it."""
    (text,) = listed_times((microseconds,))
    return text


def listed_times(microseconds: Iterable[int]) -> list[str]:
    """Return times, in microseconds since 1970, as lists show them; those of one second quickly."""
    texts: dict[int, str] = {}
    times = []
    for each in microseconds:
        seconds, micro = divmod(each, MICROSECONDS)
        text = texts.get(seconds)
        if text is None:
            text = texts[seconds] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        times.append(f"{text}.{micro:06d}+00:00")
    return times
