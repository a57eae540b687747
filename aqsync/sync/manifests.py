"""Writes the manifest of each experiment: a file there that lists what was sent, and from where."""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from math import inf
from typing import BinaryIO, NamedTuple, TypeVar
from uuid import UUID

from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.hashing import measured
from aqsync.aqueduct.records import Expected
from aqsync.clock import Clock
from aqsync.config import MappingConfig
from aqsync.errors import (
    AqsyncError,
    ExperimentNotFound,
    Forbidden,
    Interrupted,
    LocalError,
    RemoteChanged,
    RemoteFileNotFound,
    ServerFailed,
    TransferRefused,
)
from aqsync.journal import Journal
from aqsync.journal.manifests import ManifestRecord, WrittenManifest
from aqsync.layout.manifest import manifest_name, write
from aqsync.log import Log
from aqsync.model import SECOND_NS, Failure, explain_error
from aqsync.sync.backoff import backoff_ns
from aqsync.sync.lists import Lists
from aqsync.sync.manifest_content import ManifestContent, label_of
from aqsync.sync.manifest_rules import Outdated, due_in, spare_after
from aqsync.sync.rate import RateLimit, received
from aqsync.sync.remote_check import was_listed
from aqsync.sync.turn import turn

TRIES = 3
"""How often one is sent at most, if something else stands under its name each time."""
_SOON_ENOUGH_S = 1.0
"""What is due so soon is written with the others: each round looks through all that lack something,
and thousands that were sent one after the other would have a round each."""
_CHUNK = 1 << 18
_IN_MEMORY = 1 << 20
"""A larger one is put together in a temporary file."""
_IDENTITY_BYTES = 6

_T = TypeVar("_T")

log = Log(__name__)


@dataclass(slots=True)
class _Noticed:
    """When changes that a manifest lacks were noticed, by the monotonic clock."""

    changes: int
    first: float
    last: float


class _Place(NamedTuple):
    """Where a manifest goes."""

    name: str
    stands: str | None
    """The time of the version of ours that stands there; None: nothing does."""
    size: int | None
    """Its bytes."""


class ManifestWriter:
    """Writes manifests when they are due, one at a time; usable from several threads.

    What stands under a manifest's name is replaced only if it is ours, by its content where its
    exact time is not known. Otherwise the manifest gets a new name.

    Args:
        server: Where to.
        journal: Knows what was sent, and what was written.
        clock: The time.
        mappings: The mappings of the session.
        lists: Fetches a newer list where one is needed.
        aborted: Asked between chunks; true breaks the work off.
        rate: Limits the transfers; None: no limit.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        clock: Clock,
        mappings: Sequence[MappingConfig],
        lists: Lists,
        *,
        aborted: Callable[[], bool] = lambda: False,
        rate: RateLimit | None = None,
    ) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock
        self._mappings = {mapping.name: mapping for mapping in mappings}
        self._lists = lists
        self._aborted = aborted
        self._rate = rate
        self._turn = threading.Lock()
        self._beat: Callable[[], None] = lambda: None
        self._noticed: dict[str, _Noticed] = {}
        self._took_s: dict[str, float] = {}
        """By EID, how long writing the last one took."""
        self._checks = False
        """Whether the server checked the condition of the last one."""

    def write_due(
        self,
        vanished: Callable[[str, ExperimentNotFound], None],
        *,
        at_end: bool = False,
        beat: Callable[[], None] = lambda: None,
    ) -> float:
        """Write what is due; returns the seconds until the next one is.

        One that cannot be written is noted with the reason, and tried again later.

        Args:
            vanished: Called with the EID of each experiment that the server no longer knows.
            at_end: Nothing more is expected now: it is the end of a push.
            beat: Called often, to show progress: a large one may take minutes.

        Raises:
            RemoteError: The server cannot be asked.
            Interrupted: Aborted.
        """
        with turn(self._turn, beat):
            self._beat = beat
            outdated = self._journal.manifests.outdated()
            soonest_s, usable = inf, self._usable() if outdated else {}
            for record in outdated:
                if record.eid not in usable:
                    continue
                seconds = self._due_in(record, at_end=at_end)
                if seconds > _SOON_ENOUGH_S:
                    soonest_s = min(soonest_s, seconds)
                    continue
                try:
                    work = self._prove if record.unproved else self._write
                    soonest_s = min(soonest_s, work(record, UUID(usable[record.eid])))
                except ExperimentNotFound as exc:
                    vanished(record.eid, exc)
                except (Forbidden, TransferRefused, ServerFailed, LocalError) as exc:
                    soonest_s = min(soonest_s, self._failed(record, exc))
            return soonest_s

    def _usable(self) -> dict[str, str]:
        """By EID, the UUIDs of the experiments whose manifests are written."""
        ids = [self._journal.mappings.get(m.name).id for m in self._mappings.values() if m.manifest]
        fed: Collection[str] = self._journal.remote.mapped_eids(ids)
        return {
            eid: experiment.uuid
            for eid, experiment in self._journal.remote.experiments().items()
            if eid in fed and experiment.uuid is not None and experiment.problem is None
        }

    def _due_in(self, record: ManifestRecord, *, at_end: bool) -> float:
        due_s = 0.0 if record.unproved else due_in(self._state(record), at_end=at_end)
        return max(due_s, self._pause_s(record, at_end=at_end))

    def _state(self, record: ManifestRecord) -> Outdated:
        now = self._clock.monotonic()
        noticed = self._noticed.setdefault(record.eid, _Noticed(record.changes, now, now))
        if noticed.changes != record.changes:
            noticed.changes, noticed.last = record.changes, now
        written = record.written if record.uuid == self._uuid(record.eid) else None
        written_ns = 0 if written is None else self._clock.now_ns() - written.at_ns
        return Outdated(
            now - noticed.first,
            now - noticed.last,
            record.sent_bytes - record.has_bytes,
            None if written is None else written.size,
            written_ns / SECOND_NS,
            record.spare_bytes,
            self._took_s.get(record.eid, 0.0),
            lacks_freed=record.is_outdated and record.lacks_freed,
            lost=not record.is_outdated,
        )

    def _pause_s(self, record: ManifestRecord, *, at_end: bool) -> float:
        """Seconds until one that failed is tried again; a push tries it at once."""
        failure = record.failure
        if failure is None or at_end:
            return 0.0
        pause_ns = backoff_ns(failure.count, record.changes)
        passed_ns = self._clock.now_ns() - failure.at_ns
        return (pause_ns - passed_ns) / SECOND_NS if 0 <= passed_ns < pause_ns else 0.0

    def _uuid(self, eid: str) -> str:
        return self._journal.remote.uuid(eid)

    def _write(self, record: ManifestRecord, uuid: UUID) -> float:
        """Write one; returns the seconds until more is to be done, as `_prove` does."""
        state = self._state(record)
        eid, began, now_ns = record.eid, self._clock.monotonic(), self._clock.now_ns()
        waits = self._journal.manifests.awaits_list(eid)
        content = ManifestContent(self._journal, tuple(self._mappings.values()), eid, now_ns)
        with named_by_eid({uuid: self._journal.remote.shown(eid)}), _temporary_file() as file:
            write(file, content.header, self._watched(content.entries()))
            size, sha256 = _measured(file)
            modified_at = self._send(eid, uuid, file, size, sha256)
        self._journal.manifests.written(
            record,
            WrittenManifest(size, sha256, now_ns, modified_at),
            spare_after(state, size),
            waits=waits,
        )
        self._noticed.pop(eid, None)
        self._took_s[eid] = self._clock.monotonic() - began
        log.info("manifest written", experiment=self._journal.remote.shown(eid), size=size)
        return inf

    def _prove(self, record: ManifestRecord, uuid: UUID) -> float:
        """See by its content whether the one that is listed is the one that was written last.

        A server that does not tell the time of an upload may have stored an earlier one since.

        Returns:
            The seconds until it is written again.
        """
        stands = self._journal.manifests.listed(record.eid).get(str(record.name))
        if stands is None or record.written is None:
            return 0.0
        size, sha256 = self._found(uuid, str(record.name))
        if sha256 == record.written.sha256:
            found = WrittenManifest(size, sha256, 0, stands)
            self._journal.manifests.recognised(record.eid, found)
            return inf
        self._journal.manifests.replaced(record.eid)
        return due_in(self._state(record))

    def _watched(self, items: Iterator[_T]) -> Iterator[_T]:
        for item in items:
            if self._aborted():
                raise Interrupted("interrupted")
            self._beat()
            yield item

    def _failed(self, record: ManifestRecord, exc: AqsyncError) -> float:
        """Note a failure; returns the seconds until the next attempt."""
        before, why = record.failure, explain_error(exc)
        count = 1 if before is None else before.count + 1
        failure = Failure(why, permanent=False, count=count, at_ns=self._clock.now_ns())
        self._journal.manifests.failed(record.eid, failure)
        if before is None or before.why != why:
            eid = self._journal.remote.shown(record.eid)
            log.warning("a manifest could not be written", experiment=eid, exc=exc)
        return backoff_ns(count, record.changes) / SECOND_NS

    # Sending

    def _send(self, eid: str, uuid: UUID, file: BinaryIO, size: int, sha256: bytes) -> str | None:
        """Send it; returns the server's time of it, if the server names that."""
        for _ in range(TRIES):
            place, asked = self._place(eid, uuid), self._clock.monotonic()
            if not (self._checks or self._still_stands(uuid, place)):
                self._renew_list(eid, asked)
                continue
            self._journal.manifests.about_to_send(eid, sha256)
            self._journal.make_durable(at_once=True)
            file.seek(0)
            chunks = self._watched(iter(partial(file.read, _CHUNK), b""))
            expected = Expected(place.stands)
            try:
                receipt = self._server.upload(
                    uuid, place.name, chunks, size, self._pace, expected=expected
                )
            except RemoteChanged:
                self._renew_list(eid, asked)
                continue
            self._checks = receipt.condition_checked
            return receipt.modified_at
        raise RemoteChanged(
            f"something else than was listed stands under {place.name!r} in experiment {eid}",
            hint="it is tried again",
            status=HTTPStatus.PRECONDITION_FAILED,
        )

    def _place(self, eid: str, uuid: UUID) -> _Place:
        """Where it goes: under its name, if nothing or a version of ours stands there."""
        record = self._journal.manifests.of(eid)
        if record is None or record.name is None or record.uuid != str(uuid):
            return self._draw(eid, uuid)
        written = record.written
        if written is not None and written.modified_at is not None:
            stands: str | None = written.modified_at
            if self._journal.manifests.is_listed_since(record):
                stands = self._journal.manifests.listed(eid).get(record.name)
        else:
            if not self._journal.manifests.is_listed_since(record):
                self._renew_list(eid, self._clock.monotonic())
            stands = self._journal.manifests.listed(eid).get(record.name)
        if stands is None:
            return _Place(record.name, None, None)
        if written is not None and written.modified_at == stands:
            return _Place(record.name, stands, written.size)
        size, sha256 = self._found(uuid, record.name)
        if sha256 not in {record.sent_sha256, written and written.sha256}:
            shown = self._journal.remote.shown(eid)
            log.warning("a manifest of others has the name of ours", experiment=shown)
            return self._draw(eid, uuid)
        self._journal.manifests.recognised(eid, WrittenManifest(size, sha256, 0, stands))
        return _Place(record.name, stands, size)

    def _draw(self, eid: str, uuid: UUID) -> _Place:
        label = label_of(self._mappings, self._journal.manifests.mappings(eid))
        name = manifest_name(label, secrets.token_hex(_IDENTITY_BYTES))
        self._journal.manifests.named(eid, str(uuid), name)
        return _Place(name, None, None)

    def _still_stands(self, uuid: UUID, place: _Place) -> bool:
        """Whether the server has what was listed, as far as a look at the single name tells."""
        found = self._server.probe_file(uuid, place.name)
        if found is None or place.stands is None:
            return found is None and place.stands is None
        return was_listed(found.modified_second, place.stands) and found.size == place.size

    def _found(self, uuid: UUID, name: str) -> tuple[int, bytes]:
        """Size and digest of what stands under a name."""
        try:
            with self._server.download(uuid, name) as coming:
                chunks = received(coming.chunks(), self._rate, self._aborted)
                sha256, size = measured(self._watched(chunks))
        except RemoteFileNotFound:
            return 0, b""  # it was removed since it was listed
        return size, sha256

    def _renew_list(self, eid: str, asked: float) -> None:
        """Fetch a list that is requested after this moment of the monotonic clock.

        Raises:
            ExperimentNotFound: The server does not show the experiment.
        """
        if not self._lists.share(eid, lambda: self._lists.asked_at(eid) > asked):
            raise ExperimentNotFound(f"experiment {eid} does not exist for this user")

    def _pace(self, chunk: bytes) -> Iterator[bytes]:
        if self._rate is None:
            yield chunk
        else:
            yield from self._watched(self._rate.paced(chunk, self._aborted))


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    try:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            yield file  # type: ignore[misc]  # it is one, but for its class
    except OSError as exc:
        raise LocalError(
            f"a manifest cannot be put together in {tempfile.gettempdir()}: {exc.strerror or exc}",
            hint="free some space there; it is tried again",
        ) from exc


def _measured(file: BinaryIO) -> tuple[int, bytes]:
    """Size and digest of a file that was just written."""
    file.seek(0)
    sha256, size = measured(iter(partial(file.read, _CHUNK), b""))
    return size, sha256
