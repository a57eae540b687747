"""One world on one thread: a machine with aqsync on it, a server, and time.

The program's own sessions and journal run here on a simulated disk, server and clock. Its threads
are simulated: they run one after the other, turn by turn. Between any two things that aqsync does
there is a moment in which others may act, another thread may run, or the process may be killed.
"""

from __future__ import annotations

import heapq
import logging
import random
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.errors import (
    Forbidden,
    Interrupted,
    JournalDiskFull,
    NoRoomForSnapshot,
    TransferRefused,
)
from aqsync.local import database_source, snapshot
from aqsync.local.errands import Errands
from aqsync.local.rules import IGNORE_FILE
from aqsync.local.scanner import ScanReport
from aqsync.model import (
    Adopted,
    ChangedMeanwhile,
    Databases,
    Decision,
    Failed,
    FileRecord,
    FoundOurOwn,
    InSync,
    Outcome,
    Policy,
    Reason,
    RemoveRemote,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync.jobs import Job
from aqsync.sync.order import Limits, Order
from aqsync.sync.planner import decide
from aqsync.sync.policies import ALWAYS, policies
from aqsync.sync.push import SessionEnded
from aqsync.sync.rate import RateLimit
from aqsync.sync.session import Seams, Session
from aqsync.sync.shared import Shared
from aqsync.sync.work_queue import Lane
from aqsync.sync.worker_pool import WORKERS
from tests.simulation.extras import extras_of
from tests.simulation.fake_disk import FakeDisk, Volume
from tests.simulation.fake_server import FINE, NO_LIMIT, Backup, Call, Event, Fault, Late, Who
from tests.simulation.manifest_truth import manifests_of
from tests.simulation.oracle import Begun, Oracle, sha256
from tests.simulation.parts import (
    Crash,
    MomentServer,
    Room,
    SimulatedWatch,
    WatchHealth,
    attend_to_writes,
)
from tests.simulation.places import (
    BY_SIGNS,
    DATABASE,
    EIDS,
    EVERY_S,
    MOUNT,
    NAMES,
    OUTSIDE,
    mapping_of,
)
from tests.simulation.rival import Rival
from tests.simulation.strand import Hangs, Strand
from tests.simulation.tapes import WrittenDatabase
from tests.support.fake_clock import SECOND_NS, FakeClock
from tests.support.quick_journal import open_quickly
from tests.support.stepping import FakePool, SteppedLoop, at_once, config_of, stepped

RESCAN_S = 60.0
WRITTEN_WHILE_READ = 0.2
"""How probable a step of a database's writer is at each access of its reader."""
RESCAN_WITHOUT_EVENTS_S = 20.0
MIRROR_S = 60.0
MOST_STEPS_AT_ONCE = 300
"""A loop that steps more often without time passing spins."""
TICK_S = 0.001
RECHECKS = "rechecks "
PUSH = "push "
FREE = "free "
NO_OUTAGE_KNOWN = "begun anew, and nothing is known of any outage"
TOKEN = "secret-7f3a9c"
OVERTAKEN = "overtaken"
_ANOTHER_FILE = 0
"""No file has this id."""
"""The kind of moment in which a list is requested and a job could run meanwhile."""
SHARED = 0.3
"""In so many more of the worlds with manifests another aqsync frees files of our folders."""
DEEPEST = 3
"""How many loops and jobs may be interrupted within each other at most."""


class Ambush:
    """Something that will happen in a later moment.

    Args:
        kind: The kind of moment; None: any.
        countdown: How many such moments from now.
        happen: Does it.
    """

    def __init__(self, kind: str | None, countdown: int, happen: Callable[[], None]) -> None:
        self.kind = kind
        self.countdown = countdown
        self.happen = happen


@dataclass
class Past:
    """What has happened in the history and explains its end."""

    refused: set[str] = field(default_factory=set)
    """Names on the server that were refused."""
    rules_changed: set[str] = field(default_factory=set)
    """Mappings whose ignore file was changed."""
    destroyed: set[str] = field(default_factory=set)
    """Experiments that were removed."""
    least_limit: int = NO_LIMIT
    """The smallest size limit that the server ever had, in bytes."""
    clock_set_unnoticed: bool = False
    """The clock was set before aqsync first noted it: files may look older than they are."""
    power_lost: bool = False
    old_journal: bool = False
    """The journal was replaced by an older copy."""

    @property
    def forgot(self) -> bool:
        """Whether the journal may have lost records."""
        return self.power_lost or self.old_journal


class RunningPush(SteppedLoop):
    """An order that is served, step by step, through every reload.

    Args:
        name: Its name in the trace.
        clock: The time.
        world: Its sessions serve it.
        order: What is to be pushed.
    """

    def __init__(self, name: str, clock: FakeClock, world: World, order: Order) -> None:
        super().__init__(name, clock)
        self.order = order
        self._world = world
        self._placed = ExitStack()
        self._placed.enter_context(world.queue.placed(order))
        self._script = world.session.script(order)
        self.start(self._go_on)

    @property
    def is_due(self) -> bool:
        return super().is_due or (self.order.woken.is_set() and not self.over)

    def _go_on(self) -> float:
        self.order.woken.clear()
        try:
            seconds = next(self._script, None)
        except SessionEnded:
            self._script = self._world.session.script(self.order)
            return 0.0
        except JournalDiskFull:
            seconds = None
        if seconds is None:
            self._placed.close()
            self.over = True
        return 0.0 if seconds is None else seconds


class World:
    """Everything there is in one history.

    Args:
        seed: Decides its beginning.
        folder: An empty folder, for journals.

    Attributes:
        trace: What happened, line by line.
        chance: For what happens outside of any action.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.trace: list[str] = []
        self.folder = folder
        self.clock = FakeClock()
        self.disk = FakeDisk(self.clock)
        self.extras = extras_of(seed)
        self.mappings = self._choose_mappings(seed)
        self.oracle = Oracle(self.mappings, self.disk, self.clock, self.extras.large)
        self.server = MomentServer(self.clock, self.moment, self._stored, self.oracle, TOKEN)
        self.backups: list[Backup] = []
        """Backups of the server's files."""
        self.stubborn: dict[tuple[UUID, str], bytes] = {}
        """By experiment and name, the content that somebody puts back after each upload."""
        self._jumped_s = 0.0
        self.health = WatchHealth(self.unattended)
        self.weather: Callable[[Call], Fault] = lambda _call: FINE
        self.failing: set[str] = set()
        """Places that cannot be read."""
        self.away: dict[str, Volume] = {}
        """By place, the disks that are not mounted now."""
        self.mounts: set[str] = set()
        """Where disks belong."""
        self.refusing = self.forbidding = ""
        """The server refuses, or forbids, files whose names end so."""
        self.hangs = Hangs(self.chance.choice([1, 2, WORKERS]))
        self.past = Past()
        self.oracle.forgot = lambda: self.past.forgot
        self._begin_room()
        self.crashes = self.copies = self.unseen_writes = 0
        """Kills, copies of the journal that were kept, and writes that nothing tells of."""
        self.quality = self.chance.choice([(1.0, 0.0), (0.8, 0.3), (0.3, 0.5), (0.0, 0.0)])
        """Share of events that arrive, and share of those that are late."""
        self.ambushes: list[Ambush] = []
        self.busy: list[str] = []
        """What is in the middle of something, the innermost last."""
        self.in_transaction = False
        self._quiet = self._letter = 0
        self._dead = self._wants_restart = self._machine_failed = False
        self._letters: list[tuple[float, int, str, str]] = []
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self.rivalry = self._choose_rivalry(seed)
        """Whether another aqsync works under the same names, on its own folders or on ours."""
        self._rival: Rival | None = None
        self._build()
        self.logged = _Logged()
        self.oracle.look(by_action=False)
        self.disk.on_access, self.disk.on_asked = self._accessed, self.oracle.asked_open
        self.journal_path = folder / "0" / "journal.db"
        self._start()

    def _choose_mappings(self, seed: int) -> list[MappingConfig]:
        count = self.chance.choice([1, 1, 2, 2, 3])
        found = [mapping_of(name) for name in sorted(self.chance.sample(NAMES, count))]
        found = [*found, *_measured(seed)]
        if self.extras.mapping:
            found = [mapping_of(self.extras.mapping)]
        manifest = {"manifest": manifests_of(seed)}
        return [mapping.model_copy(update=manifest) for mapping in found]

    def _choose_rivalry(self, seed: int) -> str:
        rivalry = self.chance.choice(["", "", "", "apart", "shared"])
        more = self.has_manifests and random.Random(f"rival {seed}").random() < SHARED
        return "shared" if more else rivalry

    @property
    def has_manifests(self) -> bool:
        """Whether its experiments get manifests."""
        return any(mapping.manifest for mapping in self.mappings)

    def _build(self) -> None:
        self.frees: list[SteppedLoop] = []
        """Commands that free files."""
        self.disk.mkdir(OUTSIDE)
        self.disk.most_read = self.chance.choice([3, 1 << 30])
        self._writers = random.Random(f"writers {self.disk.most_read}")
        self.oracle.rules_changed = self.past.rules_changed
        self._begin_server()
        for mapping in self.mappings:
            root = str(mapping.directory)
            self.disk.mkdir(root)
            if self.chance.random() < 0.5:
                self._install(root)
            if self.chance.random() < 0.3:
                self.disk.mkdir(f"{root}/{MOUNT}")
                self._install(f"{root}/{MOUNT}")
            elif self.chance.random() < 0.2 and root not in self.mounts:
                self.disk.mkdir(f"{root}/{MOUNT}")
                self.disk.mkdir(f"/data/bound {mapping.name}")
                bound = self.disk.bound(f"/data/bound {mapping.name}")
                self.disk.mount(bound, f"{root}/{MOUNT}")
                self.mounts.add(f"{root}/{MOUNT}")

    def _begin_server(self) -> None:
        self.set_server_clock(self.chance.choice([0.0, 0.0, 0.3, -1.7, 90.0]))
        self.server.fault = self._fault
        self.server.checks_conditions = self.chance.random() < 0.4
        for eid in EIDS:
            self.server.create(eid)
        self.backups.append(self.server.backup())

    @property
    def rival(self) -> Rival | None:
        """The other aqsync, if there is one; it begins when it is first asked for."""
        if self._rival is None and self.rivalry:
            disk = self.disk
            if self.rivalry == "apart":
                disk = FakeDisk(self.clock)
                for mapping in self.mappings:
                    disk.mkdir(str(mapping.directory))
            folder = self.folder / "rival"
            freed = self.oracle.freed
            self._rival = Rival(self.mappings, disk, self.server, self.clock, folder, freed)
        return self._rival

    def rival_turn(self) -> bool:
        """Let the other aqsync work; false if it has nothing to do."""
        with self.unattended():
            return self.rival is not None and self.rival.turn()

    def _install(self, place: str) -> None:
        step_ns = self.chance.choice([1, 1, SECOND_NS, 2 * SECOND_NS])
        self.disk.mount(self.disk.new_volume(step_ns), place)
        self.mounts.add(place)

    # The process

    def _start(self) -> None:
        """Begin as a new process does: only the journal is there."""
        self._dead = self._wants_restart = False
        self.full = False  # else it could not start
        self.ambushes.clear()
        self.busy.clear()
        self.oracle.restarted()
        self._letters.clear()
        self.journal = open_quickly(self.journal_path, self.clock.now_ns())
        if self.journal.remote.server_problem() is None:
            self.logged.lines.append(NO_OUTAGE_KNOWN)
        attend_to_writes(self.journal, self.moment, lambda: self.full)
        rate = RateLimit(None, self.clock)
        self.shared = Shared(self.journal, self.clock, rate, Errands(self.clock))
        self._attend_to_room()
        self.queue = self.shared.queue
        self._begun: dict[int, Begun] = {}
        self.watches: dict[str, SimulatedWatch] = {}
        self._mirror_at = self.clock.monotonic() + MIRROR_S
        self.whole_looks = {mapping.name: 0 for mapping in self.mappings}
        about_to_send = self.journal.outcomes.about_to_send

        in_flight = self.journal.outcomes._in_flight

        def sending(
            file: FileRecord, sha256: bytes, size: int, *, provisional: bool = False
        ) -> bool:
            # While another upload is in flight, this outcome waits to be committed.
            (in_flight.add if sha256[0] % 2 else in_flight.discard)(_ANOTHER_FILE)
            noted = True
            try:
                noted = about_to_send(file, sha256, size, provisional=provisional)
            finally:  # killed in the middle of it, it may be noted or not
                if noted:
                    self.oracle.sending(file.remote_name, sha256)
            return noted

        self.journal.outcomes.about_to_send = sending  # type: ignore[method-assign]  # written down
        self.sessions: list[Session] = []
        """The present session, last, and earlier ones whose jobs have not ended."""
        self.waiting: deque[tuple[Job, Lane]] = deque()
        """Jobs of all sessions that have begun and were not done yet."""
        self._pools: dict[int, FakePool] = {}
        """By file, the pool of its job."""
        self.pushes: list[RunningPush] = []
        self._begin_session()
        if self._machine_failed:
            self._machine_failed = False
            self.frees.clear()
            self._ask_what_is_freed()

    def _ask_what_is_freed(self) -> None:
        """What an old journal, or none, knows of freed files."""
        rows = self.journal._database.rows("SELECT uuid, name FROM freed")
        self.oracle.freed.restarted((str(uuid), str(name)) for uuid, name in rows)

    def _attend_to_room(self) -> None:
        """A snapshot for which there is no room is remembered."""
        snapshots = self.shared.snapshots
        promise = snapshots.promise

        def promising(size: int) -> None:
            try:
                promise(size)
            except NoRoomForSnapshot:
                self.oracle.jobs[-1].no_room = True
                raise

        snapshots.promise = promising  # type: ignore[method-assign]  # written down

    def _begin_room(self) -> None:
        """In some worlds snapshots have no more room than there is on a made-up disk."""
        self.full = False
        self.room = Room(self._snapshots, lambda: self.full, self._overfilled)
        self._crowding = ExitStack()
        if self.extras.crowded:
            self.room.become(Room.SPARE + 2_000, meanwhile=False)  # for the smallest databases
            disk = SimpleNamespace(rmtree=shutil.rmtree, disk_usage=self.room.usage)
            enter, patch = self._crowding.enter_context, mock.patch.object
            enter(patch(snapshot, "shutil", disk))
            enter(patch(database_source, "_write", self.room.write))

    def _snapshots(self) -> Path:
        return self.journal_path.with_name(f"{self.journal_path.name}.snapshots")

    def _overfilled(self) -> None:
        self.oracle.broken.append("a snapshot has filled the disk of the journal")

    def _begin_session(self) -> None:
        """Begin a session as the program does, and listen to it."""
        config = config_of(self.mappings, ALWAYS, RESCAN_S, RESCAN_WITHOUT_EVENTS_S)
        seams = Seams(
            self.disk,
            lambda mapping, _heard: self._watch(mapping),
            self._pool,
            SteppedLoop,
            at_once,
            random.Random(4),
        )
        session = Session(config, self.server, self.shared, self.mappings, seams)
        self.session, self.engine = session, session.engine
        assert session.poller is not None
        self.poller, self.rescanners = session.poller, session.rescanners
        self.sessions.append(session)
        self._listen_to_scans(session)
        decide = session.engine.decide

        def deciding(
            file: FileRecord, policy_of: Callable[[FileRecord], Policy]
        ) -> tuple[FileRecord, Decision] | None:
            decided = decide(file, policy_of)
            if decided is not None:
                self._judge_missing(file, decided[1])
            return decided

        session.engine.decide = deciding  # type: ignore[method-assign]  # judged, then done
        session.start()

    def _pool(self, perform: Callable[[Job], Outcome], ended: Callable[[], None]) -> FakePool:
        pool = FakePool(partial(self._perform, perform), ended)
        pool.waiting, start = self.waiting, pool.start

        def starting(job: Job, lane: Lane) -> None:
            self._pools[job.file.id] = pool
            begun = self.oracle.began(job, self._renamed_to(job))
            begun.ordered = bool(self.queue.orders_for(job.file))
            begun.lists_asked_at = dict(self.engine._lists._asked_at)
            self._begun[job.file.id] = begun
            self.note(f"begun: {type(job.step).__name__} {job.file.mapping}/{job.file.path}")
            start(job, lane)

        pool.start = starting  # type: ignore[method-assign]  # written down, then done
        return pool

    def _watch(self, mapping: MappingConfig) -> SimulatedWatch:
        watch = SimulatedWatch(self.disk, mapping.directory, self.health)
        self.watches[mapping.name] = watch
        return watch

    def _listen_to_scans(self, session: Session) -> None:
        scan = session.engine.scan

        def scanning(mapping: MappingConfig, within: Iterable[str] = (), **kept: Any) -> ScanReport:
            empty = self.oracle.is_empty(mapping)
            within, began = tuple(within), self.clock.monotonic()
            report = scan(mapping, within, **kept)
            self.oracle.looked_at(mapping, empty=empty)
            if mapping.name in self.oracle.measured and (within or report.whole):
                self.oracle.measured[mapping.name].scanned(
                    began, within, report.troubles, asked=report.asked
                )
            # While a root is in doubt, nothing that the scan has seen there is noted.
            self.whole_looks[mapping.name] += report.whole or "" in report.troubles
            return report

        session.engine.scan = scanning  # type: ignore[method-assign]  # counted, then done

    @property
    def loops(self) -> dict[str, SteppedLoop]:
        """All loops, by their names in the trace."""
        self.sessions = [s for s in self.sessions if s is self.session or not s.dispatcher.at_rest]
        self.pushes = [push for push in self.pushes if not push.over]
        self.frees = [free for free in self.frees if not free.over]
        found = {each.name: each for each in (*self.pushes, *self.frees)}
        for number, session in enumerate(reversed(self.sessions)):
            for loop in stepped(session):
                if not loop.over:
                    found[loop.name if number == 0 else f"{loop.name} {number} before"] = loop
        return found

    @property
    def idle(self) -> bool:
        """Whether every job has been collected."""
        return all(session.dispatcher.idle for session in self.sessions)

    def reload(self) -> None:
        """A new session takes the place of the present one."""
        self.session.retire()
        self._begin_session()

    def push(self, limits: Limits) -> RunningPush:
        """Somebody says `aqsync push`."""
        name = f"{PUSH}{len(self.trace)}"
        push = RunningPush(name, self.clock, self, Order(limits, lambda _event: None))
        self.pushes.append(push)
        return push

    def restart(self) -> None:
        """The process is stopped in good order, as soon as possible."""
        self._wants_restart = True
        for session in self.sessions:
            session._aborted = session._retired = True

    def crash(self) -> None:
        """The process is killed at this very moment."""
        if not self._dead:
            self._dead = True
            self.crashes += 1
            self.note("killed")
            self._leave_as_a_kill_does()
        raise Crash

    def _leave_as_a_kill_does(self) -> None:
        """Copy the journal as it is now: what the code does while it unwinds does not count."""
        self.left = self.folder / str(self.crashes) / "journal.db"
        self._copy_journal(self.left)

    def _copy_journal(self, target: Path) -> None:
        target.parent.mkdir()
        for suffix in ("", "-wal", ".lock"):
            part = self.journal_path.with_name(self.journal_path.name + suffix)
            if part.exists():
                shutil.copyfile(part, target.with_name(target.name + suffix))

    def lose_power(self, share: float) -> None:
        """A power loss: the last transactions are lost too, as they had not reached the disk."""
        self.past.power_lost = self._machine_failed = True
        try:
            self.crash()
        finally:
            log = self.left.with_name(self.left.name + "-wal")
            if log.exists():
                size = log.stat().st_size
                with log.open("r+b") as file:
                    file.truncate(int(size * share))

    def keep_journal(self) -> None:
        """Keep a copy of the journal as a backup of the machine does."""
        self._copy_journal(self._kept(self.copies))
        self.copies += 1

    def lose_commits(self, number: int) -> None:
        """The process is killed, and the journal is an old copy of it when it starts again."""
        self.past.old_journal = self._machine_failed = True
        try:
            self.crash()
        finally:
            shutil.rmtree(self.left.parent)
            shutil.copytree(self._kept(number).parent, self.left.parent)

    def lose_journal(self) -> None:
        """The process is killed, and there is no journal when it starts again."""
        self.past.old_journal = self._machine_failed = True
        try:
            self.crash()
        finally:
            shutil.rmtree(self.left.parent)

    def _kept(self, number: int) -> Path:
        return self.folder / f"kept {number}" / "journal.db"

    def rise(self) -> None:
        """Start again after a kill or a stop, if there was one."""
        if self._dead or self._wants_restart:
            self._end_what_hangs()
        if self._dead:
            self._abandon()
            self.journal_path = self.left
        elif self._wants_restart:
            self.note("stopped")
            self.journal.close()
        else:
            return
        self._start()

    def _abandon(self) -> None:
        old = self.journal_path.parent
        self.journal._database._connection.close()
        if self.journal._lock is not None:
            self.journal._lock.release()
        shutil.rmtree(old)

    def close(self) -> None:
        """The end of the world."""
        self._end_what_hangs()
        self._crowding.close()
        self.logged.close()
        if self._rival is not None:
            self._rival.close()
        self.journal._database._connection.close()
        if self.journal._lock is not None:
            self.journal._lock.release()

    # Moments

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """No moment passes within the context."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def moment(self, kind: str, where: str) -> None:
        """Something is about to happen, or has just happened, within aqsync."""
        if self._quiet:
            return
        if self._dead:
            raise Crash
        if not self.ambushes:
            return
        for ambush in tuple(self.ambushes):
            if ambush.kind in {None, kind} or (ambush.kind == OVERTAKEN and self._overtaken(where)):
                ambush.countdown -= 1
                if ambush.countdown <= 0 and ambush in self.ambushes:
                    self.ambushes.remove(ambush)
                    self.note(f"  at {kind} {where}, within {'>'.join(self.busy) or 'nothing'}:")
                    before, self.in_transaction = self.in_transaction, kind == "journal"
                    began = self.clock.monotonic()
                    try:
                        ambush.happen()
                    finally:
                        self.in_transaction = before
                        self.oracle.delayed(self.clock.monotonic() - began)

    def _overtaken(self, where: str) -> bool:
        """Whether a list is on its way that a job can make outdated before it arrives."""
        return where == "list_files" and bool(self.can_begin())

    def _accessed(self, what: str, where: str) -> None:
        if self._quiet:
            return
        self.moment(what, where)
        self._write_while_read(where)
        in_no_job = self.busy[-1:] and self.busy[-1].startswith((RECHECKS, PUSH, FREE))
        in_no_job = in_no_job or self._is_ignore_file(where)  # which a scan reads
        if DATABASE in where:  # a scan looks into it
            in_no_job = in_no_job or not (self.busy and self.busy[-1].startswith("job "))
        if what == "look" and not in_no_job:
            self.oracle.looked(where)
        if what == "open" and not in_no_job:
            self.oracle.opened(where)
        strand = self.hangs.running[-1] if self.hangs.running else None
        if strand is not None and not in_no_job and self._does_not_answer(what, where):
            strand.hang()
        if self.failing and where in self.failing and what != "identity":
            raise OSError(5, "Input/output error")

    def _write_while_read(self, where: str) -> None:
        """The writer of a database or of a log goes on while a job reads it."""
        rewrite = self.oracle.rewritten.get(where)
        again = bool(self.oracle.jobs) and self.oracle.jobs[-1].opened_twice
        if rewrite and again and self._writers.random() < WRITTEN_WHILE_READ:
            del self.oracle.rewritten[where]
            with suppress(OSError):
                rewrite()
                self.oracle.look(by_action=True)
        if not (self.oracle.databases and self.oracle.jobs and DATABASE in where):
            return
        file = self.oracle.jobs[-1].job.file
        database = self.oracle.databases.get((file.mapping, file.path))
        if database is None or not database.eager or not where.startswith(database.place):
            return
        if self._writers.random() < WRITTEN_WHILE_READ:
            database.eager -= 1
            if self.oracle.mapping(file.mapping).databases is Databases.FILE:
                self.unseen_writes += 1  # of its log, which is another file
            with suppress(OSError):
                self.go_on_with(database, self._writers)
                self.oracle.look(by_action=True)

    def go_on_with(self, database: WrittenDatabase, chance: random.Random) -> None:
        """The writer of a database takes its next step."""
        written = database.go_on()
        self.note(f"  {database.place}: up to {database.committed} is committed")
        self.touched(*written, chance=chance)

    def _is_ignore_file(self, where: str) -> bool:
        return any(where == f"{mapping.directory}/{IGNORE_FILE}" for mapping in self.mappings)

    def _does_not_answer(self, what: str, where: str) -> bool:
        """Whether a disk hangs here; only for jobs, since scans have no strands."""
        return (
            bool(self.hangs.below)
            and what in {"open", "read"}
            and where.startswith(self.hangs.below)
        )

    def _fault(self, call: Call) -> Fault:
        if call.method == "upload" and self.forbidding and call.names[0].endswith(self.forbidding):
            self.past.refused.add(call.names[0])
            return Fault(error=Forbidden("the server answered 403", hint="ask its owner"))
        if call.method == "upload" and self.refusing and call.names[0].endswith(self.refusing):
            self.past.refused.add(call.names[0])
            return Fault(
                error=TransferRefused(f"the server refused it: {call.names[0]}", status=422)
            )
        fault = self.weather(call)
        if call.method in {"upload", "remove_files"}:  # what others do meanwhile is seen by no look
            self.oracle.delayed(fault.seconds)
        return fault

    def _renamed_to(self, job: Job) -> str | None:
        """The other name under which the journal knows a file that is to be removed."""
        file = job.file
        if not isinstance(job.step, RemoveRemote) or file.synced is None or file.forced:
            return None
        mapping_id = self.journal.mappings.get(file.mapping).id
        for path, state in self.oracle.visible[file.mapping].items():
            same = state.inode == file.synced.signature.inode
            if same and sha256(state.content) == file.synced.sha256:
                known = self.journal.observations.record_at(mapping_id, path)
                if known is not None and known.local and known.local.own == state.signature:
                    return path
        return None

    def _stored(self, event: Event) -> None:
        if event.who is Who.US and event.after is None and self.oracle.jobs:
            self._judge_rename(event, self.oracle.jobs[-1])
        self.oracle.stored(event)
        again = self.stubborn.get((event.uuid, event.name))
        if again is None or (event.after is not None and event.after.content == again):
            return
        at = self.clock.monotonic() + 5.0
        self.server.late.append(Late(at, event.uuid, event.name, again, Who.OTHERS))

    def _judge_rename(self, event: Event, begun: Begun) -> None:
        """An old name must not be removed before the new one is on the server."""
        file, path = begun.job.file, begun.renamed_to
        if path is None or event.before is None:
            return
        eid, name = self.oracle.targets.get((file.mapping, path), ("", ""))
        there = {e.eid: self.server.contents(e.eid) for e in self.server.experiments.values()}
        state = self.oracle.visible[file.mapping].get(path)
        still = state is not None and state.content == event.before.content
        new = next((e for e in self.server.experiments.values() if e.eid == eid), None)
        stored = None if new is None else self.oracle.remote.get((new.uuid, name))
        if stored is not None and stored.passed_for_ours:
            return
        # aqsync cannot know yet what others did since the list of the decision.
        decided = min(begun.at, begun.lists_asked_at.get(eid, float("-inf")))
        if stored is not None and not stored.ours and stored.at >= decided:
            return
        if eid and still and there.get(eid, {}).get(name) != event.before.content:
            self.oracle.broken.append(
                f"{file.path} was removed before {path}, its new name, is there"
            )

    # Turns

    def wake_all(self) -> None:
        """Let every loop check whether there is something to do."""
        for loop in self.loops.values():
            loop.wake()

    def may_step(self, name: str) -> bool:
        """Whether a loop could run now, while others are interrupted."""
        if len(self.busy) >= DEEPEST or name in self.busy:
            return False
        loops = [each for each in self.busy if not each.startswith("job ")]
        if name.startswith(PUSH) or any(each.startswith(PUSH) for each in loops):
            return not loops  # it looks at the disk and asks the server: both have locks
        return not (_asks(name) and any(_asks(each) for each in loops))

    def step(self, name: str) -> None:
        """Let a loop take one step."""
        fetched, decided = self.engine.lists_fetched, self.oracle.decided
        self.busy.append(name)
        self.oracle.decided = {m: t.known() for m, t in self.oracle.measured.items()}
        try:
            failure = self.loops[name].take_step()
        finally:
            self.busy.pop()
            self.oracle.decided = decided
        if failure is not None:
            self._judge_failure(name, failure)
        if self.engine.lists_fetched != fetched:
            self.look_at_status()

    def _judge_failure(self, name: str, exc: Exception) -> None:
        self.note(f"{name} failed: {exc}")
        if isinstance(exc, Interrupted) and self._wants_restart:
            return
        if not isinstance(exc, JournalDiskFull):
            self.oracle.broken.append(f"a step of {name} failed: {exc!r}")

    def work(self, number: int = 0) -> None:
        """Do one of the jobs that were begun."""
        self.waiting.rotate(-number)
        job, _ = self.waiting[0]
        begun, pool = self._begun.pop(job.file.id), self._pools.pop(job.file.id)
        strand = Strand(pool.run) if self.hangs.below else None
        self._go_on(begun, pool.run if strand is None else strand.go, strand)

    def _go_on(self, begun: Begun, go: Callable[[], None], strand: Strand | None) -> None:
        self.busy.append(f"job {begun.job.file.path}")
        self.oracle.jobs.append(begun)
        self.hangs.running.append(strand)
        try:
            go()
        finally:
            self.busy.pop()
            self.oracle.jobs.pop()
            self.hangs.running.pop()
        if strand is not None and strand.hangs:
            self.hangs.jobs.append((begun, strand))
            self.note(f"hangs: {begun.job.file.mapping}/{begun.job.file.path}")

    def _answer(self) -> None:
        """A disk that hung answers: the job that has waited longest goes on."""
        begun, strand = self.hangs.jobs.pop(0)
        begun.given_up = begun.job.errand.hang is not None
        self.note(f"answered: {begun.job.file.mapping}/{begun.job.file.path}")
        self._go_on(begun, strand.go, strand)

    def _end_what_hangs(self) -> None:
        """A process that ends does not wait for a disk."""
        for _, strand in self.hangs.jobs:
            strand.end(Crash())
        self.hangs.jobs.clear()

    def can_begin(self) -> list[int]:
        """Which of the waiting jobs could run now, while others are interrupted.

        A worker that would wait for a list or manifests that are being read cannot: that is done
        by what is in the middle of it.
        """
        hanging = [begun for begun, _ in self.hangs.jobs if begun.job.errand.hang is None]
        if len(hanging) >= self.hangs.workers or len(self.busy) >= DEEPEST:
            return []
        fetching = [session.engine._lists._fetching for session in self.sessions]
        reading = [session.engine.known_manifests._reading for session in self.sessions]

        def would_wait(eid: str) -> bool:
            uuid = self.journal.remote.uuid(eid)
            return any(locks[eid].locked() for locks in fetching) or any(
                locks[uuid].locked() for locks in reading
            )

        return [
            number
            for number, (job, _) in enumerate(self.waiting)
            if not would_wait(str(job.file.eid))
        ]

    def _perform(self, perform: Callable[[Job], Outcome], job: Job) -> Outcome:
        outcome = perform(job)
        if isinstance(outcome, Adopted) and not outcome.claimed:
            self.oracle.found_equal(job.uuid, job.file.remote_name, outcome.sha256)
        elif isinstance(outcome, Adopted):
            self.oracle.claimed(job.uuid, job.file.remote_name, outcome)
        elif isinstance(outcome, FoundOurOwn):
            self.oracle.read_now(job.uuid, job.file.remote_name, outcome.sha256)
        self.oracle.freed.outcome(job, outcome, Who.US)
        self._judge_room(outcome)
        if isinstance(outcome, Uploaded):
            begun = self.oracle.jobs[-1]
            self.oracle.uploaded(begun, outcome.size, provisional=outcome.provisional)
        elif not isinstance(outcome, Failed | ChangedMeanwhile):
            self.oracle.paid.forget((job.file.mapping, job.file.path))
        self.note(f"{type(outcome).__name__} {job.file.mapping}/{job.file.path}")
        with self.unattended():
            for file in self.journal.observations.records([job.file.id]):
                self.judge_synced(file)
                if isinstance(outcome, Uploaded | Touched | Adopted):
                    self._judge_outcome(job, file)
        return outcome

    def _judge_room(self, outcome: Outcome) -> None:
        """A database for whose snapshot there is no room waits, and says so."""
        begun = self.oracle.jobs[-1]
        if not begun.no_room or (
            isinstance(outcome, Failed) and outcome.why.reason is Reason.NO_ROOM_FOR_SNAPSHOT
        ):
            return
        path = begun.job.file.path
        self.oracle.broken.append(f"{path}: nobody is told that there is no room: {outcome}")

    def _judge_outcome(self, job: Job, file: FileRecord) -> None:
        """What the job has seen to be newer than what the server has is not in sync."""
        mapping, now_ns = self.oracle.mapping(file.mapping), self.clock.now_ns()
        step = decide(file, policies(self.journal, mapping, now_ns)(file), now_ns)
        experiment = self.server.experiments.get(job.uuid)
        there = None if experiment is None else experiment.files.get(file.remote_name)
        if not isinstance(step, InSync) or file.synced is None or there is None:
            return
        if sha256(there.content) == file.synced.sha256:
            self.oracle.in_sync_with(there.content)

    def look_at_status(self) -> None:
        """Judge what `aqsync status` would say of each file now."""
        now_ns = self.clock.now_ns()
        with self.unattended():
            for mapping in self.mappings:
                policy_of = policies(self.journal, mapping, now_ns)
                for file in self.known_files(mapping):
                    step = decide(file, policy_of(file), now_ns)
                    self.judge_synced(file)
                    self.judge_in_sync(file, step)
                    self._judge_large(file, step)
                    self._judge_missing(file, step)
                    self._judge_freed(file, step)

    def _judge_freed(self, file: FileRecord, step: Decision) -> None:
        """What counts as freed stands in the newest list, and what counts as lost does not."""
        if file.freed is None:
            return
        uuid = UUID(self.journal.remote.uuid(str(file.eid)))
        at, listed, freed = (uuid, file.remote_name), file.remote.modified_at, file.freed.sha256
        place = f"{file.mapping}/{file.path}"
        if freed not in self.oracle.freed.proved[at]:
            self.oracle.broken.append(f"{place} counts as freed, and nobody has freed it")
        version = None if listed is None else self.oracle.versions[*at, listed]
        stands = version is not None and version.sha256 == freed
        if step.state is State.FREED and file.remote.listed_sequence and not stands:
            there = self.server.experiments[uuid].files.get(file.remote_name)
            if there is None or sha256(there.content) != freed:
                self.oracle.broken.append(f"{place} counts as freed, and no list shows its copy")
        if step.state is State.FREED_LOST and stands:
            self.oracle.broken.append(f"{place} counts as lost, and the list shows its copy")
        is_touched = isinstance(step, Upload | RemoveRemote)
        if at not in self.oracle.freed.only or file.local is not None:
            return
        if is_touched or (isinstance(step, InSync) and step.state is not State.FREED):
            self.oracle.broken.append(f"{place} was freed, but: {step}")

    def _judge_large(self, file: FileRecord, step: Decision) -> None:
        """A large file that waits for its budget goes at the latest when it has stood still."""
        if not isinstance(step, Wait) or step.reason is not Reason.LARGE_AGAIN or self.oracle.jumps:
            return
        if step.until_ns is None or step.until_ns > file.since_ns + int(EVERY_S * SECOND_NS):
            self.oracle.broken.append(
                f"{file.mapping}/{file.path} waits until nobody knows: {step}"
            )

    def known_files(self, mapping: MappingConfig) -> Iterator[FileRecord]:
        """All records of a mapping in the journal."""
        mapping_id = self.journal.mappings.get(mapping.name).id
        for target in self.journal.observations.targets(mapping_id):
            file = self.journal.observations.record_at(mapping_id, target.path)
            assert file is not None
            yield file

    def judge_in_sync(self, file: FileRecord, step: Decision) -> None:
        """A file in sync must be in the last list, unless none was requested since its upload."""
        if not isinstance(step, InSync) or file.local is None or file.synced is None:
            return
        if file.synced.provisional:
            self.oracle.broken.append(f"{file.mapping}/{file.path} is provisional, and in sync")
        if file.remote.listed_sequence <= file.synced.sequence or self.is_forged(file):
            return
        uuid = UUID(self.journal.remote.uuid(str(file.eid)))
        found = None
        if file.remote.modified_at is not None:
            found = self.oracle.versions[uuid, file.remote_name, file.remote.modified_at]
        right = {file.synced.sha256}
        if self.past.forgot:  # until the next scan a newer version of ours may count as it
            right |= self.oracle.mine[uuid, file.remote_name]
        if found is not None and (found.sha256 in right or found.passed_for_ours):
            return
        # A version that was downloaded since and found equal may be younger than the list.
        there = self.server.experiments[uuid].files.get(file.remote_name)
        if there is None or sha256(there.content) != file.synced.sha256:
            self.oracle.broken.append(
                f"{file.mapping}/{file.path} is called in sync, and the list shows another version"
            )

    def _judge_missing(self, file: FileRecord, step: Decision) -> None:
        """What counts as removed from the server, or as lost by it, is so."""
        if step.reason not in {Reason.REMOVED_ON_SERVER, Reason.LOST_BY_SERVER}:
            return
        uuid = UUID(self.journal.remote.uuid(str(file.eid)))
        if step.reason is Reason.REMOVED_ON_SERVER:
            self.oracle.held_as_removed(str(file.eid), uuid, file.remote_name)
        else:
            self.oracle.counts_as_lost(str(file.eid), uuid, file.remote_name)

    def is_forged(self, file: FileRecord) -> bool:
        """Whether a file is called in sync because a forged manifest says so."""
        if file.synced is None or not file.synced.claimed:
            return False
        uuid = UUID(self.journal.remote.uuid(str(file.eid)))
        return (uuid, file.remote_name) in self.oracle.manifests.forged

    def judge_synced(self, file: FileRecord) -> None:
        """A version that the journal calls synced must have been given to the server."""
        if file.synced is None or file.eid is None:
            return
        record = self.journal.remote.experiments().get(file.eid)
        if record is None or record.uuid is None:
            return
        held = self.oracle.held[UUID(record.uuid), file.remote_name]
        if file.synced.sha256 not in held and not self.is_forged(file):
            self.oracle.broken.append(
                f"the journal calls {file.path} synced in a version that the server never held"
            )

    def now(self, *, work: bool = True, chance: random.Random | None = None) -> None:
        """Let all that have something to do at this moment do it."""
        chance = chance or self.chance
        for _ in range(MOST_STEPS_AT_ONCE):
            self.rise()
            self._deliver_letters()
            self.server.store_late()
            self._do_what_is_due()
            due = [name for name, loop in self.loops.items() if loop.is_due]
            jobs = self.can_begin() if work else []
            answered = bool(self.hangs.jobs) and not self.hangs.below
            if not due and not jobs and not answered:
                return
            number = 0 if answered else chance.randrange(len(due) + len(jobs))
            try:
                if answered:
                    self._answer()
                elif number < len(due):
                    self.step(due[number])
                else:
                    self.work(jobs[number - len(due)])
            except Crash:
                pass
            if self.oracle.broken:
                return
        self.oracle.broken.append(f"{due} spin")

    def run(
        self, seconds: float, *, work: bool = True, chance: random.Random | None = None
    ) -> None:
        """Let time pass."""
        end = self.clock.monotonic() + seconds
        while not self.oracle.broken:
            self.now(work=work, chance=chance)
            now = self.clock.monotonic()
            if now >= self._mirror_at:
                self._mirror_at = now + MIRROR_S
                self.poller.mirror_soon()
                continue
            at = min([self._mirror_at, *(loop.at for loop in self.loops.values())])
            if self._letters:
                at = min(at, self._letters[0][0])
            at = min([at, *(late.at for late in self.server.late)])
            if self._agenda:
                at = min(at, self._agenda[0][0])
            if at >= end:
                break
            self.clock.advance(max(at - now, TICK_S))
        left = end - self.clock.monotonic()
        if left > 0:
            self.clock.advance(left)

    def later(self, seconds: float, happen: Callable[[], object]) -> None:
        """A program does something after this many seconds, if it can."""
        self._letter += 1
        heapq.heappush(self._agenda, (self.clock.monotonic() + seconds, self._letter, happen))

    @property
    def programs_go_on(self) -> bool:
        """Whether a program will still write something."""
        return bool(self._agenda)

    def _do_what_is_due(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.clock.monotonic():
            _, _, happen = heapq.heappop(self._agenda)
            try:
                happen()
            except OSError:
                self.note("  what was to be done cannot be done")
            self.oracle.look(by_action=True)

    # Events of the disk

    def touched(self, *places: str, chance: random.Random) -> None:
        """Something has changed at these places: events may arrive, late or not at all."""
        arrive, late = self.quality
        for place in places:
            for mapping in self.mappings:
                top = f"{mapping.directory}/"
                if not place.startswith(top) or chance.random() >= arrive:
                    continue
                for _ in range(2 if chance.random() < 0.1 else 1):
                    after = chance.random() * 8 if chance.random() < late else 0.0
                    self._letter += 1
                    letter = self.clock.monotonic() + after, self._letter
                    heapq.heappush(self._letters, (*letter, mapping.name, place[len(top) :]))

    def _deliver_letters(self) -> None:
        now = self.clock.monotonic()
        while self._letters and self._letters[0][0] <= now:
            _, number, name, path = heapq.heappop(self._letters)
            watch = self.watches.get(name)
            if watch is not None and watch.hear(path, closed=number % 2 == 0):
                self.loops[f"rescans {name}"].wake()

    def overflow(self, name: str) -> None:
        """The system has lost events, and reports that."""
        if name in self.watches:
            self.watches[name].overflow()
            self.loops[f"rescans {name}"].wake()

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.oracle.jumps += 1
        seconds += 1e-9 * (self.oracle.jumps * 48_271 % SECOND_NS)
        self.clock.set_back(-seconds)
        self._jumped_s += seconds
        self.server.ahead_s -= seconds

    def set_server_clock(self, ahead_s: float) -> None:
        """Set how far the server's clock is ahead of the true time."""
        self.server.ahead_s = ahead_s - self._jumped_s

    def note(self, line: str) -> None:
        """Write down what happened."""
        self.trace.append(f"{self.clock.monotonic() - 1000:9.3f} {line}")


def _measured(seed: int) -> list[MappingConfig]:
    """In some worlds, a mapping whose files belong together."""
    chance = random.Random(f"measured {seed}")
    return [mapping_of(chance.choice(BY_SIGNS))] if chance.random() < 0.25 else []


def _asks(name: str) -> bool:
    """Whether a loop asks the server for lists."""
    return name.startswith(("dispatcher", "server"))


class _Logged(logging.Handler):
    """What aqsync logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self._logger = logging.getLogger("aqsync")
        self._before = self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self)

    def close(self) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        words = [record.levelname.lower(), record.getMessage()]
        words += [f"{key}={value}" for key, value in fields.items()]
        if record.exc_info and record.exc_info[1] is not None:
            words.append(f"error={record.exc_info[1]!r}")
        self.lines.append(" ".join(words))
