"""One mapping on real files and a real journal, with a server and a clock that a test owns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from aqsync.config import MappingConfig, Windows
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.scanner import Scanner, ScanReport
from aqsync.local.snapshot import Snapshots
from aqsync.model import Decision, FileRecord, Outcome
from aqsync.sync.contents import Contents
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.known_manifests import KnownManifests
from aqsync.sync.lists import Lists
from aqsync.sync.mirror import Mirror
from aqsync.sync.order import Limits, Order, PushResult
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies
from aqsync.sync.progress import Event, Finished, Pausing, Planned, Replacing
from aqsync.sync.remote_check import RemoteCheck
from aqsync.sync.retry import set_free
from aqsync.sync.session import Seams, Session
from aqsync.sync.uploader import Uploader
from tests.support.fake_clock import SECOND_NS, FakeClock
from tests.support.fake_server import FakeServer
from tests.support.quick_journal import open_quickly
from tests.support.stepping import FakePool, SteppedLoop, at_once, config_of, serve, shared_by

EID = "20261123-1"
OLD_S = 3600.0
"""So long ago a file was written that nobody waits for it."""


class Killed(BaseException):
    """The process ends here."""


class Lab:
    """A mapping named ``lab`` from ``root`` to experiment `EID`.

    Args:
        folder: Where root and journal go.
        keys: More keys of the mapping; it has no manifests unless they say so.
    """

    def __init__(self, folder: Path, **keys: object) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.clock = FakeClock()
        self.server = FakeServer(self.clock)
        self.server.add(EID)
        self.journal_path = folder / "state" / "journal.db"
        self.journal = open_quickly(self.journal_path, self.clock.now_ns())
        self.said: list[str] = []
        self.disk: Disk = REAL_DISK
        self.configure(**keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def configure(self, **keys: object) -> None:
        """Give the mapping these keys, and start again with what the journal knows."""
        values = {"name": "lab", "directory": self.root, "experiment": EID}
        values |= {"manifest": False, **keys}
        self.mapping = MappingConfig.model_validate(values)
        self.scanner = Scanner(self.mapping, self.journal, self.clock)
        self.engine = self.new_engine()

    def reopen(self, *, lose_journal: bool = False) -> None:
        """What a crash leaves is what is on the disk: close and open everything."""
        self.journal.close()
        if lose_journal:
            self.journal_path.unlink()
        self.journal = open_quickly(self.journal_path, self.clock.now_ns())
        self.scanner = Scanner(self.mapping, self.journal, self.clock)
        self.engine = self.new_engine()

    @property
    def mapping_id(self) -> int:
        return self.journal.mappings.get("lab").id

    def write(self, path: str, content: bytes = b"data", *, age_s: float = OLD_S) -> Path:
        """Write a file that seems to have been written so long ago by the lab's clock."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        self.set_age(place, age_s)
        return place

    def set_age(self, place: Path, age_s: float) -> None:
        at_ns = self.clock.now_ns() - int(age_s * SECOND_NS)
        os.utime(place, ns=(at_ns, at_ns))

    def scan(self, *within: str) -> ScanReport:
        return self.scanner.scan(within)

    def accept(self) -> None:
        """A person says that the root is right as it is."""
        now_ns = self.clock.now_ns()
        set_free(self.journal, [self.mapping], [], now_ns, accept_roots=True)

    def troubles(self) -> dict[str, str]:
        """What is wrong, by path."""
        found = self.journal.mappings.troubles(self.mapping_id)
        return {path: trouble.message for path, trouble in found.items()}

    def record(self, path: str) -> FileRecord:
        found = self.find(path)
        assert found is not None, f"the journal does not know {path}"
        return found

    def find(self, path: str) -> FileRecord | None:
        return self.journal.observations.record_at(self.mapping_id, path)

    def decision(self, path: str) -> Decision:
        file = self.record(path)
        now_ns = self.clock.now_ns()
        return decide(file, policies(self.journal, self.mapping, now_ns)(file), now_ns)

    def new_engine(self) -> Engine:
        shared = shared_by(self.journal, self.clock)
        self.queue = shared.queue
        return Engine([self.mapping], self.server, shared, disk=self.disk)

    def push(
        self,
        *within: str,
        windows: Windows = Windows(),  # noqa: B008 - frozen
        **limits: object,
    ) -> PushResult:
        """Push as a new process would."""
        chosen = Limits(within={"lab": within} if within else {}, **limits)  # type: ignore[arg-type]  # tests name the limits they change
        return self.serve(Order(chosen, Listener(self.said)), windows=windows)

    def serve(
        self,
        order: Order,
        windows: Windows = Windows(),  # noqa: B008 - frozen
    ) -> PushResult:
        """Push as a new process would."""
        session, pool = self.new_session(windows=windows)
        self.engine, self.queue = session.engine, session._shared.queue
        serve(session, order, pool, self.clock)
        return order.result

    def new_session(
        self,
        *others: MappingConfig,
        windows: Windows = Windows(),  # noqa: B008 - frozen
    ) -> tuple[Session, FakePool]:
        """A session that does only what orders ask for, as `aqsync push` begins one."""
        pools: list[FakePool] = []

        def pool(perform: Callable[[Job], Outcome], ended: Callable[[], None]) -> FakePool:
            pools.append(FakePool(perform, ended))
            return pools[0]

        mappings = [self.mapping, *others]
        session = Session(
            config_of(mappings, windows),
            self.server,
            shared_by(self.journal, self.clock),
            mappings,
            Seams(self.disk, pool=pool, loop=SteppedLoop, aside=at_once),
            orders_only=True,
        )
        session.start()
        return session, pools[0]

    @property
    def remote(self) -> dict[str, bytes]:
        """What is on the server."""
        return self.server.contents(EID)


def new_uploader(lab: Lab, **kept: Any) -> Uploader:
    """One that has just fetched the list."""
    lists = Lists(Mirror(lab.server, lab.journal, lab.clock), lab.clock)
    lists._asked_at[EID] = lab.clock.monotonic()
    manifests = KnownManifests(lab.server, lab.journal)
    check = RemoteCheck(lab.server, lab.journal, lists, manifests, lab.clock)
    snapshots = Snapshots(lab.journal_path.with_name("snapshots"), lab.clock)
    contents = Contents(lab.journal, kept.pop("disk", REAL_DISK), snapshots)
    return Uploader(lab.server, lab.journal, lab.clock, check, contents, **kept)


class Listener:
    """Remembers the events of a push as lines, those of bytes left out."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def __call__(self, event: Event) -> None:
        match event:
            case Planned():
                self._said.append(f"planned {event.files} files, {event.size} bytes")
            case Finished():
                self._said.append(f"{event.outcome} {event.path}")
            case Replacing():
                self._said.append(f"replacing {event.path}")
            case Pausing():
                self._said.append(f"waiting {event.seconds:.1f} s: {event.reason}")
