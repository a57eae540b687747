"""A server in memory, as far as syncing asks it, that fails as it is told to.

It stands where `aqsync.aqueduct.client.Client` stands: what comes out of it are the same values
and errors, in place of what went over the wire. Nothing here depends on chance or on the
machine's clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Literal, NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.multipart import Throttle, name_header
from aqsync.aqueduct.records import (
    Expected,
    ExperimentRef,
    FileLists,
    RemoteFile,
    RemoteProbe,
    RemovalReceipt,
    UploadReceipt,
)
from aqsync.aqueduct.transport import OpenAnswer
from aqsync.errors import (
    ExperimentNotFound,
    FileChanged,
    OperationFailed,
    RemoteChanged,
    RemoteError,
    RemoteFileNotFound,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from aqsync.server.errors import OperationRefused
from aqsync.server.rules import check_spellings, check_tags, is_file_name
from tests.support.digests import repr_digest
from tests.support.fake_clock import FakeClock

PIECE = 1 << 16
"""Bytes in which a download comes."""
SAME_INSTANT_US = 1_000_000
NO_LIMIT = 1 << 40
"""Bytes that no file has."""

Method = Literal[
    "resolve",
    "list_files",
    "upload",
    "download",
    "probe_file",
    "remove_files",
    "add_tags",
    "check_file_name_header",
]


class Call(NamedTuple):
    """A request that is about to be served."""

    method: Method
    uuids: tuple[UUID, ...]
    names: tuple[str, ...]
    """Files, tags or EIDs."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request; nothing, if nothing is given."""

    seconds: float = 0.0
    """It takes this many seconds."""
    error: RemoteError | None = None
    """It is answered with this, and nothing else is done."""
    breaks_at: float | None = None
    """The connection breaks when this share of an upload or download has passed; of other
    requests, before they are served."""
    answer_lost: bool = False
    """All is done, but the answer never arrives."""
    late_s: float | None = None
    """A proxy takes the whole upload, and stores it this many seconds after the client gave up."""
    forgets: bool = False
    """An upload is answered as if it were stored, and is not."""


FINE = Fault()


class StoredFile(NamedTuple):
    """A file on the server."""

    content: bytes
    modified_at: str


class Who(StrEnum):
    """Who has changed a file on the server."""

    US = "us"
    LATE = "late"
    """A proxy: what aqsync sent and gave up on is stored after all."""
    FORGOTTEN = "forgotten"
    """aqsync was told that the file is stored, but it is not."""
    OTHERS = "others"
    RIVAL = "rival"
    """The aqsync of another PC."""
    RESTORED = "restored"
    """The server was put back to what it held earlier."""


class Event(NamedTuple):
    """A change of a file on the server."""

    who: Who
    uuid: UUID
    name: str
    before: StoredFile | None
    after: StoredFile | None
    conditional: bool
    """The server checks conditions, and tells the exact time of what it stores."""

    @property
    def ours(self) -> bool:
        """The bytes are aqsync's, or it removed them."""
        return self.who in {Who.US, Who.LATE, Who.FORGOTTEN}


class Late(NamedTuple):
    """A file that will be stored."""

    at: float
    """When, on the monotonic clock."""
    uuid: UUID
    name: str
    content: bytes
    who: Who = Who.LATE
    expected: Expected | None = None


Backup = dict[UUID, dict[str, StoredFile]]
"""The files of every experiment as they were at some moment."""


@dataclass
class Experiment:
    """What the server holds of one experiment."""

    eid: str
    uuid: UUID
    files: dict[str, StoredFile] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


class SimulatedServer(Client):
    """Has the methods of a client that syncing uses.

    Args:
        clock: Its time, unless `ahead_s` says that it runs ahead of ours.

    Attributes:
        fault: Asked at every call what goes wrong with it. It may also change the server, as
            somebody else does at that moment.
        token_revoked: Every call is refused.
        most_bytes: Of one file; larger ones are refused with 413.
        checks_conditions: Whether it looks at what requests expect and names exact times, as the
            embedded server does; the archived one does neither.
        events: All changes of files, in order.
        late: What will be stored yet: uploads that a proxy holds, and what others intend.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.fault: Callable[[Call], Fault] = lambda _call: FINE
        self.token_revoked = False
        self.most_bytes = NO_LIMIT
        self.checks_conditions = False
        self.ahead_s = 0.0
        self.experiments: dict[UUID, Experiment] = {}
        self.events: list[Event] = []
        self.late: list[Late] = []
        self._clock = clock
        self._made = 0
        self._last_us = 0

    # What others do

    def create(self, eid: str) -> Experiment:
        """Create an experiment; it may get the EID of one that was removed."""
        assert all(e.eid != eid for e in self.experiments.values()), f"{eid} is there"
        self._made += 1
        made = Experiment(eid, UUID(int=self._made))
        self.experiments[made.uuid] = made
        return made

    def destroy(self, eid: str) -> None:
        """Remove an experiment with all its files."""
        del self.experiments[self.of(eid).uuid]

    def of(self, eid: str) -> Experiment:
        """The experiment with this EID."""
        [found] = [e for e in self.experiments.values() if e.eid == eid]
        return found

    def put(self, eid: str, name: str, content: bytes) -> None:
        """Somebody else stores a file."""
        self._store(self.of(eid), name, content, Who.OTHERS)

    def delete(self, eid: str, name: str) -> None:
        """Somebody else removes a file."""
        self._discard(self.of(eid), name, Who.OTHERS)

    def backup(self) -> Backup:
        """What is there now."""
        return {uuid: dict(experiment.files) for uuid, experiment in self.experiments.items()}

    def restore(self, backup: Backup, *, new_times: bool) -> None:
        """Put the files back to what they were; experiments stay, in the same UUIDs.

        Args:
            backup: What they were.
            new_times: Each file gets the time of now, as copying programs do; else it keeps its
                own, and what was not changed since the backup is not touched.
        """
        for uuid, experiment in self.experiments.items():
            then = backup.get(uuid, {})
            for name in sorted(experiment.files.keys() | then.keys()):
                found = then.get(name)
                if found is None:
                    self._discard(experiment, name, Who.RESTORED)
                elif new_times:
                    self._store(experiment, name, found.content, Who.RESTORED)
                elif experiment.files.get(name) != found:
                    self._keep(experiment, name, found, Who.RESTORED)

    def store_late(self) -> None:
        """Store the delayed uploads that are due."""
        now = self._clock.monotonic()
        for late in [late for late in self.late if late.at <= now]:
            self.late.remove(late)
            try:
                self._check(late.uuid, late.name, late.expected)
                self._store(self._experiment(late.uuid), late.name, late.content, late.who)
            except (ExperimentNotFound, RemoteChanged):
                continue

    def contents(self, eid: str) -> dict[str, bytes]:
        """Names and contents of an experiment's files."""
        return {name: file.content for name, file in self.of(eid).files.items()}

    # What syncing asks

    @property
    def url(self) -> str:
        return "http://simulated"

    def close(self) -> None:
        pass

    def resolve(self, eids: Sequence[str]) -> dict[str, ExperimentRef | None]:
        with self._serving(Call("resolve", (), tuple(eids))):
            by_eid = {e.eid: _reference(e) for e in self.experiments.values()}
            return {eid: by_eid.get(eid) for eid in eids}

    def list_files(
        self, uuids: Sequence[UUID], *, known_digest: bytes | None = None
    ) -> FileLists | None:
        with self._serving(Call("list_files", tuple(uuids), ())):
            lists: dict[UUID, list[RemoteFile] | None] = {}
            for uuid in uuids:
                found = self.experiments.get(uuid)
                lists[uuid] = None if found is None else _listed(found)
            digest = hashlib.sha256(repr(lists).encode()).digest()
            return None if digest == known_digest else FileLists(digest, lists)

    def upload(
        self,
        uuid: UUID,
        name: str,
        chunks: Iterable[bytes],
        length: int,
        throttle: Throttle | None = None,
        *,
        expected: Expected | None = None,
    ) -> UploadReceipt:
        name_header(name)
        with self._serving(Call("upload", (uuid,), (name,)), its_own_break=True) as fault:
            if not is_file_name(name):
                raise _refused("Invalid file name", HTTPStatus.BAD_REQUEST)
            self._experiment(uuid)
            if length > self.most_bytes:
                words = f"Maximum file size limit ({self.most_bytes} bytes) exceeded."
                raise _refused(words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.most_bytes)
            self._check(uuid, name, expected)
            content = _received(name, chunks, length, throttle, fault)
            if fault.breaks_at is not None:
                raise _broken_off()
            experiment = self._experiment(uuid)
            if fault.late_s is not None:
                at = self._clock.monotonic() + fault.late_s
                self.late.append(Late(at, uuid, name, content, expected=expected))
                raise ServerUnreachable("the answer did not come in time")
            self._check(uuid, name, expected)
            if fault.forgets:
                stored = self._forget(experiment, name, content)
            else:
                stored = self._store(experiment, name, content, Who.US)
            date = self._now().replace(microsecond=0)
            if self.checks_conditions:
                return UploadReceipt(date, stored.modified_at, expected is not None)
            return UploadReceipt(date)

    @contextmanager
    def download(self, uuid: UUID, name: str, *, digest: bool = False) -> Iterator[Download]:
        with self._serving(Call("download", (uuid,), (name,)), its_own_break=True) as fault:
            found = self._experiment(uuid).files.get(name)
            if found is None:
                raise RemoteFileNotFound("no such file", status=HTTPStatus.NOT_FOUND)
        stored_at = datetime.fromisoformat(found.modified_at).astimezone(UTC)
        headers = {
            "content-length": str(len(found.content)),
            "last-modified": format_datetime(stored_at, usegmt=True),
        }
        if digest and self.checks_conditions:
            headers |= repr_digest(found.content)
        yield Download(OpenAnswer(self.url, HTTPStatus.OK, headers, _pieces(found.content, fault)))

    def probe_file(self, uuid: UUID, name: str) -> RemoteProbe | None:
        with self._serving(Call("probe_file", (uuid,), (name,))):
            found = self._experiment(uuid).files.get(name)
            if found is None:
                return None
            size = len(found.content)
            second = int(datetime.fromisoformat(found.modified_at).timestamp())
            return RemoteProbe(size, second, f'"{found.modified_at}-{size}"')

    def remove_files(
        self, uuid: UUID, names: Sequence[str], *, expected: Expected | None = None
    ) -> RemovalReceipt:
        with self._serving(Call("remove_files", (uuid,), tuple(names))):
            experiment = self._experiment(uuid)
            for name in names:
                self._check(uuid, name, expected)
                if name not in experiment.files:
                    raise _refused(f"File(s) not found - {name}", HTTPStatus.CONFLICT)
            for name in names:
                self._discard(experiment, name, Who.US)
            return RemovalReceipt(self.checks_conditions and expected is not None)

    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> None:
        with self._serving(Call("add_tags", (uuid,), tuple(tags))):
            experiment = self._experiment(uuid)
            try:
                check_tags(tags)
                check_spellings(tags)
            except OperationRefused as exc:
                raise OperationFailed(f"the server refused it: {exc}") from exc
            known = {tag.lower() for tag in experiment.tags}
            experiment.tags += [tag for tag in tags if tag.lower() not in known]

    def check_file_name_header(self) -> None:
        with self._serving(Call("check_file_name_header", (), ())):
            pass

    # How

    @contextmanager
    def _serving(self, call: Call, *, its_own_break: bool = False) -> Iterator[Fault]:
        """Let one request go wrong as it should, before and after it is served."""
        fault = self.fault(call)
        self._clock.advance(fault.seconds)
        if fault.error is not None:
            raise fault.error
        if fault.breaks_at is not None and not its_own_break:
            raise _broken_off()
        if self.token_revoked:
            raise TokenRefused("the server did not accept the token", hint="check the token")
        yield fault
        if fault.answer_lost:
            raise ServerUnreachable("the answer never came")

    def _experiment(self, uuid: UUID) -> Experiment:
        found = self.experiments.get(uuid)
        if found is None:
            raise ExperimentNotFound(f"experiment {uuid} does not exist for this user")
        return found

    def _check(self, uuid: UUID, name: str, expected: Expected | None) -> None:
        if expected is None or not self.checks_conditions:
            return
        found = self._experiment(uuid).files.get(name)
        time = None if found is None else found.modified_at
        if time != expected.modified_at:
            raise RemoteChanged(
                f"{name!r}: another version than expected is there",
                status=HTTPStatus.PRECONDITION_FAILED,
                present=found is not None,
                modified_at=time,
            )

    def _store(self, experiment: Experiment, name: str, content: bytes, who: Who) -> StoredFile:
        stored = StoredFile(content, self._stamp())
        self._keep(experiment, name, stored, who)
        return stored

    def _keep(self, experiment: Experiment, name: str, stored: StoredFile, who: Who) -> None:
        before = experiment.files.get(name)
        experiment.files[name] = stored
        self._became(Event(who, experiment.uuid, name, before, stored, self.checks_conditions))

    def _discard(self, experiment: Experiment, name: str, who: Who) -> None:
        before = experiment.files.pop(name)
        self._became(Event(who, experiment.uuid, name, before, None, self.checks_conditions))

    def _forget(self, experiment: Experiment, name: str, content: bytes) -> StoredFile:
        stored, before = StoredFile(content, self._stamp()), experiment.files.get(name)
        self._became(
            Event(Who.FORGOTTEN, experiment.uuid, name, before, stored, self.checks_conditions)
        )
        return stored

    def _became(self, event: Event) -> None:
        self.events.append(event)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ns() // 1000 / 1e6 + self.ahead_s, UTC)

    def _stamp(self) -> str:
        """The time of a stored file: to the microsecond, and no two the same."""
        now_us = self._clock.now_ns() // 1000 + int(self.ahead_s * 1e6)
        if 0 <= self._last_us - now_us < SAME_INSTANT_US:
            now_us = self._last_us + 1
        self._last_us = now_us
        seconds, micro = divmod(now_us, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro).isoformat()


def _listed(experiment: Experiment) -> list[RemoteFile]:
    return [RemoteFile(name, file.modified_at) for name, file in sorted(experiment.files.items())]


def _received(
    name: str, chunks: Iterable[bytes], length: int, throttle: Throttle | None, fault: Fault
) -> bytes:
    content = b""
    for chunk in chunks:
        for piece in (chunk,) if throttle is None else throttle(chunk):
            content += piece
            if _is_past(fault, len(content), length):
                raise _broken_off()
    if len(content) != length:
        raise FileChanged(f"{name!r} gave {len(content)} of {length} bytes")
    return content


def _pieces(content: bytes, fault: Fault) -> Iterator[bytes]:
    for at in range(0, len(content), PIECE):
        piece = content[at : at + PIECE]
        if _is_past(fault, at + len(piece), len(content)):
            raise _broken_off()
        yield piece
    if fault.breaks_at is not None:
        raise _broken_off()


def _is_past(fault: Fault, passed: int, size: int) -> bool:
    return fault.breaks_at is not None and passed > fault.breaks_at * size


def _broken_off() -> ServerUnreachable:
    return ServerUnreachable("the connection broke off", hint="is the server running?")


def _refused(words: str, status: HTTPStatus, limit_bytes: int | None = None) -> TransferRefused:
    message = f"the server refused it: {words}"
    return TransferRefused(message, status=status, limit_bytes=limit_bytes)


def _reference(experiment: Experiment) -> ExperimentRef:
    created = datetime(2026, 11, 23, tzinfo=UTC)
    return ExperimentRef(
        experiment.uuid, experiment.eid, "", "", tuple(experiment.tags), created, created
    )
