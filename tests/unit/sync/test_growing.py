"""Versions of files that keep changing: when they go, what is in them, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from aqsync.config import TagRule
from aqsync.config.growing import GrowingConfig
from aqsync.errors import ServerUnreachable, TransferRefused
from aqsync.journal.comparison import SyncStatus
from aqsync.model import (
    SECOND_NS,
    Databases,
    FileRecord,
    OnLocalDelete,
    Outcome,
    Reason,
    State,
    Uploaded,
    Wait,
)
from aqsync.sync.jobs import Job
from aqsync.sync.summary import summarize
from tests.support.databases import add_rows, open_database, rows_in
from tests.support.harness import Harness
from tests.support.lab import EID, Lab

HOUR_S = 3600
SETTLE_S = 20.0
LINE_S = 10.0
"""From one line to the next, unless a test needs them closer."""


class Log:
    """A log that an instrument writes line by line, on the disk of a lab.

    Args:
        harness: The daemon that watches it.
        name: The file's.
    """

    def __init__(self, harness: Harness, name: str = "run.log") -> None:
        self.harness, self.name = harness, name
        self.place = harness.lab.root / name
        self.began_s = harness.clock.monotonic()
        self.versions: list[bytes] = []
        self.sent = 0
        perform = harness.engine.perform

        def performing(job: Job) -> Outcome:
            outcome = perform(job)
            if isinstance(outcome, Uploaded) and job.file.path == name:
                self.sent += outcome.signature.size
                self.versions.append(harness.remote[name])
            return outcome

        harness.performing = performing

    @property
    def age_s(self) -> float:
        """Seconds that it has been written for."""
        return self.harness.clock.monotonic() - self.began_s

    def write(self, line: bytes | None = None) -> None:
        """Write one line more, with the second of its writing, and have it told of."""
        line = b"%08d a line of the log\n" % self.age_s if line is None else line
        with self.place.open("ab") as file:
            file.write(line)
        self.harness.lab.set_age(self.place, 0.0)
        self.harness.hint(self.name)

    def write_for(self, seconds: float, every_s: float = LINE_S) -> None:
        end = self.age_s + seconds
        while self.age_s < end:
            self.write()
            self.harness.run(every_s)

    @property
    def record(self) -> FileRecord:
        return self.harness.lab.record(self.name)

    @property
    def staleness_s(self) -> float:
        """How much older the version on the server is than the file."""
        version = self.harness.remote.get(self.name)
        return self.age_s - (float(version.splitlines()[-1][:8]) if version else 0.0)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, settle=SETTLE_S) as lab:
        yield lab


@pytest.fixture
def log(lab: Lab) -> Log:
    return Log(Harness(lab))


@pytest.mark.parametrize(
    ("settle_s", "line_s"), [(120, 90), pytest.param(5, 1, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("budget", "share"), [(2, 1 / 2), (20, 1 / 20)])
def test_a_log_of_eight_hours(
    lab: Lab, budget: float, share: float, settle_s: float, line_s: float
) -> None:
    growing = GrowingConfig(budget=budget)
    lab.configure(settle=settle_s, growing=growing)
    log = Log(Harness(lab))
    while log.age_s < 8 * HOUR_S:
        log.write_for(line_s, line_s)
        assert log.staleness_s <= max(growing.every + settle_s, log.age_s * share) + line_s
    log.harness.run(growing.every)
    final = log.place.read_bytes()
    assert log.versions[-1] == final
    assert len(log.versions) > 5
    assert log.sent <= (budget + 1) * len(final)
    assert all(final.startswith(version) for version in log.versions)
    assert all(version.endswith(b"\n") for version in log.versions)


# What goes


def test_a_version_ends_with_a_line(log: Log) -> None:
    while not log.versions:
        log.write(b"%08d half" % log.age_s)
        log.harness.run(LINE_S)
        log.write(b" of a line\n")
        log.harness.run(LINE_S)
    [version] = log.versions
    assert version.endswith(b" of a line\n")
    assert log.place.read_bytes().startswith(version)


def test_a_line_that_is_not_whole_is_read_now_and_then(lab: Lab) -> None:
    """With it there would be enough for the budget, but it goes on and on."""
    lab.configure(settle=SETTLE_S, growing=GrowingConfig(budget=2))
    log = Log(Harness(lab))
    while len(log.versions) < 2:
        log.write_for(LINE_S)
    while log.place.stat().st_size < log.sent - 100:
        log.write_for(LINE_S)
    begun = len(log.harness.pool.begun)
    for _ in range(200):
        log.write(b"no line end ")
        log.harness.run(LINE_S)
    assert len(log.versions) == 2
    assert 0 < len(log.harness.pool.begun) - begun < 10


def test_bytes_that_are_not_written_yet_do_not_go(log: Log) -> None:
    log.write_for(599)
    whole = log.place.read_bytes()
    while not log.versions:
        log.write(b"\0" * 10)
        log.harness.run(LINE_S)
    assert whole.startswith(log.versions[0])
    log.place.write_bytes(whole)


def test_a_file_without_line_ends_waits_until_it_stands_still(log: Log) -> None:
    for _ in range(150):
        log.write(b"no line end ")
        log.harness.run(LINE_S)
    assert log.versions == []
    log.harness.run(60)
    assert log.versions == [log.place.read_bytes()]


def test_what_is_no_text_goes_as_long_as_it_is(lab: Lab) -> None:
    log = Log(Harness(lab), "run.dat")
    log.write(b"\0\1\2")
    while not log.versions:
        log.write(b"\n\0value")
        log.harness.run(LINE_S)
    assert log.place.read_bytes().startswith(log.versions[0])


def test_other_names_go_only_when_they_are_chosen(lab: Lab) -> None:
    log = Log(Harness(lab), "run.out")
    log.write_for(1500)
    assert log.versions == []
    lab.configure(settle=SETTLE_S, growing=GrowingConfig(match=("*.out",)))
    log = Log(Harness(lab), "run.out")
    log.write_for(1500)
    assert log.versions != []


# Never torn


@pytest.mark.parametrize("grows", [0, 2])
def test_of_a_file_that_is_rewritten_in_place_nothing_torn_goes(log: Log, grows: int) -> None:
    """Its records are all of one generation, or it is torn."""
    size, generations = 40, 120
    for generation in range(generations):
        records = size + generation * grows
        with log.place.open("wb" if generation == 0 else "r+b") as file:
            file.write(b"%08d\n" % generation * (records // 2))
            file.flush()
            log.harness.hint(log.name)
            log.harness.run(LINE_S)
            file.write(b"%08d\n" % generation * (records - records // 2))
        log.harness.lab.set_age(log.place, 0.0)
        log.harness.hint(log.name)
        log.harness.run(LINE_S)
    assert log.versions == []
    log.harness.run(60)
    [version] = log.versions
    assert set(version.splitlines()) == {b"%08d" % (generations - 1)}


def test_what_was_sent_and_is_rewritten_goes_when_it_stands_still(log: Log) -> None:
    log.write_for(1000)
    assert len(log.versions) == 1
    with log.place.open("r+b") as file:
        file.write(b"REWRITTEN")
    log.write_for(3000)
    assert len(log.versions) == 1
    assert log.harness.lab.decision(log.name).reason is Reason.CHANGES_IN_PLACE
    log.harness.run(60)
    assert log.versions[1:] == [log.place.read_bytes()]
    log.write_for(1000)
    assert len(log.versions) > 2, "it is trusted again"


def test_a_file_that_is_begun_anew_goes_when_it_stands_still(log: Log) -> None:
    log.write_for(1000)
    log.place.unlink()
    log.write_for(2000)
    assert len(log.versions) == 1
    log.harness.run(60)
    assert log.versions[-1] == log.place.read_bytes()


def test_a_change_of_the_bytes_that_were_read_is_found_before_anything_goes(log: Log) -> None:
    """Its size grows with each change, so only its content tells."""
    log.write_for(400)
    assert log.record.growth.begun is not None
    content = b"X" + log.place.read_bytes()[1:] + b"one line more\n"
    log.place.write_bytes(content)
    log.write_for(1000)
    assert log.versions == []


# Databases


def test_of_a_database_that_keeps_changing_whole_snapshots_go(lab: Lab, tmp_path: Path) -> None:
    log = Log(Harness(lab), "experiments.db")
    with closing(open_database(log.place, autocheckpoint=20)) as writer:
        for _ in range(250):
            last = add_rows(writer, 3, size=200)
            log.harness.hint("experiments.db-wal")
            log.harness.run(LINE_S)
            assert log.record.is_database
        rows = [rows_in(version, tmp_path) for version in log.versions]
        assert 2 <= len(rows) <= 4
        assert rows == sorted(rows)
        assert lab.decision(log.name).state is State.PROVISIONAL
        assert log.record.growth.spent_bytes <= 2 * len(log.versions[-1])
        log.harness.run(60)
        assert rows_in(log.versions[-1], tmp_path) == last
        assert lab.decision(log.name).state is State.IN_SYNC
    assert set(log.harness.remote) == {"experiments.db"}


def test_of_a_database_whose_log_alone_grows_snapshots_go(lab: Lab, tmp_path: Path) -> None:
    log = Log(Harness(lab), "experiments.db")
    with closing(open_database(log.place, autocheckpoint=0)) as writer:
        size = log.place.stat().st_size
        for _ in range(140):
            add_rows(writer, 5, size=200)
            log.harness.hint("experiments.db-wal")
            log.harness.run(SETTLE_S - 5)
        assert log.place.stat().st_size == size < log.record.log_bytes
        rows = [rows_in(version, tmp_path) for version in log.versions]
        assert 2 <= len(rows) <= 4
        assert rows == sorted(set(rows))
        assert log.record.growth.spent_bytes <= 2 * len(log.versions[-1])


def test_a_snapshot_too_small_for_the_budget_is_not_sent(lab: Lab) -> None:
    log = Log(Harness(lab), "experiments.db")
    with closing(open_database(log.place, autocheckpoint=0)) as writer:
        for _ in range(130):  # the same page again and again: the log grows, a snapshot does not
            writer.execute("INSERT OR REPLACE INTO row VALUES (1, randomblob(200))")
            log.harness.hint("experiments.db-wal")
            log.harness.run(SETTLE_S - 5)
        assert len(log.versions) == 2
        assert log.record.growth.tried_at_ns is not None


def test_databases_that_go_as_files_wait_until_they_stand_still(lab: Lab) -> None:
    lab.configure(settle=SETTLE_S, databases=Databases.FILE)
    log = Log(Harness(lab), "experiments.db")
    with closing(open_database(log.place)) as writer:
        for _ in range(150):
            add_rows(writer)
            log.harness.hint("experiments.db", "experiments.db-wal")
            log.harness.run(LINE_S)
            assert log.record.synced is None or not log.record.synced.provisional


# Formats that are whole or nothing


@pytest.fixture
def arrays(lab: Lab) -> Log:
    """Arrays that are written anew with each point, in a format that says when it is finished."""
    lab.configure(settle=SETTLE_S, growing=GrowingConfig(match=("*.npz",)))
    return Log(Harness(lab), "run.npz")


def archive(points: int) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as members:
        for number in range(points):
            members.writestr(ZipInfo(f"{number}.npy"), b"%d" % number * 20)
    return file.getvalue()


def test_of_a_file_that_is_finished_again_and_again_whole_versions_go(arrays: Log) -> None:
    for points in range(250):
        arrays.place.write_bytes(archive(points))
        arrays.write(b"")
        arrays.harness.run(LINE_S)
    assert 2 <= len(arrays.versions) <= 4
    for version in arrays.versions:
        assert ZipFile(BytesIO(version)).testzip() is None
    assert arrays.harness.lab.decision("run.npz").state is State.PROVISIONAL
    arrays.harness.run(60)
    assert arrays.versions[-1] == archive(249)


def test_of_a_file_that_is_never_finished_nothing_goes(arrays: Log) -> None:
    content = archive(1000)
    for second in range(150):
        arrays.place.write_bytes(content[: 100 * second + 100])
        arrays.write(b"")
        arrays.harness.run(LINE_S)
    assert arrays.versions == []
    assert arrays.record.is_whole_or_nothing


# What it means for everything else


def test_it_is_never_in_sync_and_says_when_the_next_goes(log: Log) -> None:
    log.write_for(700)
    lab = log.harness.lab
    step = lab.decision(log.name)
    assert isinstance(step, Wait)
    assert (step.state, step.reason) == (State.PROVISIONAL, Reason.GROWS)
    assert step.goes_ns is not None
    assert 480 * SECOND_NS < step.goes_ns - lab.clock.now_ns() < 520 * SECOND_NS
    summary = summarize(lab.journal, lab.mapping, lab.clock.now_ns())
    assert summary.files == {State.IN_SYNC: 0, State.PROVISIONAL: 1}
    assert not summary.complete
    [problem] = summary.problems
    assert problem.age_seconds is not None
    assert 80 <= problem.age_seconds <= 120
    assert [event.text for event in lab.journal.history.recent(9)] == ["provisional"]
    [here] = lab.journal.comparisons.local(lab.mapping_id, SyncStatus.DIFFERS)
    assert here.status is SyncStatus.PROVISIONAL


def test_when_it_stands_still_the_same_bytes_do_not_go_twice(log: Log) -> None:
    log.write_for(600)
    while not log.versions:
        log.write()
        log.harness.run(0.0)
        log.harness.run(1.0 if not log.versions else 0.0)
    log.harness.run(60)
    assert log.versions == [log.place.read_bytes()]
    assert log.harness.lab.decision(log.name).state is State.IN_SYNC


def test_only_the_whole_file_earns_its_tags(lab: Lab) -> None:
    lab.configure(settle=SETTLE_S, tags=(TagRule(match="*.log", add=("whole",)),))
    log = Log(Harness(lab))
    log.write_for(1000)
    assert log.versions
    assert lab.server.of(EID).tags == []
    lab.configure(settle=SETTLE_S, tags=(TagRule(match="*.log", add=("whole", "other")),))
    assert lab.engine.tag() == 0
    log = Log(Harness(lab))
    log.harness.run(60)
    assert sorted(lab.server.of(EID).tags) == ["other", "whole"]


def test_a_version_that_turns_out_to_be_whole_earns_its_tags(lab: Lab) -> None:
    lab.configure(settle=SETTLE_S, tags=(TagRule(match="*.log", add=("whole",)),))
    log = Log(Harness(lab))
    log.write_for(599)
    while not log.versions:
        log.write()
        log.harness.run(1)
    log.harness.run(60)
    assert log.versions == [log.place.read_bytes()]
    assert lab.server.of(EID).tags == ["whole"]


def test_a_restart_forgets_nothing(log: Log) -> None:
    log.write_for(700)
    lab = log.harness.lab
    [version] = log.versions
    before = lab.record(log.name)
    lab.reopen()
    assert lab.record(log.name) == before
    assert before.growth.spent_bytes == len(version)
    again = Log(Harness(lab))
    again.began_s = log.began_s
    again.write_for(400)
    assert again.versions == []
    again.write_for(200)
    assert len(again.versions) == 1
    assert again.record.growth.spent_bytes == len(version) + len(again.versions[0])


def test_a_foreign_version_in_between_stays(log: Log) -> None:
    log.write_for(700)
    lab = log.harness.lab
    lab.server.put(EID, log.name, b"theirs")
    log.write_for(2000)
    log.harness.run(60)
    assert lab.remote[log.name] == b"theirs"
    assert lab.decision(log.name).state is State.HELD


def test_what_a_person_removed_on_the_server_stays_removed(log: Log) -> None:
    log.write_for(700)
    lab = log.harness.lab
    del lab.server.of(EID).files[log.name]
    log.write_for(2000)
    assert log.name not in lab.remote


def test_nothing_goes_in_a_pause(log: Log) -> None:
    lab = log.harness.lab
    lab.journal.pauses.pause("lab", lab.clock.now_ns(), None)
    log.write_for(1500)
    assert log.versions == []


def test_a_server_that_was_away_gets_the_next_version_when_it_is_back(log: Log) -> None:
    lab = log.harness.lab
    log.write_for(500)
    for method in ("upload", "list_files", "resolve", "check_file_name_header"):
        lab.server.always[method] = ServerUnreachable("away")
    log.write_for(1000)
    lab.server.always.clear()
    log.write_for(1000)
    assert log.versions
    assert log.staleness_s < 700


@pytest.mark.parametrize("named", [False, True])
def test_an_upload_whose_answer_is_lost_is_recognised_while_the_file_grows(
    log: Log, *, named: bool
) -> None:
    lab = log.harness.lab
    lab.server.checks_conditions = named
    log.write_for(500)

    def lose() -> None:
        del lab.server.after["upload"]
        raise ServerUnreachable("the answer is lost")

    lab.server.after["upload"] = lose
    log.write_for(300)
    assert log.versions == []
    sent = lab.remote[log.name]
    log.write_for(3000)
    assert log.staleness_s < 2400
    assert log.versions[0].startswith(sent)
    spent = log.record.growth.spent_bytes
    assert spent == len(sent) + sum(map(len, log.versions))


def test_a_foreign_version_is_not_fetched_again_and_again(log: Log) -> None:
    lab = log.harness.lab
    log.write_for(500)
    lab.server.after["upload"] = lambda: lab.server.put(EID, log.name, b"theirs")
    log.write_for(3000)
    assert lab.remote == {log.name: b"theirs"}
    assert len(lab.server.called("download")) <= 3000 // 300


@pytest.mark.parametrize("days", [300, -300])
def test_a_clock_that_is_corrected_holds_nothing_up(log: Log, days: float) -> None:
    for corrected in (1, -1):
        log.write_for(500)
        log.harness.lab.clock.set_back(corrected * days * 24 * HOUR_S)
        before = len(log.versions)
        log.write_for(3000)
        assert len(log.versions) > before


def test_a_push_sends_only_what_has_settled(log: Log) -> None:
    log.write_for(500)
    log.harness.push(wait_for_settling=False)
    assert log.harness.remote == {}
    log.write_for(400)
    assert log.versions


def test_a_push_sends_a_large_file_that_would_have_to_wait(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.sync.growing_rules.LARGE", 10)
    harness = Harness(lab)
    for number in range(3):
        harness.write("run.bin", b"%d" % number * 20)
        harness.run(60)
    assert harness.remote == {"run.bin": b"0" * 20}
    step = lab.decision("run.bin")
    assert step.reason is Reason.LARGE_AGAIN
    harness.push()
    assert harness.remote == {"run.bin": b"2" * 20}
    harness.write("run.bin", b"3" * 20)
    harness.run(60)
    assert harness.remote == {"run.bin": b"2" * 20}
    harness.run(600)
    assert harness.remote == {"run.bin": b"3" * 20}
    assert lab.record("run.bin").growth.spent_bytes == 0


def test_the_version_of_a_file_that_is_deleted_here_is_kept(log: Log) -> None:
    log.harness.write("other")
    log.write_for(700)
    log.place.unlink()
    log.harness.hint(log.name)
    log.harness.run(60)
    assert log.versions == [log.harness.remote[log.name]]
    assert log.harness.lab.decision(log.name).reason is Reason.DELETED_PROVISIONAL


def test_a_renamed_file_is_there_whole_before_its_version_goes(lab: Lab) -> None:
    lab.configure(settle=SETTLE_S, on_local_delete=OnLocalDelete.REMOVE, remove_share=1)
    log = Log(Harness(lab))
    log.write_for(700)
    log.place.rename(lab.root / "run.log.1")
    log.harness.hint("run.log", "run.log.1")
    for _ in range(20):
        log.harness.run(LINE_S)
        assert log.harness.remote
    assert log.harness.remote == {"run.log.1": (lab.root / "run.log.1").read_bytes()}


def test_what_the_server_does_not_take_is_tried_now_and_then(log: Log) -> None:
    lab = log.harness.lab
    lab.server.always["upload"] = TransferRefused("refused", status=500)
    log.write_for(2500)
    assert 2 <= len(lab.server.called("upload")) <= 2500 // 300
