"""From ready files to outcomes: what begins, what waits, and what is never lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aqsync.config import Mapping, Windows
from aqsync.config.windows import parse_window
from aqsync.errors import (
    Interrupted,
    JournalDiskFull,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from aqsync.journal.observations import Waiting
from aqsync.local.errands import Hang
from aqsync.model import ChangedMeanwhile, FileRecord, InSync, Outcome, Policy, State
from aqsync.sync.delivery import BATCH, IDLE_S, MOST_IN_BACKGROUND, POLICY_S
from aqsync.sync.jobs import Job
from aqsync.sync.lanes import LARGE, WORKERS
from aqsync.sync.policies import policies
from tests.support.crew import Crew, logged, looks_of
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import EID, Lab

AWAY = ServerUnreachable("no connection", hint="is it on?")
FULL = JournalDiskFull("the disk is full", hint="free some")
HOUR_S = 3600.0


@pytest.fixture
def crew(lab: Lab) -> Crew:
    return Crew(lab)


def uploaded(crew: Crew) -> int:
    return crew.tally.counts["uploaded"]


# What begins


def test_a_settled_file_is_sent_and_confirmed(crew: Crew) -> None:
    crew.write("a", age_s=60)
    crew.run(30)
    assert crew.remote == {"a": b"data"}
    assert crew.lab.decision("a").state is State.IN_SYNC
    assert crew.lab.journal.observations.unquiet(crew.lab.mapping_id) == []
    crew.run(HOUR_S)
    assert uploaded(crew) == 1
    assert crew.failures == []


def test_an_experiment_that_is_gone_is_not_asked_for_again_at_once(crew: Crew) -> None:
    crew.run(10)
    crew.lab.server.remove(EID)
    crew.write("a", age_s=60)
    crew.write("b", age_s=60)
    crew.now()
    assert len(crew.lab.server.called("upload")) <= 2
    assert crew.lab.decision("a").state is State.HELD


def test_a_young_file_is_sent_when_it_has_settled(crew: Crew) -> None:
    crew.run(1)
    crew.write("a")
    crew.run(4.5)
    assert crew.remote == {}
    crew.run(1)
    assert crew.remote == {"a": b"data"}


def test_no_more_begins_than_there_is_room_for(crew: Crew) -> None:
    crew.working = False
    for number in range(50):
        crew.lab.write(f"{number:02}", age_s=1000 - number)
    crew.run(1)
    assert crew.lanes.begun == [f"{number:02}" for number in range(2 * WORKERS)]
    assert len(crew.delivery.under_way()) == 2 * WORKERS
    assert [item.file.path for item in crew.delivery.under_way()] == crew.lanes.begun
    crew.lanes.run()
    crew.now()
    assert len(crew.lanes.begun) == 2 * WORKERS + 1


def test_large_files_leave_room_for_small_ones(crew: Crew) -> None:
    crew.working = False
    for number in range(5):
        large = crew.lab.write(f"large-{number}")
        with large.open("r+b") as file:
            file.truncate(LARGE)
        crew.lab.set_age(large, HOUR_S)
    crew.run(1)
    assert len(crew.lanes.begun) == WORKERS - 1
    crew.write("small", age_s=60)
    crew.run(1)
    assert crew.lanes.begun[-1] == "small"


def test_mappings_take_turns(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    crew = Crew(lab, Mapping(name="other", directory=other, experiment="20261123-2"))
    crew.working = False
    for number in range(20):
        lab.write(f"m{number}")
    for number in range(4):
        (other / f"o{number}").write_text("x")
        lab.set_age(other / f"o{number}", HOUR_S)
    crew.run(1)
    assert sorted(path[0] for path in crew.lanes.begun) == ["m"] * 4 + ["o"] * 4


def test_what_was_forgotten_meanwhile_keeps_nobody_waiting(crew: Crew) -> None:
    crew.run(1)
    crew.lab.journal.pauses.pause("", crew.clock.now_ns(), None)
    for number in range(3 * BATCH):
        crew.lab.write(f"{number}", age_s=60)
    crew.engine.scan(crew.lab.mapping)
    mapping_id = crew.lab.mapping_id
    crew.ready.add("lab", crew.lab.journal.observations.unquiet(mapping_id))
    for number in range(3 * BATCH):
        (crew.lab.root / str(number)).unlink()
    crew.lab.write("z", age_s=60)
    crew.engine.scan(crew.lab.mapping)
    crew.ready.add("lab", crew.lab.journal.observations.unquiet(mapping_id))
    crew.lab.journal.pauses.resume("")
    crew.wake()
    crew.now()
    assert crew.lanes.begun == ["z"]


def test_what_was_loaded_before_the_last_list_is_read_again(crew: Crew) -> None:
    """Others may have put a file of this name there: it must not be overwritten."""
    crew.working = False
    for number in range(20):
        crew.lab.write(f"{number:02}", age_s=1000 - number)
    crew.now()
    assert "19" not in crew.lanes.begun
    crew.lab.server.put(EID, "19", b"theirs")
    assert crew.engine.refresh([EID])
    crew.working = True
    crew.run(60)
    assert len(crew.remote) == 20
    assert crew.remote["19"] == b"theirs"
    assert crew.lab.decision("19").state is State.HELD


# What has ended


def test_a_file_that_changes_under_the_read_is_looked_at_again(crew: Crew) -> None:
    crew.lab.write("a", b"first")
    begun: list[Job] = []

    def perform(job: Job) -> Outcome:
        if not begun:
            crew.lab.write("a", b"second")
        begun.append(job)
        return crew.engine.perform(job)

    crew.performing = perform
    crew.run(30)
    assert crew.remote == {"a": b"second"}
    assert uploaded(crew) == 1


def test_a_file_that_is_never_as_it_was_seen_is_tried_less_and_less(crew: Crew) -> None:
    """Its disk may have gone without the scanner being sure of it."""

    def perform(job: Job) -> Outcome:
        crew.engine.claims.release(job.file.id)
        return ChangedMeanwhile()

    crew.performing = perform
    crew.lab.write("a", age_s=60)
    with looks_of(crew.engine) as looks:
        crew.run(HOUR_S)
    assert 30 < len(crew.lanes.begun) < 100
    assert len(looks) < 200
    crew.performing = crew.engine.perform
    crew.run(90)
    assert crew.remote == {"a": b"data"}


def test_a_file_that_fails_backs_off_alone(crew: Crew) -> None:
    crew.lab.write("bad", age_s=60)
    crew.lab.write("good", age_s=60)
    attempts: list[float] = []

    def perform(job: Job) -> Outcome:
        if job.file.path == "bad":
            attempts.append(crew.clock.monotonic())
            crew.lab.server.troubles["upload"].append(ServerFailed("500", hint="later"))
        return crew.engine.perform(job)

    crew.performing = perform
    with logged() as log:
        crew.run(HOUR_S)
    assert crew.remote == {"good": b"data"}
    pauses = [b - a for a, b in pairwise(attempts)]
    assert pauses[:5] == sorted(pauses[:5])
    assert pauses[0] < 2
    assert max(pauses) < 1100
    assert 10 < len(attempts) < 16
    assert len(log.of("failed")) == 1
    crew.performing = crew.engine.perform
    crew.run(1100)
    assert crew.remote == {"good": b"data", "bad": b"data"}


def test_a_change_ends_the_pause_after_a_failure(crew: Crew) -> None:
    crew.lab.write("a", age_s=60)
    refused = TransferRefused("too large", hint="", status=413)
    crew.lab.server.troubles["upload"].append(refused)
    crew.run(60)
    assert crew.lab.decision("a").state is State.HELD
    crew.write("a", b"sma", age_s=10)
    crew.run(1)
    assert crew.remote == {"a": b"sma"}


def test_a_mistake_in_a_job_is_one_files_trouble(crew: Crew) -> None:
    crew.lab.write("bad", age_s=60)
    crew.lab.write("good", age_s=60)

    def perform(job: Job) -> Outcome:
        if job.file.path == "bad":
            crew.engine.claims.release(job.file.id)
            raise ZeroDivisionError("oops")
        return crew.engine.perform(job)

    crew.performing = perform
    with logged() as log:
        crew.run(HOUR_S)
    assert crew.remote == {"good": b"data"}
    assert 5 < crew.lanes.begun.count("bad") < 20
    assert len(log.of("an internal error")) == 1
    assert crew.lab.decision("bad").state is State.FAILED
    assert "internal error: ZeroDivisionError('oops')" in str(crew.lab.record("bad").failure)
    assert crew.failures == []


def test_a_mistake_in_deciding_is_one_files_trouble(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.lab.write("bad", age_s=60)
    crew.lab.write("good", age_s=60)
    asked = 0
    decide = crew.engine.decide

    def deciding(file: FileRecord, policy_of: Callable[[FileRecord], Policy]) -> object:
        nonlocal asked
        if file.path == "bad":
            asked += 1
            raise ZeroDivisionError
        return decide(file, policy_of)

    monkeypatch.setattr(crew.engine, "decide", deciding)
    with logged() as log:
        crew.run(HOUR_S)
    assert crew.remote == {"good": b"data"}
    assert 5 < asked < 30
    assert len(log.of("an internal error")) == 1
    assert crew.failures == []


def test_what_was_broken_off_is_nobodys_trouble(crew: Crew) -> None:
    crew.working = False
    crew.lab.write("a", age_s=60)
    crew.run(1)
    crew.lanes.end(Interrupted("interrupted"))
    crew.now()
    assert crew.delivery.under_way() == []
    assert crew.lab.record("a").failure is None


# The server's state


def test_a_server_that_is_away_is_one_line_and_one_probe(crew: Crew) -> None:
    crew.run(1)
    for method in ("upload", "list_files", "resolve", "check_file_name_header"):
        crew.lab.server.always[method] = AWAY
    for number in range(50):
        crew.lab.write(f"{number}", age_s=60)
    crew.hint(lost="many")
    with logged() as log:
        crew.run(HOUR_S)
        assert len(log.lines) == 1
        assert "the server cannot be used" in log.lines[0]
        assert len(crew.lanes.begun) <= 2 * WORKERS
        assert len(crew.lab.server.called("check_file_name_header")) < 20
        [untried, *_] = {f"{number}" for number in range(50)} - set(crew.lanes.begun)
        assert crew.lab.decision(untried).state is State.WAITING
        assert crew.lab.record(untried).failure is None
        crew.lab.server.always.clear()
        crew.run(1200)
        assert len(log.of("recovered")) == 1
    assert len(crew.remote) == 50
    assert crew.lab.decision(untried).state is State.IN_SYNC


def test_while_the_server_is_away_a_growing_file_costs_little(crew: Crew) -> None:
    crew.run(1)
    crew.lab.server.always["check_file_name_header"] = AWAY
    crew.lab.server.always["list_files"] = AWAY
    crew.write("a", age_s=60)
    crew.run(5)
    with looks_of(crew.engine) as looks:
        for number in range(200):
            crew.write("a", b"x" * number)
            crew.run(0.2)
    assert len(looks) < 15


def test_a_refused_token_stops_uploads_until_a_probe_succeeds(crew: Crew) -> None:
    crew.run(1)
    refused = TokenRefused("401", hint="renew it")
    crew.lab.server.always["upload"] = crew.lab.server.always["check_file_name_header"] = refused
    for number in range(50):
        crew.lab.write(f"{number}", age_s=60)
    crew.hint(lost="many")
    with logged() as log:
        crew.run(HOUR_S)
    assert len(log.lines) == 1
    assert len(crew.lab.server.called("upload")) <= 2 * WORKERS
    assert crew.lab.record("0").failure is None
    crew.lab.server.always.clear()
    crew.run(1200)
    assert len(crew.remote) == 50


# Pauses and windows


def test_what_is_paused_waits_and_then_goes(crew: Crew) -> None:
    crew.run(1)
    crew.lab.journal.pauses.pause("lab", crew.clock.now_ns(), None)
    crew.wake()
    crew.write("a", age_s=60)
    with looks_of(crew.engine) as looks:
        crew.run(HOUR_S)
    assert looks == [], "the disk is left alone too"
    assert crew.remote == {}
    crew.lab.journal.pauses.resume("lab")
    crew.wake()
    crew.run(1)
    assert crew.remote == {"a": b"data"}


def test_a_pause_ends_by_itself(crew: Crew) -> None:
    now_ns = crew.clock.now_ns()
    crew.lab.journal.pauses.pause("", now_ns, now_ns + 600 * SECOND_NS)
    crew.lab.write("a", age_s=60)
    crew.run(590)
    assert crew.remote == {}
    assert crew.lab.server.calls == []
    crew.run(80)
    assert crew.remote == {"a": b"data"}


def test_a_pause_survives_a_restart(crew: Crew) -> None:
    crew.lab.journal.pauses.pause("lab", crew.clock.now_ns(), None)
    crew.lab.write("a", age_s=60)
    crew.lab.reopen()
    again = Crew(crew.lab)
    again.run(HOUR_S)
    assert again.remote == {}


def test_a_pause_holds_for_files_that_were_ready_before(crew: Crew) -> None:
    crew.working = False
    for number in range(50):
        crew.lab.write(f"{number:02}")
    crew.now()
    begun = len(crew.lanes.begun)
    crew.lab.journal.pauses.pause("lab", crew.clock.now_ns(), None)
    crew.wake()
    crew.working = True
    crew.run(600)
    assert len(crew.lanes.begun) == begun
    crew.lab.journal.pauses.resume("lab")
    crew.wake()
    crew.run(60)
    assert len(crew.remote) == 50


def test_a_pause_that_begins_while_files_are_decided_on(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.run(10)
    crew.lab.write("a", age_s=60)

    def pausing(*arguments: Any) -> object:
        crew.lab.journal.pauses.pause("lab", crew.clock.now_ns(), None)
        return policies(*arguments)

    monkeypatch.setattr("aqsync.sync.delivery.policies", pausing)
    crew.hint("a")
    crew.run(100)
    assert crew.lanes.begun == []
    monkeypatch.undo()
    crew.lab.journal.pauses.resume("lab")
    crew.wake()
    crew.run(1)
    assert crew.remote == {"a": b"data"}


def window_in(crew: Crew, hours: int) -> Windows:
    opens = datetime.fromtimestamp(crew.clock.now_ns() / 1e9).astimezone()
    opens += timedelta(hours=hours)
    return Windows([parse_window(f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")])


def test_outside_the_windows_files_wait_and_are_looked_at(lab: Lab) -> None:
    crew = Crew(lab, windows=window_in(Crew(lab), 2))
    lab.write("a", age_s=60)
    crew.run(1.9 * HOUR_S)
    assert crew.remote == {}
    assert lab.decision("a").state is State.PENDING, "without windows it would go"
    with looks_of(crew.engine) as looks:
        for number in range(60):
            crew.write("b", b"x" * number)
            crew.run(1)
    assert len(looks) < 20, "what is written for hours costs one look a settle time"
    crew.run(0.2 * HOUR_S)
    assert set(crew.remote) == {"a", "b"}
    crew.run(1.0 * HOUR_S)
    crew.write("c", age_s=60)
    crew.run(20 * HOUR_S)
    assert set(crew.remote) == {"a", "b"}, "it has closed"


def test_while_retiring_nothing_begins_and_nothing_spins(lab: Lab) -> None:
    crew = Crew(lab, windows=window_in(Crew(lab), 2))
    lab.write("a", age_s=60)
    crew.run(1.9 * HOUR_S)
    crew.delivery.retiring = True
    assert crew.steps_in(0.5 * HOUR_S, "delivery") < HOUR_S / IDLE_S
    assert crew.lanes.begun == []


def test_who_retires_while_files_are_decided_on_begins_none(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.lab.write("a", age_s=60)
    crew.lab.write("b", age_s=60)
    decide = crew.engine.decide

    def deciding(file: FileRecord, policy_of: Callable[[FileRecord], Policy]) -> object:
        crew.delivery.retiring = True
        return decide(file, policy_of)

    monkeypatch.setattr(crew.engine, "decide", deciding)
    crew.working = False
    crew.now()
    assert len(crew.lanes.begun) <= 1
    assert not crew.delivery.at_rest
    while crew.lanes.waiting:
        crew.lanes.run()
    crew.run(IDLE_S)
    assert crew.delivery.at_rest


def test_rest_comes_only_with_a_step_that_knows_of_it(crew: Crew) -> None:
    """Else a step under way might begin what nobody waits for."""
    crew.run(10)
    assert not crew.delivery.at_rest
    crew.delivery.retiring = True
    assert not crew.delivery.at_rest
    crew.wake()
    crew.now()
    assert crew.delivery.at_rest


def test_policies_do_not_grow_old(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be loaded long before a slow line has room for them."""
    crew.working = False
    for number in range(20):
        crew.lab.write(f"{number:02}", age_s=60)
    crew.run(1)
    worked_out: list[bool] = []

    def seen(*arguments: Any) -> object:
        worked_out.append(True)
        return policies(*arguments)

    monkeypatch.setattr("aqsync.sync.delivery.policies", seen)
    crew.run(POLICY_S + 0.1)
    crew.lanes.run()
    crew.now()
    assert worked_out


def test_a_disk_that_hangs_costs_the_others_no_policies(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working them out takes a look at all files, where copies of deleted ones are removed."""
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    crew = Crew(lab, Mapping(name="other", directory=other, experiment="20261123-2"))
    for path in ("x", "y"):
        crew.engine._errands.job(lab.root, path).abandon(Hang(path, lab.clock.now_ns()))
    crew.working = False
    for number in range(20):
        (other / f"{number:02}").write_text("x")
        lab.set_age(other / f"{number:02}", HOUR_S)
    crew.run(1)
    worked_out: list[bool] = []

    def seen(*arguments: Any) -> object:
        worked_out.append(True)
        return policies(*arguments)

    monkeypatch.setattr("aqsync.sync.delivery.policies", seen)
    for _ in range(12):
        crew.lanes.run()
        crew.now()
    assert len(crew.lanes.begun) == 20
    assert len(worked_out) <= len(crew.engine.mappings)


# The journal and others


def test_a_server_that_goes_while_the_journal_is_full_comes_back(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of the server in memory and in the journal must never part."""

    def failing(*_: object) -> None:
        raise FULL

    crew.run(10)
    for method in ("upload", "list_files", "check_file_name_header"):
        crew.lab.server.always[method] = AWAY
    monkeypatch.setattr(crew.lab.journal.remote, "set_server_problem", failing)
    crew.write("a", age_s=60)
    crew.run(60)
    assert FULL in crew.failures
    crew.lab.server.always.clear()
    crew.run(60)
    monkeypatch.undo()
    crew.run(60)
    assert crew.remote == {"a": b"data"}


def test_nothing_is_lost_while_the_journal_cannot_be_written(crew: Crew) -> None:
    for number in range(20):
        crew.lab.write(f"{number}", age_s=60)

    def perform(job: Job) -> Outcome:
        crew.engine.claims.release(job.file.id)
        raise FULL

    crew.performing = perform
    crew.run(60)
    assert crew.remote == {}
    assert FULL in crew.failures
    assert len(crew.lanes.begun) < 100
    crew.failures.clear()
    crew.performing = crew.engine.perform
    crew.run(90)
    assert len(crew.remote) == 20


def test_nothing_is_lost_while_the_journal_cannot_be_read(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.lab.write("a", age_s=60)

    def failing(*_: object) -> None:
        raise FULL

    for name in ("records", "record_at"):
        monkeypatch.setattr(crew.lab.journal.observations, name, failing)
    crew.run(30)
    assert FULL in crew.failures
    monkeypatch.undo()
    crew.run(30)
    assert crew.remote == {"a": b"data"}


def test_a_mistake_that_cannot_be_recorded_loses_nothing(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.lab.write("a", age_s=60)

    def perform(job: Job) -> Outcome:
        crew.engine.claims.release(job.file.id)
        raise ZeroDivisionError

    def failing(*_: object) -> None:
        raise FULL

    crew.performing = perform
    monkeypatch.setattr(crew.lab.journal.outcomes, "record", failing)
    crew.run(10)
    assert FULL in crew.failures
    monkeypatch.undo()
    crew.performing = crew.engine.perform
    crew.run(30)
    assert crew.remote == {"a": b"data"}


def test_a_real_disk_full_is_survived(crew: Crew) -> None:
    database = crew.lab.journal._database
    with database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(300):
        crew.lab.write(f"a-long-enough-name-to-fill-a-page-or-two-{number}", age_s=60)
    with logged() as log:
        crew.run(600)
    assert len(log.of("a step failed")) <= 3, "one for each loop that writes"
    assert any(isinstance(failure, JournalDiskFull) for failure in crew.failures)
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    crew.run(60)
    crew.failures.clear()
    crew.run(120)
    assert len(crew.remote) == 300
    assert crew.failures == []
    assert crew.lab.journal.observations.unquiet(crew.lab.mapping_id) == []


def test_a_file_that_another_driver_has_is_waited_for(crew: Crew) -> None:
    crew.lab.write("a", age_s=60)
    crew.run(0)
    assert uploaded(crew) == 1
    file_id = crew.lab.record("a").id
    crew.write("a", b"changed", age_s=10)
    assert crew.engine.claims.take(file_id)
    assert crew.steps_in(10, "delivery") < 100
    assert crew.lanes.begun == ["a"]
    crew.engine.claims.release(file_id)
    crew.run(1)
    assert crew.remote == {"a": b"changed"}


def test_a_claim_does_not_outlive_a_failure_to_begin(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.lab.write("a", age_s=60)
    again = crew.engine.again

    def failing(_file: FileRecord) -> FileRecord:
        monkeypatch.setattr(crew.engine, "again", again)
        raise FULL

    with crew.engine.claims.driver(), crew.engine.claims.driver():
        crew.engine.scan(crew.lab.mapping)
        crew.engine.refresh([EID])
        monkeypatch.setattr(crew.engine, "again", failing)
        crew.run(30)
    assert crew.failures == [FULL]
    assert crew.remote == {"a": b"data"}


# Files that are gone


def test_a_deletion_that_trickles_in_is_stopped_at_the_share(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.5)
    crew = Crew(lab)
    for number in range(20):
        lab.write(f"{number:02}", age_s=60)
    crew.run(60)
    for number in range(15):
        (lab.root / f"{number:02}").unlink()
        crew.hint(f"{number:02}")
        crew.run(180)
    assert len(crew.remote) == 10
    assert crew.lab.decision("10").message.startswith("15 of 20 files are gone at once")


def test_files_that_come_and_go_all_day_are_removed(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.5)
    crew = Crew(lab)
    for number in range(10):
        lab.write(f"{number:02}", age_s=60)
    crew.run(60)
    for number in range(10, 40):
        crew.write(f"{number:02}", age_s=60)
        (lab.root / f"{number - 10:02}").unlink()
        crew.hint(f"{number - 10:02}")
        crew.run(1800)
    assert len(crew.remote) == 10


# Clocks


@pytest.mark.parametrize("hours", [-48, -3, 3, 48])
def test_a_clock_that_jumps_delays_by_a_settle_time_at_most(crew: Crew, hours: int) -> None:
    crew.lab.write("old", age_s=60)
    crew.lab.server.troubles["upload"].append(ServerFailed("500", hint=""))
    crew.run(0.1)
    crew.write("young")
    crew.now()
    crew.clock.set_back(-hours * HOUR_S)
    crew.run(30)
    assert set(crew.remote) == {"old", "young"}


# What is told


def test_what_is_held_is_told_once(crew: Crew) -> None:
    crew.lab.server.put(EID, "a", b"theirs")
    crew.lab.write("a", b"ours", age_s=60)
    with logged() as log:
        crew.run(3 * HOUR_S)
    assert len(log.of("held")) == 1
    assert "hint=compare the two" in log.of("held")[0]


def test_ten_thousand_files_are_a_few_lines(crew: Crew) -> None:
    for number in range(200):
        crew.lab.write(f"{number}", age_s=60)
    with logged() as log:
        crew.run(HOUR_S)
    assert sum("uploaded" in line for line in log.lines) <= 2


# Comparing what nothing waits for


def restored(crew: Crew, count: int) -> list[str]:
    """Files in sync, whose versions on the server all get another time."""
    names = [f"old {number}" for number in range(count)]
    for name in names:
        crew.write(name, age_s=60)
    crew.run(60)
    for name in names:
        crew.lab.server.put(EID, name, b"data")
    crew.lanes.begun.clear()
    return names


def test_what_is_only_compared_waits_for_what_is_sent(crew: Crew) -> None:
    names = restored(crew, 6)
    crew.working = False
    crew.upkeep.mirror_soon()
    crew.run(0.5)
    assert len(crew.lanes.begun) == MOST_IN_BACKGROUND
    crew.write("new", age_s=60)
    crew.run(0.5)
    assert crew.lanes.begun[MOST_IN_BACKGROUND:] == ["new"]
    crew.working = True
    crew.wake()
    crew.run(1)
    assert set(crew.lanes.begun) == {*names, "new"}
    assert all(isinstance(crew.lab.decision(name), InSync) for name in [*names, "new"])


def test_a_paused_mapping_keeps_no_other_from_being_compared(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    crew = Crew(lab, Mapping(name="other", directory=other, experiment="20261123-2"))
    lab.journal.pauses.pause("other", lab.clock.now_ns(), None)
    crew.ready.add("other", [Waiting(99, 1)])  # what was seen just before
    [name] = restored(crew, 1)
    crew.upkeep.mirror_soon()
    crew.wake()
    crew.run(10)
    assert crew.lanes.begun == [name]


def test_what_was_put_off_and_goes_is_not_compared(crew: Crew) -> None:
    [name] = restored(crew, 1)
    crew.working = False
    crew.write("large wait", age_s=60)
    crew.now()
    crew.upkeep.mirror_soon()
    crew.run(0.1)
    (crew.lab.root / name).unlink()
    crew.hint(name)
    crew.working = True
    crew.wake()
    crew.run(30)
    assert isinstance(crew.lab.decision(name), InSync)
