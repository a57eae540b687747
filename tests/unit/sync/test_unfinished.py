"""Files that their writers have not closed: they wait, say so, and go after all."""

from __future__ import annotations

import fcntl
from dataclasses import replace
from pathlib import Path

import pytest

from aqsync.errors import ServerUnreachable
from aqsync.model import (
    SECOND_NS,
    Adopted,
    BeingWritten,
    Compare,
    FileRecord,
    InSync,
    Policy,
    Reason,
    RemoteView,
    State,
    Unfinished,
    Upload,
    Wait,
)
from aqsync.sync.planner import decide
from aqsync.sync.retry import set_free
from aqsync.sync.summary import summarize
from tests.support.harness import Harness
from tests.support.lab import EID, Lab
from tests.support.records import NEW

REAL = Path(__file__).parents[1] / "local" / "formats" / "real"
FINISHED = (REAL / "version-3.h5").read_bytes()
OPEN = (REAL / "unflushed-3.open.h5").read_bytes()
DAY_NS = 24 * 3600 * SECOND_NS


# The rule


def found(unchanged_s: float, ago_s: float) -> tuple[FileRecord, int]:
    """A file that was found unfinished so long ago, so long after its change; and the time."""
    now_ns = 7 * DAY_NS
    at_ns = now_ns - int(ago_s * SECOND_NS)
    since_ns = at_ns - int(unchanged_s * SECOND_NS)
    return replace(NEW, since_ns=since_ns, unfinished=Unfinished("HDF5", at_ns)), now_ns


def test_it_waits_and_says_why() -> None:
    file, now_ns = found(unchanged_s=60, ago_s=10)
    step = decide(file, Policy(settle_ns=0), now_ns)
    assert isinstance(step, Wait)
    assert step.reason is Reason.BEING_WRITTEN
    assert step.message == "its writer has not closed it, as its format (HDF5) shows"
    assert step.hint.startswith("it is sent after 1 h without a change")
    assert (step.state, step.since_ns) == (State.WAITING, file.since_ns)


def test_a_short_time_to_give_up_is_written_as_people_write_it() -> None:
    file, now_ns = found(unchanged_s=5, ago_s=1)
    step = decide(file, Policy(settle_ns=0, give_up_ns=20 * SECOND_NS), now_ns)
    assert step.hint.startswith("it is sent after 20 s without a change")


@pytest.mark.parametrize(("unchanged_s", "pause_s"), [(0, 5), (60, 60), (600, 300), (-60, 5)])
def test_pauses_grow_with_the_time_for_which_it_has_not_changed(
    unchanged_s: float, pause_s: int
) -> None:
    file, now_ns = found(unchanged_s, ago_s=0)
    step = decide(file, Policy(settle_ns=0), now_ns)
    assert isinstance(step, Wait)
    assert step.until_ns == now_ns + pause_s * SECOND_NS
    assert isinstance(decide(file, Policy(settle_ns=0), step.until_ns), Upload)


def test_it_is_sent_as_it_is_once_it_has_not_changed_for_long() -> None:
    file, now_ns = found(unchanged_s=3500, ago_s=20)
    waiting = decide(file, Policy(settle_ns=0), now_ns)
    assert isinstance(waiting, Wait)
    assert waiting.until_ns == file.since_ns + 3600 * SECOND_NS
    step = decide(file, Policy(settle_ns=0), waiting.until_ns)
    assert isinstance(step, Upload)
    assert step.unfinished


def test_a_file_as_old_as_that_is_sent_at_once() -> None:
    step = decide(replace(NEW, since_ns=0), Policy(settle_ns=0), DAY_NS)
    assert isinstance(step, Upload)
    assert step.unfinished


def test_an_old_file_whose_name_is_taken_is_compared() -> None:
    there = RemoteView(5, "2026-11-23T08:30:00")
    step = decide(replace(NEW, since_ns=0, remote=there), Policy(settle_ns=0), DAY_NS)
    assert isinstance(step, Compare)


def test_one_whose_name_is_taken_is_compared_meanwhile() -> None:
    file, now_ns = found(unchanged_s=60, ago_s=10)
    there = RemoteView(5, "2026-11-23T08:30:00")
    assert isinstance(decide(replace(file, remote=there), Policy(settle_ns=0), now_ns), Compare)


def test_a_file_that_a_person_wants_sent_does_not_wait() -> None:
    file, now_ns = found(unchanged_s=60, ago_s=10)
    wanted = replace(file, forced=True, as_it_is=True)
    step = decide(wanted, Policy(settle_ns=0), now_ns)
    assert isinstance(step, Upload)
    assert step.unfinished


def test_a_wish_for_another_try_sends_nothing_unfinished() -> None:
    file, now_ns = found(unchanged_s=60, ago_s=10)
    assert isinstance(decide(replace(file, forced=True), Policy(settle_ns=0), now_ns), Wait)


def test_a_clock_that_was_set_back_ends_the_pause_and_prolongs_nothing_for_ever() -> None:
    file, now_ns = found(unchanged_s=60, ago_s=-7200)
    assert isinstance(decide(file, Policy(settle_ns=0), now_ns), Upload)
    later = replace(file, since_ns=now_ns + DAY_NS)
    step = decide(later, Policy(settle_ns=0, give_up_ns=0), now_ns)
    assert isinstance(step, Upload)
    assert step.unfinished


# The uploader, and what the journal keeps


@pytest.fixture
def written(lab: Lab) -> Path:
    """A file that its writer has not closed, unchanged for a minute; it was found so."""
    place = lab.write("run.h5", OPEN, age_s=60)
    assert lab.push().uploaded == 0
    return place


def wait_of(lab: Lab, path: str = "run.h5") -> Wait:
    step = lab.decision(path)
    assert isinstance(step, Wait)
    assert step.reason is Reason.BEING_WRITTEN
    return step


def test_not_a_byte_of_it_is_sent(lab: Lab, written: Path) -> None:  # noqa: ARG001
    assert lab.remote == {}
    file = lab.record("run.h5")
    assert file.unfinished == Unfinished("HDF5", lab.clock.now_ns())
    assert file.sent is None
    assert file.failure is None


def test_a_push_does_not_wait_for_it_and_reports_it(lab: Lab, written: Path) -> None:  # noqa: ARG001
    assert lab.said == ["planned 1 files, 2288 bytes", "BeingWritten run.h5"]
    now_ns = lab.clock.now_ns()
    [problem] = summarize(lab.journal, lab.mapping, now_ns).problems
    assert problem.state is State.WAITING
    assert problem.why.reason is Reason.BEING_WRITTEN


def test_other_files_do_not_wait_for_it(lab: Lab) -> None:
    lab.write("run.h5", OPEN, age_s=60)
    lab.write("a.csv", b"1,2", age_s=60)
    assert lab.push().uploaded == 1
    assert lab.remote == {"a.csv": b"1,2"}


def test_it_is_sent_when_its_writer_has_closed_it(lab: Lab, written: Path) -> None:
    written.write_bytes(FINISHED)
    lab.set_age(written, 10)
    assert lab.push().uploaded == 1
    assert lab.remote == {"run.h5": FINISHED}
    file = lab.record("run.h5")
    assert file.unfinished is None
    assert file.synced is not None
    assert file.synced.unfinished is None


def test_a_change_is_looked_into_as_soon_as_it_has_settled(lab: Lab, written: Path) -> None:
    wait_of(lab)
    written.write_bytes(OPEN)
    lab.set_age(written, 10)
    lab.scan()
    assert lab.record("run.h5").unfinished is None
    assert isinstance(lab.decision("run.h5"), Upload)


def test_nothing_is_asked_of_the_server_for_it(lab: Lab, written: Path) -> None:  # noqa: ARG001
    assert "upload" not in {name for name, _ in lab.server.calls}
    before = len(lab.server.calls)
    lab.engine.refresh([EID])
    for_one_list = len(lab.server.calls) - before
    lab.push()
    assert len(lab.server.calls) - before == 2 * for_one_list


def test_one_of_the_size_that_is_on_the_server_is_not_hashed(lab: Lab) -> None:
    lab.write("run.h5", FINISHED)
    lab.push()
    lab.write("run.h5", OPEN, age_s=60)
    assert len(OPEN) == len(FINISHED)
    lab.said.clear()
    lab.push()
    assert "BeingWritten run.h5" in lab.said
    assert lab.remote == {"run.h5": FINISHED}


def test_each_push_looks_into_it_again(lab: Lab, written: Path) -> None:  # noqa: ARG001
    lab.clock.advance(1)
    lab.push()
    assert wait_of(lab).until_ns is not None
    assert lab.record("run.h5").unfinished == Unfinished("HDF5", lab.clock.now_ns())


def test_after_an_hour_it_goes_and_is_marked(lab: Lab, written: Path) -> None:  # noqa: ARG001
    lab.clock.advance(3541)
    assert lab.push().uploaded == 1
    assert lab.remote == {"run.h5": OPEN}
    file = lab.record("run.h5")
    assert file.synced is not None
    assert file.synced.unfinished == "HDF5"
    assert isinstance(lab.decision("run.h5"), InSync)
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == [("run.h5", "HDF5")]
    [event] = lab.journal.history.recent(1)
    assert event.text == "its writer had not closed it (HDF5)"


def test_the_time_is_set_for_a_mapping(lab: Lab) -> None:
    lab.configure(unfinished={"give_up": "30s"})
    lab.write("run.h5", OPEN, age_s=20)
    assert lab.push().uploaded == 0
    lab.clock.advance(11)
    assert lab.push().uploaded == 1


@pytest.mark.parametrize(
    "content",
    [b"\x89HDF\r\n\x1a\n", b"PK\3\4 only looks so" * 99, FINISHED + b"behind it", FINISHED[:-1]],
)
def test_what_is_broken_or_only_looks_so_is_not_held_for_ever(lab: Lab, content: bytes) -> None:
    lab.write("odd", content, age_s=60)
    assert lab.push().uploaded == 0
    lab.clock.advance(3541)
    assert lab.push().uploaded == 1
    assert lab.remote == {"odd": content}


def test_the_mark_goes_with_the_version(lab: Lab, written: Path) -> None:
    lab.clock.advance(3541)
    lab.push()
    written.write_bytes(FINISHED)
    lab.set_age(written, 10)
    lab.scan()
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == []
    lab.push()
    synced = lab.record("run.h5").synced
    assert synced is not None
    assert synced.unfinished is None


def test_the_mark_stays_when_it_is_touched(lab: Lab, written: Path) -> None:
    lab.clock.advance(3541)
    lab.push()
    lab.set_age(written, 3601)
    lab.said.clear()
    lab.push()
    assert "Touched run.h5" in lab.said
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == [("run.h5", "HDF5")]


def test_one_whose_answer_was_lost_keeps_the_mark(lab: Lab, written: Path) -> None:  # noqa: ARG001
    file = lab.record("run.h5")
    assert file.local is not None
    outcome = Adopted(file.local, b"1" * 32, "2026-11-23T10:00:00+00:00")
    lab.journal.outcomes.record(file, outcome, lab.clock.now_ns())
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == [("run.h5", "HDF5")]


def test_an_old_one_whose_answer_was_lost_is_marked(lab: Lab) -> None:
    lab.write("run.h5", OPEN, age_s=7200)

    def lost() -> None:
        raise ServerUnreachable("the answer is lost")

    lab.server.after["upload"] = lost
    lab.push()
    lab.server.after.clear()
    lab.clock.advance(60)
    lab.push()
    assert lab.remote == {"run.h5": OPEN}
    assert isinstance(lab.decision("run.h5"), InSync)
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == [("run.h5", "HDF5")]


def test_what_was_found_of_an_older_version_does_not_count(lab: Lab, written: Path) -> None:
    file = lab.record("run.h5")
    written.write_bytes(FINISHED)
    lab.scan()
    lab.journal.outcomes.record(file, BeingWritten("HDF5"), lab.clock.now_ns())
    assert lab.record("run.h5").unfinished is None


def test_retry_sends_one_that_is_itself_named(lab: Lab, written: Path) -> None:
    now_ns = lab.clock.now_ns()
    for paths in ([], [lab.root]):
        assert set_free(lab.journal, [lab.mapping], paths, now_ns, accept_roots=False) == 0
    assert set_free(lab.journal, [lab.mapping], [written], now_ns, accept_roots=False) == 1
    assert lab.push().uploaded == 1
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == [("run.h5", "HDF5")]


# Locks


def test_a_lock_that_goes_without_a_change_is_noticed(lab: Lab) -> None:
    place = lab.write("run.h5", FINISHED, age_s=60)
    with place.open("rb+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert lab.push().uploaded == 0
        wait_of(lab)
    lab.clock.advance(60)
    assert isinstance(lab.decision("run.h5"), Upload)
    assert lab.push().uploaded == 1
    assert lab.journal.observations.sent_unfinished(lab.mapping_id) == []


def test_the_close_of_a_file_ends_its_pause(lab: Lab, written: Path) -> None:  # noqa: ARG001
    wait_of(lab)
    lab.journal.outcomes.look_into_again(lab.mapping_id, ["other", "run.h5"])
    assert isinstance(lab.decision("run.h5"), Upload)


# The daemon


def test_it_looks_again_with_growing_pauses_until_it_gives_up(lab: Lab) -> None:
    harness = Harness(lab)
    harness.write("run.h5", OPEN, age_s=0)
    harness.write("a.csv", b"1", age_s=60)
    looks = []
    for _ in range(600):
        harness.run(6)
        found = lab.record("run.h5").unfinished
        if found is not None and found.at_ns not in looks:
            looks.append(found.at_ns)
        elif harness.remote.keys() == {"a.csv", "run.h5"}:
            break
    assert harness.remote == {"a.csv": b"1", "run.h5": OPEN}
    assert 10 < len(looks) < 25
    assert harness.outcomes.counts["uploaded unfinished, as its writer had not closed it"] == 1


def test_one_that_is_closed_without_a_change_goes_at_once(lab: Lab) -> None:
    harness = Harness(lab)
    place = lab.root / "run.h5"
    place.write_bytes(FINISHED)
    with place.open("rb+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        lab.set_age(place, 200)
        harness.run(30)
        assert harness.remote == {}
    harness.watch["lab"].closed.add("run.h5")
    harness.hint("run.h5")
    harness.run(7)
    assert harness.remote == {"run.h5": FINISHED}
