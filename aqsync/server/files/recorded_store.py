"""The store for several servers: the database has the files' names, a blob store their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.database import Database
from aqsync.server.errors import FileRefused
from aqsync.server.files.blobs import BlobStore
from aqsync.server.files.expected import ABSENT, check_expected
from aqsync.server.files.file_rows import FileRows, Times
from aqsync.server.files.leases import Leases
from aqsync.server.files.recorded_file import RecordedIncoming, RecordedOpenFile
from aqsync.server.files.space import Space
from aqsync.server.files.stamps import Stamps
from aqsync.server.files.store import (
    ANYONE,
    By,
    Columns,
    FileListing,
    FileStore,
    Incoming,
    OpenFile,
    listed_path,
    listed_time,
    listed_times,
)
from aqsync.server.files.sweep import Sweep
from aqsync.server.files.upkeep import Upkeep

_REMEMBERED = 10_000


class RecordedStore(FileStore):
    """The files of all experiments, each a row that names a blob.

    Args:
        database: Has the rows; several servers may share it.
        blobs: Has the bytes.
        space: How much room there is.
        clock: Tells the time in microseconds since 1970; None: that of the database, which all
            servers agree on.

    Attributes:
        threads: How many threads that wait for it keep it busy.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        space: Space,
        clock: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(space)
        self.threads = blobs.threads
        self._blobs = blobs
        clock = clock or database.now
        self._clock = clock
        self._rows = FileRows(database)
        self._leases = Leases(database, clock)
        self._stamps = Stamps()
        self._known: OrderedDict[UUID, None] = OrderedDict()
        self._upkeep = Upkeep(self._leases, Sweep(database, blobs, clock), self._recount)
        self._recount()

    def begin(self) -> None:
        """Begin to renew leases and to sweep."""
        self._upkeep.begin()

    def close(self) -> None:
        """End that, and wait for what is under way."""
        self._upkeep.end()
        self._blobs.close()

    def create(self, uuid: UUID) -> None:
        """Do nothing: its row in the catalog lets an experiment take files."""

    def create_missing(self, uuids: Iterable[UUID]) -> None:
        """Do nothing, as in `create`."""

    def remove(self, uuid: UUID) -> None:
        """Do nothing more: the sweep finds rows whose experiment is gone, and their blobs."""
        self._known.pop(uuid, None)

    def remembers(self, uuid: UUID) -> bool:
        """Tell whether an experiment was there a while ago; `keep` knows better."""
        return uuid in self._known

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""
        found = self._rows.has_experiment(uuid)
        if found:
            self._known[uuid] = None
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name."""
        return self._rows.find(uuid, name) is not None

    def new_file(self, *, hashed: bool = False) -> Incoming:  # noqa: ARG002 - all are hashed
        """Return a file to be filled and kept, or discarded."""
        return RecordedIncoming(self._blobs, self._leases, self.space, self._clock)

    def check(self, uuid: UUID, name: str, expected: str | None, *, by: By = ANYONE) -> None:
        """Compare what a request expects with what is there now."""
        there, owner = self._rows.whose(uuid, name) or (None, None)
        if expected is not None:
            check_expected(expected, ABSENT if there is None else listed_time(there))
        if there is not None:
            by.require(name, owner)

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
        """Let a row name the blob, in one transaction with the comparison."""
        assert isinstance(incoming, RecordedIncoming)  # noqa: S101 - what `new_file` returns
        new = incoming.complete()
        times = Times(self._clock(), self._stamps.next(None), time)
        incoming.be_named()
        try:
            kept, replaced = self._rows.put(new, (uuid, name), expected, by, times)
        except FileRefused:
            incoming.stay_unnamed()
            raise
        incoming.named()
        self.space.give_back(replaced)
        return listed_time(kept)

    def open_for_reading(self, uuid: UUID, name: str) -> OpenFile:
        """Return a file from its beginning; a long one has a lease as long as it is read."""
        if not rules.is_file_name(name):
            raise FileRefused(400, "Invalid file name.")
        blob, facts = self._rows.require(uuid, name)
        if facts.size <= self._blobs.piece_bytes:
            return RecordedOpenFile(facts, self._blobs.reader(blob, facts.size), lambda: None)
        lease = self._leases.take(blob, writing=False)
        try:
            reader = self._blobs.reader(blob, facts.size)
        except BaseException:
            self._leases.give_up(lease)
            raise
        return RecordedOpenFile(facts, reader, lambda: self._leases.give_up(lease))

    def sizes(self, uuid: UUID, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of files in bytes."""
        found = self._rows.sizes(uuid, names)
        return [found.get(name) for name in names]

    def listing(self, uuid: UUID) -> FileListing:
        """Return an experiment's files, to be read when they are asked for."""
        return _RowListing(self._rows, uuid)

    def delete(
        self, uuid: UUID, names: Sequence[str], expected: str | None = None, *, by: By = ANYONE
    ) -> None:
        """Delete files; the sweep removes their blobs."""
        if not all(map(rules.is_file_name, names)):
            raise FileRefused(400, "Invalid file names.")
        self.space.give_back(self._rows.delete(uuid, names, expected, by, self._clock()))

    def tidy_up(self) -> None:
        """Do once what is done again and again."""
        self._upkeep.tidy_up()

    def _recount(self) -> None:
        if self.space.is_counted:
            # Other servers store and remove files, too.
            self.space.recount(self._rows.bytes_in_all())


class _RowListing(FileListing):
    """The files of an experiment, as the database has them.

    Args:
        rows: All files.
        uuid: The experiment.
    """

    def __init__(self, rows: FileRows, uuid: UUID) -> None:
        super().__init__(listed_path(uuid))
        self._rows = rows
        self._uuid = uuid

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return [name for name, _ in self._rows.times(self._uuid)]

    def columns(self) -> Columns:
        """Return the names with their times."""
        rows = self._rows.times(self._uuid)
        return Columns([name for name, _ in rows], listed_times(time for _, time in rows))
