"""From ready files to outcomes: what begins, what waits, and what is never lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aqsync.config import MappingConfig, Windows
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
from aqsync.model import ChangedMeanwhile, FileRecord, InSync, Outcome, Policy, Reason, State
from aqsync.sync.backoff import LONGEST_BACKOFF_S
from aqsync.sync.dispatcher import IDLE_S, MOST_IN_BACKGROUND, Announce
from aqsync.sync.files_in_hand import BATCH
from aqsync.sync.jobs import Job
from aqsync.sync.policies import policies
from aqsync.sync.policy_cache import POLICY_S
from aqsync.sync.work_queue import LARGE
from aqsync.sync.worker_pool import WORKERS
from tests.support.fake_clock import SECOND_NS
from tests.support.harness import Harness, logged, looks_of
from tests.support.lab import EID, Lab

AWAY = ServerUnreachable("no connection", hint="is it on?")
FULL = JournalDiskFull("the disk is full", hint="free some")
HOUR_S = 3600.0


@pytest.fixture
def harness(lab: Lab) -> Harness:
    return Harness(lab)


def uploaded(harness: Harness) -> int:
    return harness.outcomes.counts["uploaded"]


# What begins


def test_a_settled_file_is_sent_and_confirmed(harness: Harness) -> None:
    harness.write("a", age_s=60)
    harness.run(30)
    assert harness.remote == {"a": b"data"}
    assert harness.lab.decision("a").state is State.IN_SYNC
    assert harness.lab.journal.observations.unquiet(harness.lab.mapping_id) == []
    harness.run(HOUR_S)
    assert uploaded(harness) == 1
    assert harness.failures == []


def test_an_experiment_that_is_gone_is_not_asked_for_again_at_once(harness: Harness) -> None:
    harness.run(10)
    harness.lab.server.remove(EID)
    harness.write("a", age_s=60)
    harness.write("b", age_s=60)
    harness.now()
    assert len(harness.lab.server.called("upload")) <= 2
    assert harness.lab.decision("a").state is State.HELD


def test_a_young_file_is_sent_when_it_has_settled(harness: Harness) -> None:
    harness.run(1)
    harness.write("a")
    harness.run(4.5)
    assert harness.remote == {}
    harness.run(1)
    assert harness.remote == {"a": b"data"}


def test_no_more_begins_than_there_is_room_for(harness: Harness) -> None:
    harness.working = False
    for number in range(50):
        harness.lab.write(f"{number:02}", age_s=1000 - number)
    harness.run(1)
    assert harness.pool.begun == [f"{number:02}" for number in range(2 * WORKERS)]
    assert len(harness.queue.in_flight()) == 2 * WORKERS
    assert [item.file.path for item in harness.queue.in_flight()] == harness.pool.begun
    harness.pool.run()
    harness.now()
    assert len(harness.pool.begun) == 2 * WORKERS + 1


def test_large_files_leave_room_for_small_ones(harness: Harness) -> None:
    harness.working = False
    for number in range(5):
        large = harness.lab.write(f"large-{number}")
        with large.open("r+b") as file:
            file.truncate(LARGE)
        harness.lab.set_age(large, HOUR_S)
    harness.run(1)
    assert len(harness.pool.begun) == WORKERS - 1
    harness.write("small", age_s=60)
    harness.run(1)
    assert harness.pool.begun[-1] == "small"


def test_mappings_take_turns(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    harness = Harness(lab, MappingConfig(name="other", directory=other, experiment="20261123-2"))
    harness.working = False
    for number in range(20):
        lab.write(f"m{number}")
    for number in range(4):
        (other / f"o{number}").write_text("x")
        lab.set_age(other / f"o{number}", HOUR_S)
    harness.run(1)
    assert sorted(path[0] for path in harness.pool.begun) == ["m"] * 4 + ["o"] * 4


def test_what_was_forgotten_meanwhile_keeps_nobody_waiting(harness: Harness) -> None:
    harness.run(1)
    harness.lab.journal.pauses.pause("", harness.clock.now_ns(), None)
    for number in range(3 * BATCH):
        harness.lab.write(f"{number}", age_s=60)
    harness.engine.scan(harness.lab.mapping)
    mapping_id = harness.lab.mapping_id
    harness.queue.add("lab", harness.lab.journal.observations.unquiet(mapping_id))
    for number in range(3 * BATCH):
        (harness.lab.root / str(number)).unlink()
    harness.lab.write("z", age_s=60)
    harness.engine.scan(harness.lab.mapping)
    harness.queue.add("lab", harness.lab.journal.observations.unquiet(mapping_id))
    harness.lab.journal.pauses.resume("")
    harness.wake()
    harness.now()
    assert harness.pool.begun == ["z"]


def test_what_was_loaded_before_the_last_list_is_read_again(harness: Harness) -> None:
    """Others may have put a file of this name there: it must not be overwritten."""
    harness.working = False
    for number in range(20):
        harness.lab.write(f"{number:02}", age_s=1000 - number)
    harness.now()
    assert "19" not in harness.pool.begun
    harness.lab.server.put(EID, "19", b"theirs")
    assert harness.engine.refresh([EID])
    harness.working = True
    harness.run(60)
    assert len(harness.remote) == 20
    assert harness.remote["19"] == b"theirs"
    assert harness.lab.decision("19").state is State.HELD


# What has ended


def test_a_file_that_changes_under_the_read_is_looked_at_again(harness: Harness) -> None:
    harness.lab.write("a", b"first")
    begun: list[Job] = []

    def perform(job: Job) -> Outcome:
        if not begun:
            harness.lab.write("a", b"second")
        begun.append(job)
        return harness.engine.perform(job)

    harness.performing = perform
    harness.run(30)
    assert harness.remote == {"a": b"second"}
    assert uploaded(harness) == 1


def test_a_file_that_is_never_as_it_was_seen_is_tried_less_and_less(harness: Harness) -> None:
    """Its disk may have gone without the scanner being sure of it."""

    def perform(job: Job) -> Outcome:
        job.errand.drop()
        return ChangedMeanwhile()

    harness.performing = perform
    harness.lab.write("a", age_s=60)
    with looks_of(harness.engine) as looks, logged() as log:
        harness.run(HOUR_S)
    assert 15 < len(harness.pool.begun) < 30
    assert len(looks) < 200
    assert len(log.of("failed")) == 1  # it is told, once
    failure = harness.lab.record("a").failure
    assert failure is not None
    assert failure.why.reason is Reason.IN_VAIN
    harness.performing = harness.engine.perform
    harness.run(1.2 * LONGEST_BACKOFF_S)
    assert harness.remote == {"a": b"data"}


def test_a_file_that_changes_each_time_has_not_failed(harness: Harness) -> None:
    def perform(job: Job) -> Outcome:
        harness.lab.write("a", os.urandom(5), age_s=60)
        return harness.engine.perform(job)

    harness.performing = perform
    harness.lab.write("a", age_s=60)
    harness.run(HOUR_S)
    assert len(harness.pool.begun) > 30
    assert harness.lab.record("a").failure is None


def test_a_file_that_fails_backs_off_alone(harness: Harness) -> None:
    harness.lab.write("bad", age_s=60)
    harness.lab.write("good", age_s=60)
    attempts: list[float] = []

    def perform(job: Job) -> Outcome:
        if job.file.path == "bad":
            attempts.append(harness.clock.monotonic())
            harness.lab.server.troubles["upload"].append(ServerFailed("500", hint="later"))
        return harness.engine.perform(job)

    harness.performing = perform
    with logged() as log:
        harness.run(HOUR_S)
    assert harness.remote == {"good": b"data"}
    pauses = [b - a for a, b in pairwise(attempts)]
    assert pauses[:5] == sorted(pauses[:5])
    assert pauses[0] < 2
    assert max(pauses) < 1100
    assert 10 < len(attempts) < 16
    assert len(log.of("failed")) == 1
    harness.performing = harness.engine.perform
    harness.run(1100)
    assert harness.remote == {"good": b"data", "bad": b"data"}


def test_a_change_ends_the_pause_after_a_failure(harness: Harness) -> None:
    harness.lab.write("a", age_s=60)
    refused = TransferRefused("too large", hint="", status=413)
    harness.lab.server.troubles["upload"].append(refused)
    harness.run(60)
    assert harness.lab.decision("a").state is State.HELD
    harness.write("a", b"sma", age_s=10)
    harness.run(1)
    assert harness.remote == {"a": b"sma"}


def test_a_mistake_in_a_job_is_one_files_trouble(harness: Harness) -> None:
    harness.lab.write("bad", age_s=60)
    harness.lab.write("good", age_s=60)

    def perform(job: Job) -> Outcome:
        if job.file.path == "bad":
            job.errand.drop()
            raise ZeroDivisionError("oops")
        return harness.engine.perform(job)

    harness.performing = perform
    with logged() as log:
        harness.run(HOUR_S)
    assert harness.remote == {"good": b"data"}
    assert 5 < harness.pool.begun.count("bad") < 20
    assert len(log.of("an internal error")) == 1
    assert harness.lab.decision("bad").state is State.FAILED
    assert "internal error: ZeroDivisionError('oops')" in str(harness.lab.record("bad").failure)
    assert harness.failures == []


def test_a_mistake_in_deciding_is_one_files_trouble(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.lab.write("bad", age_s=60)
    harness.lab.write("good", age_s=60)
    asked = 0
    decide = harness.engine.decide

    def deciding(file: FileRecord, policy_of: Callable[[FileRecord], Policy]) -> object:
        nonlocal asked
        if file.path == "bad":
            asked += 1
            raise ZeroDivisionError
        return decide(file, policy_of)

    monkeypatch.setattr(harness.engine, "decide", deciding)
    with logged() as log:
        harness.run(HOUR_S)
    assert harness.remote == {"good": b"data"}
    assert 5 < asked < 30
    assert len(log.of("an internal error")) == 1
    assert harness.failures == []


def test_what_was_broken_off_is_nobodys_trouble(harness: Harness) -> None:
    harness.working = False
    harness.lab.write("a", age_s=60)
    harness.run(1)
    harness.pool.end(Interrupted("interrupted"))
    harness.now()
    assert harness.queue.in_flight() == []
    assert harness.lab.record("a").failure is None


# The server's state


def test_a_server_that_is_away_is_one_line_and_one_probe(harness: Harness) -> None:
    harness.run(1)
    for method in ("upload", "list_files", "resolve", "check_file_name_header"):
        harness.lab.server.always[method] = AWAY
    for number in range(50):
        harness.lab.write(f"{number}", age_s=60)
    harness.hint(lost="many")
    with logged() as log:
        harness.run(HOUR_S)
        assert len(log.lines) == 1
        assert "the server cannot be used" in log.lines[0]
        assert len(harness.pool.begun) <= 2 * WORKERS
        assert len(harness.lab.server.called("check_file_name_header")) < 20
        [untried, *_] = {f"{number}" for number in range(50)} - set(harness.pool.begun)
        assert harness.lab.decision(untried).state is State.WAITING
        assert harness.lab.record(untried).failure is None
        harness.lab.server.always.clear()
        harness.run(1200)
        assert len(log.of("recovered")) == 1
    assert len(harness.remote) == 50
    assert harness.lab.decision(untried).state is State.IN_SYNC


def test_while_the_server_is_away_a_growing_file_costs_little(harness: Harness) -> None:
    harness.run(1)
    harness.lab.server.always["check_file_name_header"] = AWAY
    harness.lab.server.always["list_files"] = AWAY
    harness.write("a", age_s=60)
    harness.run(5)
    with looks_of(harness.engine) as looks:
        for number in range(200):
            harness.write("a", b"x" * number)
            harness.run(0.2)
    assert len(looks) < 15


def test_a_refused_token_stops_uploads_until_a_probe_succeeds(harness: Harness) -> None:
    harness.run(1)
    refused = TokenRefused("401", hint="renew it")
    harness.lab.server.always["upload"] = harness.lab.server.always["check_file_name_header"] = (
        refused
    )
    for number in range(50):
        harness.lab.write(f"{number}", age_s=60)
    harness.hint(lost="many")
    with logged() as log:
        harness.run(HOUR_S)
    assert len(log.lines) == 1
    assert len(harness.lab.server.called("upload")) <= 2 * WORKERS
    assert harness.lab.record("0").failure is None
    harness.lab.server.always.clear()
    harness.run(1200)
    assert len(harness.remote) == 50


# Pauses and windows


def test_what_is_paused_waits_and_then_goes(harness: Harness) -> None:
    harness.run(1)
    harness.lab.journal.pauses.pause("lab", harness.clock.now_ns(), None)
    harness.wake()
    harness.write("a", age_s=60)
    with looks_of(harness.engine) as looks:
        harness.run(HOUR_S)
    assert looks == [], "the disk is left alone too"
    assert harness.remote == {}
    harness.lab.journal.pauses.resume("lab")
    harness.wake()
    harness.run(1)
    assert harness.remote == {"a": b"data"}


def test_a_pause_ends_by_itself(harness: Harness) -> None:
    now_ns = harness.clock.now_ns()
    harness.lab.journal.pauses.pause("", now_ns, now_ns + 600 * SECOND_NS)
    harness.lab.write("a", age_s=60)
    harness.run(590)
    assert harness.remote == {}
    assert harness.lab.server.calls == []
    harness.run(80)
    assert harness.remote == {"a": b"data"}


def test_a_pause_survives_a_restart(harness: Harness) -> None:
    harness.lab.journal.pauses.pause("lab", harness.clock.now_ns(), None)
    harness.lab.write("a", age_s=60)
    harness.lab.reopen()
    again = Harness(harness.lab)
    again.run(HOUR_S)
    assert again.remote == {}


def test_a_pause_holds_for_files_that_were_ready_before(harness: Harness) -> None:
    harness.working = False
    for number in range(50):
        harness.lab.write(f"{number:02}")
    harness.now()
    begun = len(harness.pool.begun)
    harness.lab.journal.pauses.pause("lab", harness.clock.now_ns(), None)
    harness.wake()
    harness.working = True
    harness.run(600)
    assert len(harness.pool.begun) == begun
    harness.lab.journal.pauses.resume("lab")
    harness.wake()
    harness.run(60)
    assert len(harness.remote) == 50


def test_a_pause_that_begins_while_files_are_decided_on(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.run(10)
    harness.lab.write("a", age_s=60)

    def pausing(*arguments: Any, **more: Any) -> object:
        harness.lab.journal.pauses.pause("lab", harness.clock.now_ns(), None)
        return policies(*arguments, **more)

    monkeypatch.setattr("aqsync.sync.policy_cache.policies", pausing)
    harness.hint("a")
    harness.run(100)
    assert harness.pool.begun == []
    monkeypatch.undo()
    harness.lab.journal.pauses.resume("lab")
    harness.wake()
    harness.run(1)
    assert harness.remote == {"a": b"data"}


def window_in(harness: Harness, hours: int) -> Windows:
    opens = datetime.fromtimestamp(harness.clock.now_ns() / 1e9).astimezone()
    opens += timedelta(hours=hours)
    return Windows([parse_window(f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")])


def test_outside_the_windows_files_wait_and_are_looked_at(lab: Lab) -> None:
    harness = Harness(lab, windows=window_in(Harness(lab), 2))
    lab.write("a", age_s=60)
    harness.run(1.9 * HOUR_S)
    assert harness.remote == {}
    assert lab.decision("a").state is State.PENDING, "without windows it would go"
    with looks_of(harness.engine) as looks:
        for number in range(60):
            harness.write("b", b"x" * number)
            harness.run(1)
    assert len(looks) < 20, "what is written for hours costs one look a settle time"
    harness.run(0.2 * HOUR_S)
    assert set(harness.remote) == {"a", "b"}
    harness.run(1.0 * HOUR_S)
    harness.write("c", age_s=60)
    harness.run(6 * HOUR_S)
    assert set(harness.remote) == {"a", "b"}, "it has closed"


def test_while_retiring_nothing_begins_and_nothing_spins(lab: Lab) -> None:
    harness = Harness(lab, windows=window_in(Harness(lab), 2))
    lab.write("a", age_s=60)
    harness.run(1.9 * HOUR_S)
    harness.dispatcher.retiring = True
    assert harness.steps_in(0.5 * HOUR_S, "dispatcher") < HOUR_S / IDLE_S
    assert harness.pool.begun == []


def test_who_retires_while_files_are_decided_on_begins_none(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.lab.write("a", age_s=60)
    harness.lab.write("b", age_s=60)
    decide = harness.engine.decide

    def deciding(file: FileRecord, policy_of: Callable[[FileRecord], Policy]) -> object:
        harness.dispatcher.retiring = True
        return decide(file, policy_of)

    monkeypatch.setattr(harness.engine, "decide", deciding)
    harness.working = False
    harness.now()
    assert len(harness.pool.begun) <= 1
    assert not harness.dispatcher.at_rest
    while harness.pool.waiting:
        harness.pool.run()
    harness.run(IDLE_S)
    assert harness.dispatcher.at_rest


def test_rest_comes_only_with_a_step_that_knows_of_it(harness: Harness) -> None:
    """Else a step under way might begin what nobody waits for."""
    harness.run(10)
    assert not harness.dispatcher.at_rest
    harness.dispatcher.retiring = True
    assert not harness.dispatcher.at_rest
    harness.wake()
    harness.now()
    assert harness.dispatcher.at_rest


def test_policies_do_not_grow_old(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may be loaded long before a slow line has room for them."""
    harness.working = False
    for number in range(20):
        harness.lab.write(f"{number:02}", age_s=60)
    harness.run(1)
    worked_out: list[bool] = []

    def seen(*arguments: Any, **more: Any) -> object:
        worked_out.append(True)
        return policies(*arguments, **more)

    monkeypatch.setattr("aqsync.sync.policy_cache.policies", seen)
    harness.run(POLICY_S + 0.1)
    harness.pool.run()
    harness.now()
    assert worked_out


def test_a_disk_that_hangs_costs_the_others_no_policies(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working them out takes a look at all files, where copies of deleted ones are removed."""
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    harness = Harness(lab, MappingConfig(name="other", directory=other, experiment="20261123-2"))
    for path in ("x", "y"):
        harness.engine._errands.job(lab.root, path).abandon(Hang(path, lab.clock.now_ns()))
    harness.working = False
    for number in range(20):
        (other / f"{number:02}").write_text("x")
        lab.set_age(other / f"{number:02}", HOUR_S)
    harness.run(1)
    worked_out: list[bool] = []

    def seen(*arguments: Any, **more: Any) -> object:
        worked_out.append(True)
        return policies(*arguments, **more)

    monkeypatch.setattr("aqsync.sync.policy_cache.policies", seen)
    for _ in range(12):
        harness.pool.run()
        harness.now()
    assert len(harness.pool.begun) == 20
    assert len(worked_out) <= len(harness.engine.mappings)


def test_an_order_that_no_pause_holds_up_waits_for_a_disk_that_hangs(lab: Lab) -> None:
    """What no worker may take is in hand once a step, and not again and again for ever."""
    harness = Harness(lab)
    lab.journal.pauses.pause("lab", lab.clock.now_ns(), None)
    lab.write("a", b"data", age_s=HOUR_S)
    jobs = [harness.engine._errands.job(lab.root, path) for path in ("x", "y")]
    jobs[0].abandon(Hang("x", lab.clock.now_ns()))
    decide, decided = harness.engine.decide, 0

    def counting(*arguments: Any) -> Any:
        nonlocal decided
        decided += 1
        assert decided < 1000, "the same file is decided on without end"
        return decide(*arguments)

    def answer(_seconds: float) -> None:
        if lab.clock.monotonic() > 1030.0:
            for job in jobs:
                job.drop()

    harness.engine.decide = counting  # type: ignore[method-assign,assignment]  # counted, then done
    lab.clock.while_waiting = answer
    harness.push(at_once=True)
    assert harness.remote == {"a": b"data"}


def test_an_order_does_not_wait_for_a_disk_that_hangs_for_every_worker(lab: Lab) -> None:
    harness = Harness(lab)
    lab.write("a", b"data", age_s=HOUR_S)
    for path in ("x", "y"):
        harness.engine._errands.job(lab.root, path).abandon(Hang(path, lab.clock.now_ns()))

    def late(_seconds: float) -> None:
        assert lab.clock.monotonic() < 1000.0 + HOUR_S, "it waits for the disk"

    lab.clock.while_waiting = late
    assert not harness.push().uploaded
    assert lab.decision("a").reason is Reason.MAPPING_HANGS


# The journal and others


def test_a_server_that_goes_while_the_journal_is_full_comes_back(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of the server in memory and in the journal must never part."""

    def failing(*_: object) -> None:
        raise FULL

    harness.run(10)
    for method in ("upload", "list_files", "check_file_name_header"):
        harness.lab.server.always[method] = AWAY
    monkeypatch.setattr(harness.lab.journal.remote, "set_server_problem", failing)
    harness.write("a", age_s=60)
    harness.run(60)
    assert FULL in harness.failures
    harness.lab.server.always.clear()
    harness.run(60)
    monkeypatch.undo()
    harness.run(60)
    assert harness.remote == {"a": b"data"}


def test_nothing_is_lost_while_the_journal_cannot_be_written(harness: Harness) -> None:
    for number in range(20):
        harness.lab.write(f"{number}", age_s=60)

    def perform(job: Job) -> Outcome:
        job.errand.drop()
        raise FULL

    harness.performing = perform
    harness.run(60)
    assert harness.remote == {}
    assert FULL in harness.failures
    assert len(harness.pool.begun) < 100
    harness.forget_failures()
    harness.performing = harness.engine.perform
    harness.run(90)
    assert len(harness.remote) == 20


def test_nothing_is_lost_while_the_journal_cannot_be_read(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.lab.write("a", age_s=60)

    def failing(*_: object) -> None:
        raise FULL

    for name in ("records", "record_at"):
        monkeypatch.setattr(harness.lab.journal.observations, name, failing)
    harness.run(30)
    assert FULL in harness.failures
    monkeypatch.undo()
    harness.run(30)
    assert harness.remote == {"a": b"data"}


def test_a_mistake_that_cannot_be_recorded_loses_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.lab.write("a", age_s=60)

    def perform(job: Job) -> Outcome:
        job.errand.drop()
        raise ZeroDivisionError

    def failing(*_: object) -> None:
        raise FULL

    harness.performing = perform
    monkeypatch.setattr(harness.lab.journal.outcomes, "record", failing)
    harness.run(10)
    assert FULL in harness.failures
    monkeypatch.undo()
    harness.performing = harness.engine.perform
    harness.run(30)
    assert harness.remote == {"a": b"data"}


def test_a_real_disk_full_is_survived(harness: Harness) -> None:
    database = harness.lab.journal._database
    with database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(300):
        harness.lab.write(f"a-long-enough-name-to-fill-a-page-or-two-{number}", age_s=60)
    with logged() as log:
        harness.run(600)
    assert len(log.of("a step failed")) <= 3, "one for each loop that writes"
    assert any(isinstance(failure, JournalDiskFull) for failure in harness.failures)
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    harness.run(60)
    harness.forget_failures()
    harness.run(120)
    assert len(harness.remote) == 300
    assert harness.failures == []
    assert harness.lab.journal.observations.unquiet(harness.lab.mapping_id) == []


def test_a_file_that_is_held_elsewhere_is_waited_for(harness: Harness) -> None:
    harness.lab.write("a", age_s=60)
    harness.run(0)
    assert uploaded(harness) == 1
    file_id = harness.lab.record("a").id
    harness.write("a", b"changed", age_s=10)
    assert harness.queue.claim(file_id)
    assert harness.steps_in(10, "dispatcher") < 100
    assert harness.pool.begun == ["a"]
    harness.queue.release(file_id)
    harness.run(1)
    assert harness.remote == {"a": b"changed"}


def test_a_file_is_not_held_after_a_failure_to_begin(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.lab.write("a", age_s=60)
    job = harness.engine.job

    def failing(*_: object) -> Job:
        monkeypatch.setattr(harness.engine, "job", job)
        raise FULL

    monkeypatch.setattr(harness.engine, "job", failing)
    harness.run(30)
    assert harness.failures == [FULL]
    assert harness.queue.in_flight() == []
    assert harness.remote == {"a": b"data"}


# Files that are gone


def test_a_deletion_that_trickles_in_is_stopped_at_the_share(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.5)
    harness = Harness(lab)
    for number in range(20):
        lab.write(f"{number:02}", age_s=60)
    harness.run(60)
    for number in range(15):
        (lab.root / f"{number:02}").unlink()
        harness.hint(f"{number:02}")
        harness.run(180)
    assert len(harness.remote) == 10
    assert harness.lab.decision("10").message.startswith("15 of 20 files are gone at once")


def test_files_that_come_and_go_all_day_are_removed(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.5)
    harness = Harness(lab)
    for number in range(10):
        lab.write(f"{number:02}", age_s=60)
    harness.run(60)
    for number in range(10, 40):
        harness.write(f"{number:02}", age_s=60)
        (lab.root / f"{number - 10:02}").unlink()
        harness.hint(f"{number - 10:02}")
        harness.run(1800)
    assert len(harness.remote) == 10


# Clocks


@pytest.mark.parametrize("hours", [-48, -3, 3, 48])
def test_a_clock_that_jumps_delays_by_a_settle_time_at_most(harness: Harness, hours: int) -> None:
    harness.lab.write("old", age_s=60)
    harness.lab.server.troubles["upload"].append(ServerFailed("500", hint=""))
    harness.run(0.1)
    harness.write("young")
    harness.now()
    harness.clock.set_back(-hours * HOUR_S)
    harness.run(30)
    assert set(harness.remote) == {"old", "young"}


# What is told


def test_what_is_held_is_told_once(harness: Harness) -> None:
    harness.lab.server.put(EID, "a", b"theirs")
    harness.lab.write("a", b"ours", age_s=60)
    with logged() as log:
        harness.run(3 * HOUR_S)
    assert len(log.of("held")) == 1
    assert "hint=compare the two" in log.of("held")[0]


def test_ten_thousand_files_are_a_few_lines(harness: Harness) -> None:
    for number in range(200):
        harness.lab.write(f"{number}", age_s=60)
    with logged() as log:
        harness.run(HOUR_S)
    assert sum("uploaded" in line for line in log.lines) <= 2


# Comparing what nothing waits for


def restored(harness: Harness, count: int) -> list[str]:
    """Files in sync, whose versions on the server all get another time."""
    names = [f"old {number}" for number in range(count)]
    for name in names:
        harness.write(name, age_s=60)
    harness.run(60)
    for name in names:
        harness.lab.server.put(EID, name, b"data")
    harness.pool.begun.clear()
    return names


def test_what_is_only_compared_waits_for_what_is_sent(harness: Harness) -> None:
    names = restored(harness, 6)
    harness.working = False
    harness.poller.mirror_soon()
    harness.run(0.5)
    assert len(harness.pool.begun) == MOST_IN_BACKGROUND
    harness.write("new", age_s=60)
    harness.run(0.5)
    assert harness.pool.begun[MOST_IN_BACKGROUND:] == ["new"]
    harness.working = True
    harness.wake()
    harness.run(1)
    assert set(harness.pool.begun) == {*names, "new"}
    assert all(isinstance(harness.lab.decision(name), InSync) for name in [*names, "new"])


def test_what_is_put_off_is_not_lost_while_the_journal_cannot_be_read(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = restored(harness, 1)

    def failing(_file: FileRecord) -> FileRecord:
        monkeypatch.undo()
        raise FULL

    monkeypatch.setattr(harness.engine, "again", failing)
    harness.poller.mirror_soon()
    harness.run(30)
    assert harness.failures == [FULL]
    assert harness.pool.begun == names


def test_a_paused_mapping_keeps_no_other_from_being_compared(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lab.server.add("20261123-2")
    harness = Harness(lab, MappingConfig(name="other", directory=other, experiment="20261123-2"))
    lab.journal.pauses.pause("other", lab.clock.now_ns(), None)
    harness.queue.add("other", [Waiting(99, 1)])  # what was seen just before
    [name] = restored(harness, 1)
    harness.poller.mirror_soon()
    harness.wake()
    harness.run(10)
    assert harness.pool.begun == [name]


def test_what_was_put_off_and_goes_is_not_compared(harness: Harness) -> None:
    [name] = restored(harness, 1)
    harness.working = False
    harness.write("large wait", age_s=60)
    harness.now()
    harness.poller.mirror_soon()
    harness.run(0.1)
    (harness.lab.root / name).unlink()
    harness.hint(name)
    harness.working = True
    harness.wake()
    harness.run(30)
    assert isinstance(harness.lab.decision(name), InSync)


# What gets on, and what only seems to hang


def test_deciding_on_what_was_put_off_shows_that_it_gets_on(harness: Harness) -> None:
    """Thousands of files may have been put off: the daemon must not be started anew for them."""
    names = restored(harness, 5)
    harness.working = False
    harness.poller.mirror_soon()
    harness.run(0.5)
    for name in names:
        (harness.lab.root / name).unlink()
    harness.engine.scan(harness.lab.mapping)
    moved: list[None] = []
    harness.dispatcher._announce = Announce(progress=lambda: moved.append(None))
    harness.dispatcher._in_background.clear()
    harness.dispatcher._begin_in_background()
    assert len(moved) == len(names) - MOST_IN_BACKGROUND


def test_reading_a_touched_file_shows_that_it_gets_on(harness: Harness) -> None:
    """A large file is hashed for longer than a hang is waited for, and nothing of it is sent."""
    harness.write("a", bytes(3_000_000), age_s=60)
    harness.run(60)
    moved: list[int] = []
    harness.write("a", bytes(3_000_000), age_s=30)
    harness.working = False
    harness.run(0.1)
    job, _lane = harness.pool.waiting[0]
    told = job.progress

    def progress(size: int) -> None:
        moved.append(size)
        told(size)

    object.__setattr__(job, "progress", progress)
    harness.pool.run()
    assert len(moved) > 1
    assert sum(moved) == 0, "nothing of it was sent"


def test_it_comes_to_rest_though_nothing_can_be_noted(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a push whose journal is full would never end."""
    harness.working = False
    harness.lab.write("a", age_s=60)
    harness.run(1)

    def full() -> None:
        raise FULL

    monkeypatch.setattr(harness.engine, "note_hangs", full)
    harness.session.retire()
    harness.pool.run()
    assert harness.loop("dispatcher").take_step() is FULL
    assert harness.dispatcher.at_rest
