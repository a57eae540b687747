"""What a store of files does, wherever it keeps them; the rest of the server knows no more."""

from __future__ import annotations

import errno
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from aqsync.server.files.space import Space

EXPERIMENT_MISSING = "The specified experiment was not found."
FILE_MISSING = "The requested file is not found."
NO_FILES = "No files were found for this experiment"

MICROSECONDS = 1_000_000


class FileDamaged(OSError):
    """The bytes that lie there are others than were stored."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "these are other bytes than were stored")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a stored file.

    Attributes:
        size: In bytes.
        stored_at: When it was stored, in microseconds since 1970.
        sha256: Of its bytes; None where that is worked out only when it is asked for.
    """

    size: int
    stored_at: int
    sha256: bytes | None = None


class By:
    """Who puts a file there, or removes one.

    Args:
        owner: The owner of the token that allows it; None if the server need not know.
        may_replace: Refuses, with `FileRefused`, to replace or remove the version of a file with
            this name that this owner, if that is known, has put there; None allows all.
    """

    def __init__(
        self,
        owner: str | None = None,
        may_replace: Callable[[str, str | None], None] | None = None,
    ) -> None:
        self.owner = owner
        self._may_replace = may_replace

    @property
    def asks_whose(self) -> bool:
        """Whether it matters who has put there what is replaced or removed."""
        return self._may_replace is not None

    def require(self, name: str, owner: str | None) -> None:
        """Refuse to replace or remove a version that must stay.

        Args:
            name: The file's name.
            owner: Who has put this version there; None if nobody knows.

        Raises:
            FileRefused: It must stay.
        """
        if self._may_replace is not None:
            self._may_replace(name, owner)


ANYONE = By()


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

    @property
    @abstractmethod
    def sha256(self) -> bytes | None:
        """The SHA-256 of all bytes; None if it was not asked for."""

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
            FileDamaged: These are the last ones, and something is wrong with the whole.
            OSError: The disk failed.
        """

    @abstractmethod
    def sha256(self) -> bytes:
        """Return the SHA-256 of the whole file, which may have to be read for it.

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
    def new_file(self, *, hashed: bool = False) -> Incoming:
        """Return a file to be filled and kept, or discarded.

        Args:
            hashed: Whether its SHA-256 will be asked for.
        """

    @abstractmethod
    def check(self, uuid: UUID, name: str, expected: str | None, *, by: By = ANYONE) -> None:
        """Compare what a request expects with what is there now; `keep` compares once more.

        Args:
            uuid: The experiment.
            name: An allowed name.
            expected: The listed time of the file that must be there, or `ABSENT`; None: anything.
            by: Who would replace it.

        Raises:
            NotAsExpected: Something else is there.
            FileRefused: `by` may not replace what is there.
        """

    @abstractmethod
    def keep(
        self,
        incoming: Incoming,
        uuid: UUID,
        name: str,
        expected: str | None = None,
        *,
        by: By = ANYONE,
        time: int | None = None,
    ) -> str:
        """Give an incoming file its place and name; both are safe when this returns.

        Its time is later than that of the file that it replaces, whatever the clock says.

        Args:
            incoming: The file, of this store.
            uuid: The experiment.
            name: An allowed name.
            expected: What must be there, as in `check`; None replaces anything.
            by: Who puts it there.
            time: When it was stored elsewhere, in microseconds since 1970: its time here too, as
                far as the store can hold it. None: now.

        Returns:
            The file's time, as lists show it.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: The experiment was removed meanwhile, or `by` may not replace what is
                there.
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
    def delete(
        self, uuid: UUID, names: Sequence[str], expected: str | None = None, *, by: By = ANYONE
    ) -> None:
        """Delete files: all of them, or none when one is not there.

        Args:
            uuid: The experiment.
            names: The files' names.
            expected: What must be there, as in `check`, of each of them.
            by: Who removes them.

        Raises:
            NotAsExpected: Something else than `expected` is there.
            FileRefused: A name is not allowed, the experiment or a file is not there, or `by` may
                not remove one.
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
