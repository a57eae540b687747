"""Random transactions, crashes and reopenings: the journal knows what a plain model knows."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from aqsync.journal.observations import Observed, Retargeted
from aqsync.model import (
    Adopted,
    BeingWritten,
    ChangedMeanwhile,
    EntryKind,
    Failed,
    FileRecord,
    FoundDifferent,
    FoundOurOwn,
    Outcome,
    Problem,
    Removed,
    Signature,
    Touched,
    Uploaded,
)
from tests.support.examples import examples
from tests.support.in_memory import folder_in_memory
from tests.support.journal_model import BASE_S, JournalModel, listed_at, printed
from tests.support.notes import NOW, SHA1, SHA2
from tests.support.quick_journal import open_quickly
from tests.support.reasons import said

MAPPINGS = ("m", "n")
EIDS = ("20261123-1", "20261123-2")
UUIDS = ("27aaad1e-2dd5-4984-826a-a50b0c0d294d", "37aaad1e-2dd5-4984-826a-a50b0c0d294d")
PATHS = ("a.csv", "run/a.csv", "run/µ.csv", "d\udc80r/\udcff.csv")
NAMES = ("a", "b", "c")
OF_LISTED = (Adopted, FoundOurOwn, FoundDifferent, Removed)


class Taken(NamedTuple):
    """A file as journal and model knew it when a job began, and its experiment."""

    real: FileRecord
    model: FileRecord
    uuid: str | None


SHARED = Bundle[Taken]("taken")

signatures = st.sampled_from(
    [
        Signature(10, 1, 1, 7),
        Signature(10, 2, 2, 7),
        Signature(20, 2, 2, 8),
        Signature(0, 3, 3, 7),
        Signature(10, 1, 1, 7, log=5),
    ]
)
mappings = st.sampled_from(MAPPINGS)
paths = st.sampled_from(PATHS)
eids = st.sampled_from(EIDS)
targets = st.none() | eids
names = st.sampled_from(NAMES)
digests = st.sampled_from([SHA1, SHA2])
moments = st.integers(0, 5).map(listed_at)
soon = st.sampled_from([None, None, 0, 1000, 5000])
"""In how many nanoseconds a version must be hashed again: a few steps."""
bounds = st.none() | st.tuples(
    st.sampled_from([BASE_S, BASE_S + 1.5]), st.sampled_from([BASE_S + 2.5, BASE_S + 9.0])
)
lists = st.dictionaries(names, moments).map(lambda files: list(files.items()))
texts = st.sampled_from(["it failed", "no \udcff.csv"])


class JournalLives(RuleBasedStateMachine):
    """Every rule does the same to both; after each of them both know the same."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=folder_in_memory()))
        self.copies = 0
        self.known_as: dict[int, int] = {}
        self.now_ns = NOW
        self.model = JournalModel()
        self.path = self.folder / "journal.db"
        self.journal = open_quickly(self.path, NOW)
        self.ids = {name: self.journal.mappings.get(name).id for name in MAPPINGS}

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            shutil.rmtree(self.folder)

    def tick(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    # What the scanner does

    @rule(
        mapping=mappings,
        path=paths,
        kind=st.sampled_from([EntryKind.FILE, EntryKind.FILE, EntryKind.SYMLINK]),
        signature=signatures,
        ahead=st.sampled_from([0, 0, 10**9]),
        eid=targets,
        name=names,
        is_database=st.sampled_from([None, None, True, False]),
    )
    def see(
        self,
        mapping: str,
        path: str,
        kind: EntryKind,
        signature: Signature,
        ahead: int,
        eid: str | None,
        name: str,
        *,
        is_database: bool | None,
    ) -> None:
        name = "" if eid is None else name
        seen = Observed(path, kind, signature, self.tick() + ahead, eid, name, is_database)
        self.journal.observations.observe(self.ids[mapping], [seen])
        self.model.observe(mapping, seen)

    @rule(mapping=mappings, path=paths)
    def go(self, mapping: str, path: str) -> None:
        now_ns = self.tick()
        self.journal.observations.gone(self.ids[mapping], [path], now_ns)
        self.model.gone(mapping, path, now_ns)

    @rule(mapping=mappings, path=paths)
    def forget(self, mapping: str, path: str) -> None:
        self.journal.observations.forget(self.ids[mapping], [path])
        self.model.forget(mapping, path)

    @rule(mapping=mappings, path=paths, eid=targets, name=names)
    def lead_elsewhere(self, mapping: str, path: str, eid: str | None, name: str) -> None:
        moved = Retargeted(path, eid, "" if eid is None else name)
        self.journal.observations.retarget(self.ids[mapping], [moved])
        self.model.retarget(mapping, moved)

    @rule(mapping=mappings)
    def set_clock_back(self, mapping: str) -> None:
        now_ns = self.tick()
        self.journal.observations.clock_set_back(self.ids[mapping], now_ns)
        self.model.clock_set_back(mapping, now_ns)

    # Jobs begin with what is known then, and end when much may have changed

    @rule(target=SHARED, mapping=mappings, path=paths)
    def take(self, mapping: str, path: str) -> Taken | MultipleResults[Taken]:
        real = self.journal.observations.record_at(self.ids[mapping], path)
        model = self.model.record_at(mapping, path)
        if real is None or model is None:
            return multiple()
        return Taken(real, model, self.uuid(model))

    def uuid(self, file: FileRecord) -> str | None:
        experiment = self.model.experiments.get(file.eid or "")
        return None if experiment is None else experiment.uuid

    @rule(taken=SHARED, sha256=digests)
    def nearly_send(self, taken: Taken, sha256: bytes) -> None:
        self.journal.outcomes.about_to_send(taken.real, sha256, 10)
        self.model.about_to_send(taken.model, sha256, 10)

    @rule(taken=SHARED)
    def nearly_remove(self, taken: Taken) -> None:
        self.journal.outcomes.about_to_remove(taken.real)
        self.model.about_to_remove(taken.model)

    @rule(
        taken=SHARED,
        signature=signatures,
        sha256=digests,
        between=bounds,
        recheck=soon,
        unfinished=st.sampled_from([None, None, "ZIP"]),
    )
    def upload(
        self,
        taken: Taken,
        signature: Signature,
        sha256: bytes,
        between: tuple[float, float] | None,
        recheck: int | None,
        unfinished: str | None,
    ) -> None:
        self.end(taken, Uploaded(signature, sha256, between, unfinished=unfinished), recheck)

    @rule(
        taken=SHARED,
        outcome=st.one_of(
            st.builds(Touched, signatures, digests),
            st.builds(Adopted, signatures, digests, moments),
            st.builds(FoundOurOwn, st.just(10), digests, moments),
            st.builds(FoundDifferent, moments),
            st.builds(Failed, texts.map(said), st.booleans()),
            st.builds(Removed),
            st.builds(ChangedMeanwhile),
            st.builds(BeingWritten, st.just("HDF5")),
        ),
        recheck=soon,
    )
    def end_otherwise(self, taken: Taken, outcome: Outcome, recheck: int | None) -> None:
        file = taken.real
        if isinstance(outcome, Touched) and file.synced is None:
            return  # only what was sent once can be found to be unchanged
        if isinstance(outcome, OF_LISTED) and file.remote.modified_at is None:
            return  # only what is listed is compared or removed
        self.end(taken, outcome, recheck)

    def end(self, taken: Taken, outcome: Outcome, recheck: int | None) -> None:
        if self.uuid(taken.model) != taken.uuid:
            return  # the engine records nothing for an experiment that is another one now
        now_ns = self.tick()
        at_ns = None if recheck is None else now_ns + recheck
        self.journal.outcomes.record(taken.real, outcome, now_ns, recheck_at_ns=at_ns)
        self.model.record(taken.model, outcome, now_ns, at_ns)

    # Reading again

    @rule(taken=SHARED)
    def read_again_and_pass(self, taken: Taken) -> None:
        again_ns = self.tick() + 7000
        self.journal.rechecks.passed([taken.real], again_ns)
        self.model.passed(taken.model, again_ns)

    @rule(taken=SHARED)
    def read_again_and_find_a_change(self, taken: Taken) -> None:
        if taken.real.synced is not None:
            news = self.journal.rechecks.found_changed(taken.real, taken.real.synced, self.tick())
            assert news is self.model.found_changed(taken.model)

    @rule(mapping=mappings, path=paths)
    def hear_of_a_close(self, mapping: str, path: str) -> None:
        at_ns = self.tick() + 7000
        self.journal.rechecks.closed(self.ids[mapping], [path], at_ns)
        self.model.closed(mapping, path, at_ns)
        self.journal.outcomes.look_into_again(self.ids[mapping], [path])
        self.model.look_into_again(mapping, path)

    # What people do

    @rule(taken=SHARED, as_it_is=st.booleans())
    def insist(self, taken: Taken, *, as_it_is: bool) -> None:
        self.journal.outcomes.retry([taken.real.id], as_they_are=as_it_is)
        self.model.retry(taken.model, as_it_is=as_it_is)

    @rule(taken=SHARED)
    def allow_replacing(self, taken: Taken) -> None:
        self.journal.outcomes.allow_replacing([taken.real])
        self.model.allow_replacing(taken.model)

    @rule(mapping=mappings)
    def end_pauses(self, mapping: str) -> None:
        self.journal.outcomes.end_pauses(self.ids[mapping])
        self.model.end_pauses(mapping)

    # What the server says

    @rule(eid=eids, uuid=st.sampled_from(UUIDS))
    def find(self, eid: str, uuid: str) -> None:
        uuid = f"{uuid[:-1]}{eid[-1]}"
        self.journal.remote.found({eid: uuid})
        self.model.found(eid, uuid)

    @rule(eid=eids, message=texts)
    def lose(self, eid: str, message: str) -> None:
        problem = Problem(said(printed(message)), self.tick())
        self.journal.remote.not_found({eid: problem})
        self.model.not_found(eid, problem)

    @precondition(lambda self: any(e.uuid for e in self.model.experiments.values()))
    @rule(data=st.data(), late=st.integers(0, 2))
    def list(self, data: st.DataObject, late: int) -> None:
        """A list may have been asked for before the last things happened."""
        known = [eid for eid, e in self.model.experiments.items() if e.uuid]
        found = {eid: data.draw(lists) for eid in data.draw(st.sets(st.sampled_from(known)))}
        sequence = self.journal.remote.next_sequence()
        assert sequence == self.model.next_sequence()
        sequence = max(1, sequence - late)
        now_ns = self.tick()
        uuids = sorted(self.journal.remote.uuid(eid) for eid in found)
        digest = repr(sorted(found.items())).encode()
        if found and self.journal.remote.digest(uuids) == digest:
            self.journal.remote.unchanged(found, sequence, now_ns)
        else:
            self.journal.remote.listed(found, (uuids, digest), sequence, now_ns)
        self.model.listed(found, sequence, now_ns)

    # Ends and beginnings

    @rule()
    def close_and_open(self) -> None:
        self.journal.close()
        self.journal = open_quickly(self.path, self.tick())

    @rule()
    def be_killed(self) -> None:
        """What a kill leaves behind is what lies on the disk."""
        self.copies += 1
        after = self.folder / str(self.copies)
        after.mkdir()
        for part in self.path.parent.glob("journal.db*"):
            shutil.copy(part, after)
        self.journal.close()
        self.path = after / "journal.db"
        self.journal = open_quickly(self.path, self.tick())
        assert self.journal.broken_set_aside is None

    # What both know

    @invariant()
    def both_know_the_same_files(self) -> None:
        for mapping, identity in self.ids.items():
            for path in PATHS:
                real = self.journal.observations.record_at(identity, path)
                model = self.model.record_at(mapping, path)
                if real is not None and model is not None:
                    # A number is given once, and goes with one life of a file.
                    assert self.known_as.setdefault(real.id, model.id) == model.id
                    model = replace(model, id=real.id)
                assert real == model

    @invariant()
    def what_is_quiet_is_left_out(self) -> None:
        for mapping, identity in self.ids.items():
            for keep in (False, True):
                waiting = self.journal.observations.unquiet(identity, keep=keep)
                files = self.journal.observations.records([item.id for item in waiting])
                assert files == sorted(files, key=lambda file: (file.since_ns, file.id))
                assert {file.path for file in files} == {
                    file.path
                    for file in self.model.records(mapping)
                    if not self.is_quiet(file) and not (keep and file.local is None)
                }

    @invariant()
    def what_is_due_is_known(self) -> None:
        for mapping, identity in self.ids.items():
            [due] = [*self.journal.rechecks.due(identity, self.now_ns)] or [[]]
            plans = {
                file.id: file.synced.recheck_at_ns
                for file in self.model.records(mapping)
                if file.kind is EntryKind.FILE
                and file.synced is not None
                and file.local == file.synced.signature
                and file.synced.recheck_at_ns is not None
                and file.synced.recheck_at_ns <= self.now_ns
            }
            assert {self.known_as[real] for real in due} == plans.keys()
            planned = [plans[self.known_as[real]] for real in due]
            assert planned == sorted(planned)
            pending = self.journal.rechecks.pending(identity)
            assert pending.files == sum(
                file.kind is EntryKind.FILE
                and file.synced is not None
                and file.local == file.synced.signature
                and file.synced.recheck_at_ns is not None
                for file in self.model.records(mapping)
            )

    def is_quiet(self, file: FileRecord) -> bool:
        experiment = self.model.experiments.get(file.eid or "")
        return (
            file.kind is EntryKind.FILE
            and file.synced is not None
            and file.local == file.synced.signature
            and file.remote.modified_at is not None
            and file.remote.modified_at == file.synced.modified_at
            and file.remote.listed_sequence > file.synced.sequence
            and experiment is not None
            and experiment.problem is None
            and file.failure is None
        )

    @invariant()
    def both_know_the_same_experiments(self) -> None:
        found = self.journal.remote.experiments()
        assert {
            eid: (e.uuid, e.listed_sequence, e.listed_at_ns, e.problem) for eid, e in found.items()
        } == {
            eid: (e.uuid, e.listed_sequence, e.listed_at_ns, e.problem)
            for eid, e in self.model.experiments.items()
        }


TestJournalLives = JournalLives.TestCase
TestJournalLives.settings = examples(40, steps=40)
