"""The aqsync of another PC, which works on the same experiments with the same names.

It is the real engine with a journal of its own. Nothing goes wrong with it: what it does to the
server is judged as anything that others do there, but for freed files, of which it must know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.model import Compare, FileRecord, Freed, RemoveRemote, Upload
from aqsync.sync.engine import Engine
from aqsync.sync.freeing import Prover, plan, why_not_noted
from aqsync.sync.policies import policies, undecided
from tests.simulation.fake_disk import FakeDisk
from tests.simulation.fake_server import Experiment, SimulatedServer, StoredFile, Who
from tests.simulation.freed_truth import (
    At,
    FreedTruth,
    OnlyCopy,
    only_copy,
    proofs_of,
    removed_as_proved,
)
from tests.support.fake_clock import FakeClock
from tests.support.quick_journal import open_quickly
from tests.support.stepping import shared_by


class RivalServer(SimulatedServer):
    """The same server, as somebody else reaches it.

    Args:
        clock: The time.
        server: Holds everything.
    """

    def __init__(self, clock: FakeClock, server: SimulatedServer) -> None:
        super().__init__(clock)
        self.token = "another"
        self._server = server
        self.experiments = server.experiments

    def _keep(self, experiment: Experiment, name: str, stored: StoredFile, who: Who) -> None:
        del who
        self._server._keep(experiment, name, stored, Who.RIVAL)

    def _discard(self, experiment: Experiment, name: str, who: Who) -> None:
        del who
        self._server._discard(experiment, name, Who.RIVAL)

    def _stamp(self) -> str:
        return self._server._stamp()


class Rival:
    """One more aqsync.

    Args:
        mappings: What it syncs, and where to.
        disk: Where its roots are: the same folders as ours, shared, or folders of its own.
        server: The one server.
        clock: The time.
        folder: An empty folder, for its journal.
        freed: Is told what it learns of freed files.
    """

    def __init__(
        self,
        mappings: Iterable[MappingConfig],
        disk: FakeDisk,
        server: SimulatedServer,
        clock: FakeClock,
        folder: Path,
        freed: FreedTruth,
    ) -> None:
        self._freed = freed
        self.disk = disk
        self._mappings = tuple(mappings)
        self._clock = clock
        self._journal = open_quickly(folder / "journal.db", clock.now_ns())
        self._server = server
        self._reached = RivalServer(clock, server)
        self._engine = Engine(
            self._mappings, self._reached, shared_by(self._journal, clock), disk=disk
        )

    def turn(self) -> bool:
        """Scan everything once, and do what is decided; false if there was nothing to do."""
        engine, acted = self._engine, False
        self._reached.checks_conditions = self._server.checks_conditions
        for mapping in self._mappings:
            engine.scan(mapping)
        engine.refresh(engine.eids())
        for mapping in self._mappings:
            policy_of = policies(self._journal, mapping, self._clock.now_ns())
            ids = [item.id for item in undecided(self._journal, mapping)]
            for file in self._journal.observations.records(ids):
                decided = engine.decide(file, policy_of)
                if decided is None:
                    continue
                now, step = decided
                if isinstance(step, Upload | Compare | RemoveRemote):
                    job = engine.job(now, step)
                    self._freed.outcome(job, engine.perform(job))
                    acted = True
        return acted

    def free(self, mapping: MappingConfig, keep_last: int) -> Iterator[tuple[At, OnlyCopy]]:
        """Free what can be, as its person does; gives each copy as soon as its file is gone."""
        engine, journal = self._engine, self._journal
        self._reached.checks_conditions = self._server.checks_conditions
        engine.scan(mapping)
        for _ in range(2):  # the second list shows the manifest, which the proof needs
            engine.refresh(engine.eids())
            engine.write_manifests(at_end=True)
        now_ns = self._clock.now_ns()
        planned = plan(journal, mapping, now_ns, 0.0, keep_last, self.disk)
        with closing(Prover(self._reached, journal, self.disk)) as prover:
            proofs = proofs_of(prover, mapping, planned.files)
        proved = [(file, proof) for file, proof in proofs if isinstance(proof, Freed)]
        for file, proof in proved:
            self._freed.proved[self._at(file)].add(proof.sha256)
        journal.freed.note(proved, now_ns)
        engine.write_manifests(at_end=True)
        for file, proof in proved:
            if why_not_noted(journal, file, proof) is not None:
                continue
            place = f"{mapping.directory}/{file.path}"
            if removed_as_proved(self.disk, place, file):
                yield self._at(file), only_copy(file, proof, Who.RIVAL)

    def _at(self, file: FileRecord) -> At:
        return UUID(self._journal.remote.uuid(str(file.eid))), file.remote_name

    def close(self) -> None:
        """The end of its world."""
        self._journal.close()
