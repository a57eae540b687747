"""Histories of folders that get an experiment each: the session on a made-up disk and server.

Folders appear, are filled, renamed and made anew; answers are lost, come late, or the process is
killed at any request or transaction; journals are lost; people remove and archive experiments. At
the end each folder must have exactly one experiment, with its files and no others.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from aqsync.aqueduct.records import ExperimentRef
from aqsync.config import MappingConfig
from aqsync.errors import ServerUnreachable
from aqsync.journal.made import MadeExperiments
from aqsync.local.made_folders import MadeFolders
from aqsync.sync import experiment_rules
from aqsync.sync.experiment_maker import ExperimentMaker
from aqsync.sync.order import Limits, Order
from aqsync.sync.retry import set_free
from aqsync.sync.session import Seams, Session
from tests.simulation.fake_disk import FakeDisk
from tests.simulation.parts import Crash, attend_to_writes
from tests.support.fake_clock import FakeClock
from tests.support.fake_server import FakeExperiment, FakeServer
from tests.support.quick_journal import open_quickly
from tests.support.stepping import FakePool, SteppedLoop, at_once, config_of, serve, shared_by

ROOT = "/data/runs"
DAY = f"{ROOT}/2026-11-24"
NAMES = ("a", "b", "c", "d", "e", "f")
LATE_S = 20.0
"""So long after it was asked, at the latest, a server may still do something."""
REST_S = 120.0


class Folder(NamedTuple):
    """A folder, whatever it is called."""

    number: int
    files: dict[str, bytes]


class MomentServer(FakeServer):
    """A server that tells of requests and answers, and does some things late."""

    def __init__(self, clock: FakeClock, moment: Callable[[str, str], None]) -> None:
        super().__init__(clock)
        self.moment = moment
        self.late: list[tuple[float, Callable[[], object]]] = []
        self.made = 0

    def _begin(self, method: str, about: str) -> None:
        due = [done for at, done in self.late if at <= self._clock.monotonic()]
        self.late = [each for each in self.late if each[0] > self._clock.monotonic()]
        for done in due:
            done()
        self.moment("request", method)
        super()._begin(method, about)

    def _end(self, method: str) -> None:
        super()._end(method)
        self.moment("answer", method)

    def create_experiment(
        self, title: str, description: str, tags: Sequence[str] = ()
    ) -> ExperimentRef:
        try:
            return super().create_experiment(title, description, tags)
        except Delayed:
            at = self._clock.monotonic() + LATE_S
            self.late.append((at, lambda: self._make(title, description, tags)))
            raise ServerUnreachable("no answer in time") from None

    def _make(self, title: str, description: str, tags: Sequence[str]) -> None:
        super().create_experiment(title, description, tags)


class Delayed(ServerUnreachable):
    """A request is done later, and its answer is lost."""


class OwnWorld:
    """Everything there is in one history.

    Args:
        seed: Decides all of it.
        folder: An empty folder, for journals.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(f"own folders {seed}")
        self.trace: list[str] = []
        self.clock = FakeClock()
        self.disk = FakeDisk(self.clock)
        self.disk.mkdir(DAY)
        self.server = MomentServer(self.clock, self._moment)
        self.mapping = MappingConfig.model_validate(
            {
                "name": "runs",
                "directory": Path(ROOT),
                "experiment": "new",
                "path": "{date}/{name}/**",
                "title": "{name}",
                "settle": 1.0,
                "recheck": False,
                "manifest": False,
            }
        )
        self.journal_path = folder / "journal.db"
        self.journals = 0
        self.folders: dict[str, Folder] = {}
        """By name, what stands there."""
        self.had: dict[str, set[int]] = {name: set() for name in NAMES}
        """By name, which folders had it."""
        self.spent: set[str] = set()
        """Names of deleted folders."""
        self.gone: set[int] = set()
        """Folders whose experiment a person has removed, and not asked for again."""
        self.again: Counter[int] = Counter()
        self.count = self.content = 0
        self._countdown = -1
        self._fault = ""
        self._open()

    def _open(self) -> None:
        self.journal = open_quickly(self.journal_path, self.clock.now_ns())
        attend_to_writes(self.journal, self._moment, lambda: False)

    def _moment(self, kind: str, what: str) -> None:
        """Between any two things that happen: a fault, if its time has come."""
        if self._countdown < 0 or (kind == "journal" and self._fault != "kill"):
            return
        if self._fault in {"late", "refuse"} and (kind, what) != ("request", "create_experiment"):
            return
        self._countdown -= 1
        if self._countdown >= 0:
            return
        self.trace.append(f"  {self._fault} at {kind} {what}")
        if self._fault == "kill":
            raise Crash
        if self._fault == "late":
            raise Delayed("")
        raise ServerUnreachable("no answer")

    # What happens

    def new_folder(self) -> None:
        free = self._free()
        if free:
            name = self.chance.choice(free)
            self.count += 1
            self.folders[name] = Folder(self.count, {})
            self.had[name].add(self.count)
            self.disk.mkdir(f"{DAY}/{name}")
            self.trace.append(f"{name} is folder {self.count}")
            self._write(name)

    def fill(self) -> None:
        if self.folders:
            self._write(self.chance.choice(sorted(self.folders)))

    def _write(self, name: str) -> None:
        self.content += 1
        file = f"{self.chance.choice('xyz')}{self.content}"
        content = f"{self.content} of {self.folders[name].number}".encode()
        self.disk.write(f"{DAY}/{name}/{file}", content)
        self.folders[name].files[file] = content
        self.trace.append(f"{name}/{file} is written")

    def rename(self) -> None:
        free = self._free()
        if self.folders and free:
            # A folder without a settled file is new under its new name, which is right as well.
            self.push()
            old, new = self.chance.choice(sorted(self.folders)), self.chance.choice(free)
            self.disk.rename(f"{DAY}/{old}", f"{DAY}/{new}")
            self.folders[new] = self.folders.pop(old)
            self.had[new].add(self.folders[new].number)
            self.trace.append(f"{old} is renamed to {new}")
            self.push()  # without the journal, only what a push has seen of it is known

    def delete(self) -> None:
        """A folder is deleted, and its inodes are given to the next one."""
        if self.folders:
            self.push()
            name = self.chance.choice(sorted(self.folders))
            for file in self.folders.pop(name).files:
                self.disk.remove(f"{DAY}/{name}/{file}")
            self.disk.remove(f"{DAY}/{name}")
            self.spent.add(name)  # a new folder of this path would have its experiment
            self.trace.append(f"{name} is deleted")

    def _free(self) -> list[str]:
        return [name for name in NAMES if name not in self.folders and name not in self.spent]

    def lose_journal(self) -> None:
        if any(len(owners) > 1 for owners in self.had.values()):
            return  # then no path tells which folder it was
        self.journals += 1
        self.journal.close()
        self.journal_path = self.journal_path.with_name(f"journal {self.journals}.db")
        self.trace.append("the journal is lost")
        self.gone.clear()  # nothing is left that tells of them
        self._open()

    def remove_experiment(self) -> None:
        self.push()
        experiments = sorted(self.server.experiments.values(), key=lambda each: each.eid)
        if not experiments or self.server.late:
            return
        chosen = self.chance.choice(experiments)
        owners = {owner for owner in self._owners(chosen) if owner}
        if len(owners) == 1 and self._knows(chosen):
            del self.server.experiments[chosen.uuid]
            self.gone |= owners
            self.again.update(owners)
            self.trace.append(f"a person removes the experiment of folder {owners}")

    def _knows(self, experiment: FakeExperiment) -> bool:
        known = self.journal.remote.experiments().values()
        return str(experiment.uuid) in {each.uuid for each in known}

    def ask_again(self) -> None:
        for name, folder in sorted(self.folders.items()):
            if folder.number in self.gone:
                self.push()
                set_free(
                    self.journal,
                    [self.mapping],
                    [Path(DAY, name)],
                    self.clock.now_ns(),
                    accept_roots=False,
                    disk=self.disk,
                )
                self.gone.discard(folder.number)
                self.trace.append(f"a person asks for an experiment of {name} again")
                return

    def archive(self) -> None:
        for experiment in list(self.server.experiments.values())[:1]:
            experiment.tags.append("__archived__")
            self.trace.append(f"{experiment.eid} is archived")

    def trouble(self) -> None:
        """Something goes wrong in the next push."""
        self._fault = self.chance.choice(["kill", "kill", "lose", "late"])
        most = 3 if self._fault == "late" else 60
        self._countdown = self.chance.randrange(most)
        self.push()
        self._countdown = -1

    def push(self) -> None:
        """Push as a new process does."""
        self.clock.advance(2)
        pools: list[FakePool] = []

        def pool(perform: Any, ended: Any) -> FakePool:
            pools.append(FakePool(perform, ended))
            return pools[0]

        session = Session(
            config_of([self.mapping]),
            self.server,
            shared_by(self.journal, self.clock),
            [self.mapping],
            Seams(self.disk, pool=pool, loop=SteppedLoop, aside=at_once),
            orders_only=True,
        )
        session.start()
        try:
            order = Order(Limits(longest_wait_s=5.0), lambda _event: None)
            serve(session, order, pools[0], self.clock)
        except Crash:
            self.trace.append("  killed")
            self._countdown = -1
            self.journal.close()
            self._open()

    # What must hold

    def _owners(self, experiment: FakeExperiment) -> set[int]:
        """The folders whose files are in an experiment."""
        return {int(file.content.rpartition(b" ")[2]) for file in experiment.files.values()}

    def judge(self) -> list[str]:
        """Let time pass without faults; returns what is wrong then."""
        for _ in range(4):
            self.clock.advance(REST_S)
            self.push()
        experiments = self.server.experiments.values()
        wrong = [
            f"{each.eid} has files of folders {sorted(owners)}"
            for each in experiments
            if len(owners := self._owners(each)) > 1
        ]
        for name, folder in self.folders.items():
            held = [each for each in experiments if folder.number in self._owners(each)]
            if folder.number in self.gone:
                if held:
                    wrong.append(f"the removed experiment of {name} was made again")
                continue
            contents = [{n: file.content for n, file in each.files.items()} for each in held]
            if contents != [folder.files]:
                wrong.append(f"{name} has {len(held)} experiments, with {contents}")
        most = self.count + sum(self.again.values())
        asked = len(self.server.called("create_experiment"))
        empty = [each.eid for each in experiments if not each.files]
        if empty:
            wrong.append(f"experiments without files: {empty}, of {asked} asked for and {most}")
        return wrong


ACTIONS: dict[Callable[[OwnWorld], None], int] = {
    OwnWorld.new_folder: 5,
    OwnWorld.fill: 4,
    OwnWorld.rename: 3,
    OwnWorld.delete: 1,
    OwnWorld.trouble: 7,
    OwnWorld.push: 2,
    OwnWorld.lose_journal: 1,
    OwnWorld.remove_experiment: 1,
    OwnWorld.ask_again: 1,
    OwnWorld.archive: 1,
}
STEPS = 14


def lived(seed: int) -> tuple[list[str], list[str]]:
    """What is wrong at the end of a history, and its trace."""
    with tempfile.TemporaryDirectory() as folder:
        world = OwnWorld(seed, Path(folder))
        try:
            for _ in range(STEPS):
                [act] = world.chance.choices(list(ACTIONS), list(ACTIONS.values()))
                act(world)
            return world.judge(), world.trace
        finally:
            world.journal.close()


def _unseen(server: FakeServer, tags: Sequence[str]) -> dict[str, list[ExperimentRef]]:
    found = _TAGGED(server, tags)
    return {t: [e for e in each if "__archived__" not in e.tags] for t, each in found.items()}


def _made_again(maker: ExperimentMaker, keys: set[str], _beat: object) -> None:
    maker._journal.remote.unmake(set(keys) - maker.look_for(keys))


_TAGGED = FakeServer.tagged
BROKEN: dict[str, tuple[tuple[Any, str, object], ...]] = {
    "made without looking": ((ExperimentMaker, "look_for", lambda *_: set()),),
    "archived ones unseen": ((FakeServer, "tagged", _unseen),),
    "lost answer creates again": ((experiment_rules, "LATE_NS", 0),),
    "start not noted": ((MadeExperiments, "asked", lambda _made, _key, _now_ns: None),),
    "removed one made again": ((ExperimentMaker, "look_anew", _made_again),),
    "renamed folder gets a new one": ((MadeFolders, "_recognize", lambda _folders: None),),
    "inode alone is the folder": ((MadeFolders, "_is_alike", lambda _folders, _was, _now: True),),
}
"""Engines that break a rule, each of which some history must catch."""


def broken(name: str | None) -> AbstractContextManager[object]:
    """While it is entered, the engine is broken so."""
    if name is None:
        return nullcontext()
    stack = ExitStack()
    for owner, attribute, value in BROKEN[name]:
        stack.enter_context(mock.patch.object(owner, attribute, value))
    return stack


def first_caught(name: str, most: int) -> int | None:
    """The first seed whose history catches a broken engine."""
    for seed in range(most):
        with broken(name):
            wrong, _ = lived(seed)
        if wrong:
            return seed
    return None
