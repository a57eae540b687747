"""The files of experiments as one client may see and change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from aqsync.server.errors import FileNotAllowed, FileRefused
from aqsync.server.files.store import (
    ANYONE,
    EXPERIMENT_MISSING,
    FILE_MISSING,
    By,
    Columns,
    FileListing,
    FileStore,
    Incoming,
    OpenFile,
)
from aqsync.server.rights.decision import RULES, Operation, Thing, may
from aqsync.server.rights.who import Who


class SeenFiles(FileStore):
    """A store in which only the files are that exist for a client.

    Each method may also raise `FileRefused` with 403 if the client may not do this.

    Args:
        store: All files.
        who: The client.
    """

    def __init__(self, store: FileStore, who: Who) -> None:
        super().__init__(store.space)
        self._store = store
        self._who = who

    def create(self, uuid: UUID) -> None:
        """Let a new experiment take files."""
        self._require(Operation.CREATE_EXPERIMENT)
        self._store.create(uuid)

    def create_missing(self, uuids: Iterable[UUID]) -> None:
        """Let experiments take files."""
        self._require(Operation.CREATE_EXPERIMENT)
        self._store.create_missing(uuids)

    def remove(self, uuid: UUID) -> None:
        """Remove an experiment's files."""
        self._require(Operation.REMOVE_EXPERIMENT, Thing(uuid))
        self._store.remove(uuid)

    def remembers(self, uuid: UUID) -> bool:
        """Tell without waiting whether an experiment is known to be there."""
        return self._who.sees(uuid) and self._store.remembers(uuid)

    def has(self, uuid: UUID) -> bool:
        """Tell whether there is such an experiment."""
        return self._who.sees(uuid) and self._store.has(uuid)

    def has_file(self, uuid: UUID, name: str) -> bool:
        """Tell whether an experiment has a file of this name."""
        return self._sees(uuid, name) and self._store.has_file(uuid, name)

    def new_file(self, *, hashed: bool = False) -> Incoming:
        """Return a file to be filled and kept, or discarded."""
        self._require(Operation.UPLOAD)
        return self._store.new_file(hashed=hashed)

    def check_upload(self, uuid: UUID, name: str) -> None:
        """Refuse an upload that could not be kept, before its bytes come."""
        self._require(Operation.UPLOAD, Thing(uuid, name))

    def check(
        self,
        uuid: UUID,
        name: str,
        expected: str | None,
        *,
        by: By = ANYONE,  # noqa: ARG002 - the client would do it
    ) -> None:
        """Compare what a request expects with what is there now."""
        self._require(Operation.UPLOAD, Thing(uuid, name))
        self._store.check(uuid, name, expected, by=self._by(uuid, Operation.REPLACE_FILE))

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
        """Give an incoming file its place and name, as one that the client's owner put there."""
        self._require(Operation.UPLOAD, Thing(uuid, name))
        by = self._by(uuid, Operation.REPLACE_FILE)
        return self._store.keep(incoming, uuid, name, expected, by=by, time=time)

    def open_for_reading(self, uuid: UUID, name: str) -> OpenFile:
        """Return a file from its beginning."""
        self._require(Operation.SEE, Thing(uuid, name))
        return self._store.open_for_reading(uuid, name)

    def sizes(self, uuid: UUID, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of files in bytes, None for each that is not there."""
        sizes = self._store.sizes(uuid, names)
        seen = (self._sees(uuid, name) for name in names)
        return [size if known else None for size, known in zip(sizes, seen, strict=True)]

    def listing(self, uuid: UUID) -> FileListing:
        """Return an experiment's files, to be read when they are asked for."""
        listing = self._store.listing(uuid)
        if self._who.sees(uuid) and not self._who.prefixes:
            return listing
        return _SeenListing(listing, uuid, self._who)

    def delete(
        self,
        uuid: UUID,
        names: Sequence[str],
        expected: str | None = None,
        *,
        by: By = ANYONE,  # noqa: ARG002 - the client does it
    ) -> None:
        """Delete files: all of them, or none."""
        self._require(Operation.REMOVE_FILE)
        for name in names:
            # Whose they are is asked when they are looked at; here, whether they exist for it.
            self._require(Operation.REMOVE_FILE, Thing(uuid, name, self._who.owner))
        self._store.delete(uuid, names, expected, by=self._by(uuid, Operation.REMOVE_FILE))

    def _by(self, uuid: UUID, operation: Operation) -> By:
        """Return the client as a store needs it; one that may do this to all files is not asked."""

        def may_replace(name: str, owner: str | None) -> None:
            self._require(operation, Thing(uuid, name, owner))

        needs_own = self._who.scope < RULES[operation].any_owner
        owner = None if self._who.token is None else self._who.owner
        return By(owner, may_replace if needs_own else None)

    def _sees(self, uuid: UUID, name: str) -> bool:
        return may(self._who, Operation.SEE, Thing(uuid, name)) is None

    def _require(self, operation: Operation, thing: Thing | None = None) -> None:
        refused = may(self._who, operation, thing)
        if refused is None:
            return
        if not refused.hidden:
            kind = FileRefused if thing is None else FileNotAllowed
            raise kind(403, refused.reason)
        seen = thing is not None and self._who.sees(thing.experiment)
        raise FileRefused(404, FILE_MISSING if seen else EXPERIMENT_MISSING)


class _SeenListing(FileListing):
    """Those of a listing that exist for a client.

    Args:
        listing: All files of an experiment.
        uuid: The experiment.
        who: The client.
    """

    def __init__(self, listing: FileListing, uuid: UUID, who: Who) -> None:
        super().__init__(listing.path)
        self._listing = listing
        self._uuid = uuid
        self._who = who

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return [name for name in self._listing.names() if self._sees(name)]

    def columns(self) -> Columns:
        """Return the names with their times."""
        whole = self._listing.columns()
        rows = zip(whole.names, whole.times, strict=True)
        seen = [row for row in rows if self._sees(row[0])]
        return Columns([name for name, _ in seen], [time for _, time in seen])

    def _sees(self, name: str) -> bool:
        return self._who.sees(self._uuid) and self._who.sees_name(name)
