"""Decide, do, look again: from any state a file comes to rest, and nothing of others is lost."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.journal.observations import Observed
from aqsync.model import (
    Adopted,
    BeingWritten,
    Compare,
    Decision,
    EntryKind,
    Failed,
    FileRecord,
    Finding,
    FoundDifferent,
    FoundOurOwn,
    Hold,
    InSync,
    OnLocalDelete,
    Policy,
    Problem,
    Removed,
    RemoveRemote,
    ServerProblem,
    Signature,
    State,
    Touched,
    TransfersBlocked,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync.planner import decide
from tests.support.examples import examples
from tests.support.fake_clock import SECOND_NS
from tests.support.journal_model import JournalModel, listed_at, seconds
from tests.support.reasons import said
from tests.support.records import EMPTY, LONG_AGO, NOW, SETTLE, V1, V2

EID, PATH = "20261123-1", "a.csv"
V1_AGAIN = V1._replace(mtime_ns=99)
"""Touched: another signature with the same content."""
CONTENT = {V1: b"0123456789", V1_AGAIN: b"0123456789", V2: b"0123456789abcdefghij", EMPTY: b""}
THEIRS = (b"by others", b"by.others.")
REST = 25
"""Rounds in which every file has come to rest."""


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@dataclass
class Stored:
    """What the server holds under the file's name."""

    content: bytes
    modified_at: str
    ours: bool
    restored: bool = False
    """By the server, out of a backup: ours, and never removed."""


class World:
    """One file on a disk, a server that holds one name, and what is known of both."""

    def __init__(self, local: Signature) -> None:
        self.disk: Signature | None = local
        self.stored: Stored | None = None
        self.now_ns = NOW
        self.journal = JournalModel()
        self.journal.found(EID, "uuid")
        self.done: list[Decision] = []
        self.stores = 10
        self.sent: set[bytes] = set()
        """What was ever put there from here, or may have been."""
        self.removed_by_others = False
        self.lost = False
        self.names_times = False
        self.open = False
        """Its writer has not closed the file, which its format shows."""

    def look(self) -> None:
        """At the disk, as the scanner does."""
        known = self.journal.record_at("m", PATH)
        if self.disk is None:
            self.journal.gone("m", PATH, self.now_ns)
        elif known is None or known.local != self.disk:
            seen = Observed(PATH, EntryKind.FILE, self.disk, self.now_ns, EID, PATH)
            self.journal.observe("m", seen)

    def fetch_list(self) -> None:
        """From the server, as the mirror does."""
        files = [] if self.stored is None else [(PATH, self.stored.modified_at)]
        self.journal.listed({EID: files}, self.journal.next_sequence(), self.now_ns)

    @property
    def file(self) -> FileRecord | None:
        return self.journal.record_at("m", PATH)

    def step(self, policy: Policy) -> Decision | None:
        """Decide and do; None for a file that is forgotten."""
        file = self.file
        if file is None:
            return None
        decision = decide(file, policy, self.now_ns)
        if isinstance(decision, Upload) and self.open and not decision.unfinished:
            self.journal.record(file, BeingWritten("HDF5"), self.now_ns)
        elif isinstance(decision, Upload | Compare | RemoveRemote):
            self.done.append(decision)
            self.do(file, decision)
        return decision

    def do(self, file: FileRecord, decision: Upload | Compare | RemoveRemote) -> None:
        """As the uploader does."""
        now_ns = self.now_ns
        match decision:
            case RemoveRemote():
                assert self.disk is None
                assert self.stored is not None
                assert self.stored.ours
                self.stored = None
                self.journal.about_to_remove(file)
                self.journal.record(file, Removed(), now_ns)
            case Upload():
                assert file.local == self.disk
                assert file.local is not None
                content = CONTENT[file.local]
                known = file.synced
                if (
                    decision.replaces
                    and known is not None
                    and known.sha256 == sha256(content)
                    and known.signature != file.local
                    and file.may_replace is None
                    and file.remote.modified_at == known.modified_at
                ):
                    self.journal.record(file, Touched(file.local, sha256(content)), now_ns)
                    return
                self.may_store(file)
                self.stores += 1
                self.sent.add(content)
                self.stored = Stored(content, listed_at(self.stores), ours=True)
                at_s = seconds(self.stored.modified_at)
                done = Uploaded(
                    file.local,
                    sha256(content),
                    (at_s - 0.5, at_s + 0.5),
                    self.stored.modified_at if self.names_times else None,
                    again=decision.again,
                )
                self.journal.about_to_send(file, sha256(content), len(content))
                self.journal.record(file, done, now_ns)
            case Compare():
                self.compare(file)

    def may_store(self, file: FileRecord) -> None:
        """What others put there is only replaced where a person allowed just that version.

        Or where all of it stands at the same place in what replaces it.
        """
        if self.stored is not None and not self.stored.ours:
            assert file.local is not None
            assert file.may_replace == self.stored.modified_at or (
                CONTENT[file.local].startswith(self.stored.content) and self.stored.content
            )

    def compare(self, file: FileRecord) -> None:
        assert file.local is not None
        assert self.stored is not None
        listed = file.remote.modified_at
        assert listed == self.stored.modified_at
        ours, theirs = sha256(CONTENT[file.local]), sha256(self.stored.content)
        known = {file.synced.sha256 if file.synced else None}
        known.add(file.sent.sha256 if file.sent else None)
        found = self.stored.content
        if ours == theirs:
            self.stored.ours = True
            outcome: Adopted | FoundOurOwn | FoundDifferent = Adopted(file.local, ours, listed)
        elif theirs in known:
            self.stored.ours = True
            outcome = FoundOurOwn(len(self.stored.content), theirs, listed)
        elif found in self.sent:
            self.stored.ours = True
            outcome = FoundDifferent(listed, Finding.OLDER, len(found), theirs)
        elif found and CONTENT[file.local].startswith(found):
            outcome = FoundDifferent(listed, Finding.BEGINNING, len(found), theirs)
        else:
            outcome = FoundDifferent(listed)
        self.journal.record(file, outcome, self.now_ns)


signatures = st.sampled_from([V1, V1_AGAIN, V2, EMPTY])
PLAIN = Policy(settle_ns=SETTLE, give_up_ns=30 * SETTLE)

# What may have happened to the file before


def list_comes(world: World, _draw: st.DrawFn) -> None:
    world.fetch_list()


def file_changes(world: World, draw: st.DrawFn) -> None:
    world.disk = draw(signatures)
    world.look()


def writer_opens_or_closes_it(world: World, draw: st.DrawFn) -> None:
    """It changes nothing in it by that."""
    world.open = draw(st.booleans())


def file_goes(world: World, _draw: st.DrawFn) -> None:
    world.disk = None
    world.look()


def others_store(world: World, draw: st.DrawFn) -> None:
    world.stores += 1
    content = draw(st.sampled_from([*THEIRS, *CONTENT.values()]))
    world.stored = Stored(content, listed_at(world.stores), ours=False)


def others_remove(world: World, _draw: st.DrawFn) -> None:
    world.removed_by_others = world.removed_by_others or world.stored is not None
    world.stored = None


def removal_is_lost(world: World, _draw: st.DrawFn) -> None:
    """The server removed the file, and nobody was told."""
    world.fetch_list()
    file = world.file
    removing = replace(PLAIN, on_local_delete=OnLocalDelete.REMOVE)
    if file is not None and isinstance(decide(file, removing, world.now_ns + SETTLE), RemoveRemote):
        world.journal.about_to_remove(file)
        world.stored = None


def next_step(world: World, _draw: st.DrawFn) -> None:
    world.now_ns += 10 * SETTLE
    world.fetch_list()
    world.step(PLAIN)


def answer_is_lost(world: World, _draw: st.DrawFn) -> None:
    """The server stored the file, and nobody was told."""
    file = world.file
    if file is None or not isinstance(decide(file, PLAIN, world.now_ns + SETTLE), Upload):
        return
    world.fetch_list()
    file = world.file
    assert file is not None
    if file.local is None or not isinstance(decide(file, PLAIN, world.now_ns + SETTLE), Upload):
        return
    content = CONTENT[file.local]
    world.may_store(file)
    world.sent.add(content)
    world.stores += 1
    world.stored = Stored(content, listed_at(world.stores), ours=True)
    world.journal.about_to_send(file, sha256(content), len(content))


def server_loses_it(world: World, _draw: st.DrawFn) -> None:
    """It is restored from a backup of a time in which it had nothing."""
    world.lost = world.lost or world.stored is not None
    world.stored = None


def server_goes_back(world: World, draw: st.DrawFn) -> None:
    """It is restored from a backup: an older version is there, with whatever time."""
    if world.sent:
        world.stores += 1
        older = draw(st.sampled_from(sorted(world.sent)))
        world.stored = Stored(older, listed_at(world.stores), ours=True, restored=True)


def step_fails(world: World, draw: st.DrawFn) -> None:
    if (file := world.file) is not None:
        failed = Failed(said("it failed", "do something"), permanent=draw(st.booleans()))
        world.journal.record(file, failed, world.now_ns)


def person_insists(world: World, _draw: st.DrawFn) -> None:
    if (file := world.file) is not None:
        world.journal.retry(file)


def person_allows_replacing(world: World, _draw: st.DrawFn) -> None:
    if (file := world.file) is not None:
        world.journal.allow_replacing(file)


PAST = (
    list_comes,
    file_changes,
    writer_opens_or_closes_it,
    file_goes,
    others_store,
    others_remove,
    next_step,
    next_step,
    answer_is_lost,
    removal_is_lost,
    server_loses_it,
    server_goes_back,
    step_fails,
    person_insists,
    person_allows_replacing,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A file with a past, on both sides."""
    world = World(draw(signatures))
    world.names_times = draw(st.booleans())
    world.look()
    for happens in draw(st.lists(st.sampled_from(PAST), max_size=12)):
        world.now_ns += draw(st.sampled_from([0, SECOND_NS, 3600 * SECOND_NS]))
        happens(world, draw)
    return world


IN_THE_WAY = {
    "removal_barrier": said("too many are gone", "retry"),
    "root_problem": Problem(said("another directory", "look at it"), LONG_AGO),
    "place_problem": Problem(said("cannot be looked at", "look at it"), LONG_AGO),
    "experiment_problem": Problem(said("no such experiment", "create it"), LONG_AGO),
    "blocked": TransfersBlocked(said("paused by a person", "resume"), LONG_AGO, None),
    "server_problem": ServerProblem(
        said("no connection", "is it on?"),
        denied=False,
        since_ns=LONG_AGO,
        count=1,
        probe_at_ns=NOW,
    ),
}
SILENCING = {"place_problem", "experiment_problem", "closed", "server_problem"}


def come_to_rest(world: World, policy: Policy) -> Decision | None:
    """Look and do until a file that is left alone would stay as it is."""
    for _ in range(REST):
        world.look()
        world.fetch_list()
        decision = world.step(policy)
        if isinstance(decision, Wait):
            world.now_ns = max(world.now_ns, decision.until_ns or 0)
        elif not isinstance(decision, Upload | Compare | RemoveRemote):
            return decision
    pytest.fail(f"no rest: {world.done}, {world.file}")


@examples(600)
@given(worlds(), st.sampled_from(OnLocalDelete), st.sets(st.sampled_from(sorted(IN_THE_WAY))))
def test_every_file_comes_to_rest(
    world: World, on_local_delete: OnLocalDelete, obstacles: set[str]
) -> None:
    free = replace(PLAIN, on_local_delete=on_local_delete)
    blocked = replace(free, **{name: IN_THE_WAY[name] for name in obstacles})  # type: ignore[arg-type]  # each of its own type
    world.done.clear()
    for _ in range(3):
        world.look()
        world.fetch_list()
        reason = world.step(blocked)
        world.now_ns += SETTLE
    if obstacles & SILENCING:
        assert world.done == []
        assert reason is None or isinstance(reason, Wait | Hold | InSync)
    if "root_problem" in obstacles:
        assert not any(isinstance(d, RemoveRemote) or getattr(d, "replaces", 0) for d in world.done)

    end = come_to_rest(world, free)

    assert len(world.done) <= 4
    is_right(world, end, on_local_delete)
    before = (world.stored, world.file, list(world.done))
    world.now_ns += 3600 * SECOND_NS
    assert come_to_rest(world, free) == end
    assert world.stored == before[0]
    assert world.done == before[2]


def is_right(world: World, end: Decision | None, on_local_delete: OnLocalDelete) -> None:
    """How it ended is what a person would call right."""
    file, stored = world.file, world.stored
    if file is None or end is None:
        assert world.disk is None
        return
    failed = file.failure is not None and file.failure.permanent
    if isinstance(end, Hold):
        assert end.hint
        assert (
            failed
            or ("removed on the server" in end.message and (world.removed_by_others or world.lost))
            or (
                end.state is State.DIFFERS
                and stored is not None
                and (not stored.ours or file.resends is not None)
            )
            or ("conflict" in end.message and stored is not None and not stored.ours)
            or ("empty now" in end.message and world.disk == EMPTY and stored is not None)
        ), end
        return
    assert isinstance(end, InSync)
    if world.disk is None:
        kept = file.synced is None or on_local_delete is OnLocalDelete.KEEP
        assert kept or stored is None or not stored.ours or stored.restored
    else:
        assert stored is not None, end
        assert not stored.ours or stored.content == CONTENT[world.disk]
