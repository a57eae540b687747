"""A server in memory that fails on command."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.multipart import Throttle
from aqsync.aqueduct.records import (
    Expected,
    ExperimentPage,
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
    RemoteFileNotFound,
    TransferRefused,
)
from tests.support.digests import repr_digest
from tests.support.fake_clock import SECOND_NS, FakeClock

CHUNK = 65_536
Action = Callable[[], object]


class StoredFile(NamedTuple):
    """A file on the server."""

    content: bytes
    modified_at: str


@dataclass
class FakeExperiment:
    """What the server holds of one experiment."""

    eid: str
    uuid: UUID = field(default_factory=uuid4)
    files: dict[str, StoredFile] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    title: str = ""
    description: str = ""
    created_at: datetime = datetime(2026, 11, 23, tzinfo=UTC)


class FakeServer(Client):
    """Does what syncing asks of a server, by the same signatures.

    Args:
        clock: Its time, unless `clock_ahead_s` says that it runs ahead of ours.

    Attributes:
        calls: Every call in order: the method's name and what it was about.
        troubles: By method, what happens at its next calls, one each: an error to raise, an action
            to do before it works, or None for an untroubled call.
        always: By method, the error that every call raises once `troubles` is used up.
        after: By method, an action to take when a call has succeeded, before its answer is given.
        checks_conditions: Whether it looks at what requests expect and names exact times, as the
            embedded server does; the archived one does neither.
        tells_digests: Whether it tells the SHA-256 of a file to whom asks for it.
        bodies: The names of the files of which bytes were taken.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.experiments: dict[UUID, FakeExperiment] = {}
        self.calls: list[tuple[str, str]] = []
        self.troubles: defaultdict[str, deque[Exception | Action | None]] = defaultdict(deque)
        self.always: dict[str, Exception] = {}
        self.after: dict[str, Action] = {}
        self.clock_ahead_s = 0.0
        self.tells_its_time = True
        self.checks_conditions = False
        self.tells_digests = False
        self.bodies: list[str] = []
        self.refused_tags: set[str] = set()
        self._clock = clock
        self._tick = 0
        self._made = 0
        self._lock = threading.Lock()

    # What a test does

    def add(self, eid: str) -> FakeExperiment:
        """Create an experiment, in the place of one that was removed."""
        made = FakeExperiment(eid)
        self.experiments[made.uuid] = made
        return made

    def remove(self, eid: str) -> None:
        """Remove an experiment."""
        del self.experiments[self.of(eid).uuid]

    def of(self, eid: str) -> FakeExperiment:
        """The experiment with this EID."""
        [found] = [e for e in self.experiments.values() if e.eid == eid]
        return found

    def put(self, eid: str, name: str, content: bytes) -> str:
        """Somebody else stores a file; returns its time."""
        modified_at = self._now_text()
        self.of(eid).files[name] = StoredFile(content, modified_at)
        return modified_at

    def contents(self, eid: str) -> dict[str, bytes]:
        """Names and contents of an experiment's files."""
        return {name: file.content for name, file in self.of(eid).files.items()}

    def called(self, method: str) -> list[str]:
        """What the calls of one method were about."""
        return [about for name, about in self.calls if name == method]

    # What syncing calls

    @property
    def url(self) -> str:
        return "http://fake"

    def close(self) -> None:
        self.calls.append(("close", ""))

    def resolve(self, eids: Sequence[str]) -> dict[str, ExperimentRef | None]:
        self._begin("resolve", ",".join(eids))
        by_eid = {e.eid: e for e in self.experiments.values()}
        return {eid: _reference(by_eid[eid]) if eid in by_eid else None for eid in eids}

    def experiment_by_eid(self, eid: str) -> ExperimentRef:
        self._begin("experiment_by_eid", eid)
        found = [e for e in self.experiments.values() if e.eid == eid]
        if not found:
            raise ExperimentNotFound(f"experiment {eid} does not exist for this user")
        return _reference(found[0])

    def server_time(self) -> datetime | None:
        self._begin("server_time", "")
        return self._now().replace(microsecond=0) if self.tells_its_time else None

    def experiment(self, uuid: UUID) -> ExperimentRef:
        self._begin("experiment", self._eid(uuid))
        return _reference(self._experiment(uuid))

    def tagged(self, tags: Sequence[str]) -> dict[str, list[ExperimentRef]]:
        self._begin("tagged", ",".join(tags))
        oldest_first = sorted(self.experiments.values(), key=lambda each: each.created_at)
        found = {tag: [_reference(e) for e in oldest_first if tag in e.tags] for tag in tags}
        self._end("tagged")
        return found

    def create_experiment(
        self, title: str, description: str, tags: Sequence[str] = ()
    ) -> ExperimentRef:
        self._begin("create_experiment", title)
        with self._lock:
            self._made += 1
            made = FakeExperiment(
                f"20261124-{self._made}",
                tags=list(tags),
                title=title,
                description=description,
                created_at=self._now() + timedelta(microseconds=self._made),
            )
            self.experiments[made.uuid] = made
        self._end("create_experiment")
        return _reference(made)

    def update_experiment(
        self, uuid: UUID, *, title: str | None = None, description: str | None = None
    ) -> ExperimentRef:
        self._begin("update_experiment", self._eid(uuid))
        experiment = self._experiment(uuid)
        experiment.title = title or experiment.title
        experiment.description = description or experiment.description
        self._end("update_experiment")
        return _reference(experiment)

    def list_files(
        self, uuids: Sequence[UUID], *, known_digest: bytes | None = None
    ) -> FileLists | None:
        self._begin("list_files", ",".join(self._eid(uuid) for uuid in uuids))
        lists: dict[UUID, list[RemoteFile] | None] = {}
        for uuid in uuids:
            found = self.experiments.get(uuid)
            lists[uuid] = (
                None
                if found is None
                else [RemoteFile(name, file.modified_at) for name, file in found.files.items()]
            )
        digest = hashlib.sha256(repr(lists).encode()).digest()
        self._end("list_files")
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
        self._begin("upload", name)
        self._check(uuid, name, expected)
        if throttle is not None:
            chunks = (part for chunk in chunks for part in throttle(chunk))
        content = b"".join(chunks)
        if len(content) != length:
            raise FileChanged(f"{name!r} gave {len(content)} of {length} bytes")
        self._check(uuid, name, expected)
        modified_at = self._now_text()
        self._experiment(uuid).files[name] = StoredFile(content, modified_at)
        self._end("upload")
        date = self._now().replace(microsecond=0) if self.tells_its_time else None
        if self.checks_conditions:
            return UploadReceipt(date, modified_at, expected is not None)
        return UploadReceipt(date)

    @contextmanager
    def download(self, uuid: UUID, name: str, *, digest: bool = False) -> Iterator[Download]:
        self._begin("download", name)
        found = self._experiment(uuid).files.get(name)
        if found is None:
            raise RemoteFileNotFound("no such file", status=HTTPStatus.NOT_FOUND)
        content = found.content
        parts = self._body(name, content)
        stored_at = datetime.fromisoformat(found.modified_at)
        headers = {
            "content-length": str(len(content)),
            "last-modified": format_datetime(stored_at.astimezone(UTC), usegmt=True),
        }
        if digest and self.tells_digests:
            headers |= repr_digest(content)
        yield Download(OpenAnswer(self.url, HTTPStatus.OK, headers, parts))

    def _body(self, name: str, content: bytes) -> Iterator[bytes]:
        self.bodies.append(name)
        for at in range(0, len(content), CHUNK):
            yield content[at : at + CHUNK]

    def probe_file(self, uuid: UUID, name: str) -> RemoteProbe | None:
        self._begin("probe_file", name)
        found = self._experiment(uuid).files.get(name)
        self._end("probe_file")
        if found is None:
            return None
        second = int(datetime.fromisoformat(found.modified_at).timestamp())
        return RemoteProbe(
            len(found.content), second, f'"{found.modified_at}-{len(found.content)}"'
        )

    def remove_files(
        self, uuid: UUID, names: Sequence[str], *, expected: Expected | None = None
    ) -> RemovalReceipt:
        self._begin("remove_files", ",".join(names))
        for name in names:
            self._check(uuid, name, expected)
        files = self._experiment(uuid).files
        missing = [name for name in names if name not in files]
        if missing:
            raise TransferRefused(f"File(s) not found - {missing[0]}", status=HTTPStatus.CONFLICT)
        for name in names:
            del files[name]
        self._end("remove_files")
        return RemovalReceipt(self.checks_conditions and expected is not None)

    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> None:
        self._begin("add_tags", ",".join(tags))
        experiment = self._experiment(uuid)
        for tag in self.refused_tags.intersection(tags):
            raise OperationFailed(f"the server refused: {tag}")
        known = {tag.lower() for tag in experiment.tags}
        experiment.tags += [tag for tag in tags if tag.lower() not in known]
        self._end("add_tags")

    def remove_tag(self, uuid: UUID, tag: str) -> None:
        self._begin("remove_tag", tag)
        self._experiment(uuid).tags.remove(tag)
        self._end("remove_tag")

    def find(self, *, limit: int = 10, **_search: Any) -> ExperimentPage:
        self._begin("find", str(limit))
        return ExperimentPage((), len(self.experiments))

    def check_file_name_header(self) -> None:
        self._begin("check_file_name_header", "")

    # How

    def _begin(self, method: str, about: str) -> None:
        with self._lock:
            self.calls.append((method, about))
            waiting = self.troubles[method]
            trouble = waiting.popleft() if waiting else self.always.get(method)
        if isinstance(trouble, Exception):
            raise trouble
        if trouble is not None:
            trouble()

    def _end(self, method: str) -> None:
        action = self.after.get(method)
        if action is not None:
            action()

    def _eid(self, uuid: UUID) -> str:
        found = self.experiments.get(uuid)
        return "?" if found is None else found.eid

    def _experiment(self, uuid: UUID) -> FakeExperiment:
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

    def _now(self) -> datetime:
        now_s = self._clock.now_ns() / SECOND_NS + self.clock_ahead_s
        return datetime.fromtimestamp(now_s, UTC)

    def _now_text(self) -> str:
        with self._lock:
            self._tick += 1
            return (self._now() + timedelta(microseconds=self._tick)).isoformat()


def _reference(experiment: FakeExperiment) -> ExperimentRef:
    return ExperimentRef(
        experiment.uuid,
        experiment.eid,
        experiment.title,
        experiment.description,
        tuple(experiment.tags),
        experiment.created_at,
        experiment.created_at,
    )
