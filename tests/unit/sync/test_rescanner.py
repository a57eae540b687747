"""The lookout: hints, timers and doubts become looks, and nothing goes unseen."""

from __future__ import annotations

import mmap
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aqsync.config import MappingConfig
from aqsync.errors import EventsUnavailable, JournalDiskFull
from aqsync.model import Problem
from aqsync.sync.rescanner import JITTER, MOST_PATHS
from aqsync.sync.watch_supervisor import REWATCH_S, ROOT_CHECK_S, TEST_AGAIN_S, WATCH_AGAIN_S
from tests.support.harness import FakeWatch, Harness, logged, looks_of
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions
from tests.support.reasons import said
from tests.support.stepping import RESCAN_S, RESCAN_WITHOUT_EVENTS_S

EVERYTHING = ()
FULL = JournalDiskFull("the disk is full", hint="free some")


@pytest.fixture
def harness(lab: Lab) -> Harness:
    return Harness(lab)


@pytest.fixture
def started(harness: Harness) -> Harness:
    """It has begun, looked at everything, and its loops are at rest."""
    harness.lab.write("here", age_s=60)
    harness.run(30)
    return harness


def watch_problem(harness: Harness) -> Problem | None:
    return harness.lab.journal.mappings.watch(harness.lab.mapping_id)


# Beginning


def test_it_watches_before_it_looks(harness: Harness) -> None:
    scan, running = harness.engine.scan, list[bool]()

    def scanning(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        running.append(harness.watch["lab"].running)
        return scan(mapping, within, **kept)

    harness.engine.scan = scanning  # type: ignore[method-assign]  # taken down, then done
    assert not harness.rescanner.began.is_set()
    harness.now()
    assert harness.rescanner.began.is_set()
    assert running == [True]
    assert watch_problem(harness) is None


def test_a_root_that_is_missing_at_the_start_and_appears_later(lab: Lab) -> None:
    lab.root.rmdir()
    harness = Harness(lab)
    with logged() as log:
        harness.run(60)
        assert harness.rescanner.began.is_set(), "others must not wait for it"
        assert harness.watches_made == 0
        assert len(log.lines) == 1
        assert "cannot be looked at mapping=lab" in log.lines[0]
        assert "does not exist" in log.lines[0]
        lab.root.mkdir()
        lab.write("a", age_s=60)
        harness.run(ROOT_CHECK_S + 1)
        assert len(log.of("can be looked at again")) == 1
    assert harness.remote == {"a": b"data"}
    assert harness.watch["lab"].running


# Hints


def test_a_hint_is_looked_at(started: Harness) -> None:
    with looks_of(started.engine) as looks:
        started.write("a", age_s=60)
        started.now()
    assert looks == [("a",)]
    assert started.remote["a"] == b"data"


def test_hints_that_come_together_are_looked_at_together(started: Harness) -> None:
    with looks_of(started.engine) as looks:
        for number in range(20):
            started.write(f"{number}", age_s=60)
            started.run(0.001)
        started.run(1)
    assert len(looks) <= 3
    assert len(started.remote) == 21


def test_a_growing_file_costs_one_look_a_settle_time(started: Harness) -> None:
    with looks_of(started.engine) as looks:
        for number in range(300):
            started.write("log", b"x" * number)
            started.run(0.1)
        assert len(looks) <= 30 / 5 + 2
        started.run(6)
    assert started.remote["log"] == b"x" * 299
    assert started.outcomes.counts["uploaded"] == 2, "it was sent once, when it stood still"


def test_a_second_write_after_a_look_is_not_missed(started: Harness) -> None:
    started.clock.set_back(-20 * 365 * 86_400)  # no ctime of today counts
    started.run(10)
    started.write("a", b"1", age_s=60)
    started.run(0.1)
    started.write("a", b"22", age_s=0)
    started.run(5.1)
    assert started.remote["a"] == b"22"


def test_without_a_settle_time_every_hint_counts(lab: Lab) -> None:
    lab.configure(settle=0.0)
    harness = Harness(lab)
    harness.run(10)
    for content in (b"1", b"22", b"333"):
        harness.write("a", content)
        harness.run(0.1)
        assert harness.remote["a"] == content


def test_what_was_looked_at_is_soon_forgotten(started: Harness) -> None:
    for number in range(100):
        started.write(f"{number}", age_s=60)
    started.run(6)
    started.write("last", age_s=60)
    started.run(1)
    assert list(started.rescanner._looked) == ["last"]


def test_a_directory_that_is_moved_in_is_looked_through(started: Harness, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (tmp_path / "elsewhere" / name).write_text(name)
        started.lab.set_age(tmp_path / "elsewhere" / name, 60)
    (tmp_path / "elsewhere").rename(started.lab.root / "in")
    started.hint("in")
    started.now()
    assert {"in~a", "in~deep~b"} <= set(started.remote)


def test_more_paths_than_one_look_takes(started: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.sync.rescanner.MOST_PATHS", 10)
    assert MOST_PATHS > 10
    with looks_of(started.engine) as looks:
        for number in range(25):
            started.write(f"{number}", age_s=60)
        started.now()
    assert [len(look) for look in looks] == [10, 10, 5]
    assert len(started.remote) == 26


def test_a_file_that_is_gone_is_noticed(started: Harness) -> None:
    started.write("there", age_s=60)
    started.run(1)
    (started.lab.root / "here").unlink()
    started.hint("here")
    started.run(6)
    assert started.lab.record("here").local is None
    assert set(started.remote) == {"here", "there"}


# Everything


def test_it_looks_at_everything_now_and_then(started: Harness) -> None:
    with looks_of(started.engine) as looks:
        started.run(10 * RESCAN_S)
    assert set(looks) == {EVERYTHING}
    assert 9 <= len(looks) <= 11
    waits = [RESCAN_S * (1 - JITTER), RESCAN_S * (1 + JITTER)]
    assert waits[0] <= started.rescanner._everything_at - started.clock.monotonic() + RESCAN_S
    started.lab.write("unheard", age_s=60)
    started.run(waits[1])
    assert "unheard" in started.remote


def test_looks_are_spread_by_chance(started: Harness) -> None:
    at: list[float] = []
    scan = started.engine.scan

    def scanning(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        at.append(started.clock.monotonic())
        return scan(mapping, within, **kept)

    started.engine.scan = scanning  # type: ignore[method-assign]  # taken down, then done
    started.run(6 * RESCAN_S)
    gaps = {round(b - a) for a, b in pairwise(at)}
    assert len(gaps) > 3


@pytest.mark.parametrize(
    "lost", ["the kernel's queue of events overflowed", "more than 5,000 changes at once"]
)
def test_a_loss_of_events_lets_everything_be_looked_at(started: Harness, lost: str) -> None:
    started.lab.write("deep/unheard", age_s=60)
    with looks_of(started.engine) as looks:
        started.hint(lost=lost)
        started.run(1)
    assert looks == [EVERYTHING]
    assert "deep~unheard" in started.remote


def test_it_has_looked_once_no_doubt_is_left(harness: Harness) -> None:
    """Nothing is said to be up there while a look that has a reason is still due or goes on."""
    scan, during = harness.engine.scan, list[bool]()

    def looked() -> bool:
        return harness.rescanner.has_looked

    def scanning(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        during.append(looked())
        return scan(mapping, within, **kept)

    harness.engine.scan = scanning  # type: ignore[method-assign]  # taken down, then done
    assert not looked(), "what came while no daemon ran is not known"
    harness.run(1)
    assert looked()
    harness.rescanner.everything("a doubt")
    assert not looked()
    harness.run(5)
    assert looked()
    pauses = harness.lab.journal.pauses
    pauses.pause("lab", harness.clock.now_ns(), None)
    harness.run(2 * ROOT_CHECK_S)
    pauses.resume("lab")
    assert not looked(), "what came in a pause is not known"
    harness.run(2 * ROOT_CHECK_S)
    assert looked()
    assert during == [False] * 3
    harness.run(2 * RESCAN_S)
    assert during[3:]
    assert all(during[3:]), "a look without a reason puts nothing in doubt"


def test_doubts_without_end_leave_time_for_others(started: Harness) -> None:
    """A scan that takes long is not begun again at once."""
    scan = started.engine.scan

    def slow(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        started.clock.advance(10)
        return scan(mapping, within, **kept)

    started.engine.scan = slow  # type: ignore[method-assign]  # slower, then done
    with looks_of(started.engine) as looks:
        for _ in range(100):
            started.hint(lost="a storm")
            started.run(1)
    assert len(looks) <= 11


def test_a_slow_look_is_followed_by_a_long_rest(started: Harness) -> None:
    scan = started.engine.scan

    def slow(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        started.clock.advance(1000)
        return scan(mapping, within, **kept)

    started.engine.scan = slow  # type: ignore[method-assign]  # slower, then done
    with looks_of(started.engine) as looks:
        started.run(24_000)
    assert len(looks) <= 5


# Finds that nobody told of


def test_what_no_event_told_of_lets_it_look_more_often(started: Harness) -> None:
    started.lab.write("unheard", age_s=60)
    with logged() as log, looks_of(started.engine) as looks:
        while not looks:
            started.run(1)
        started.run(3)
        assert len(log.of("found what no event had told of")) == 1
        assert str(started.lab.root / "unheard") in log.of("found what no event had told of")[0]
        looks.clear()
        started.run(1.1 * RESCAN_WITHOUT_EVENTS_S + 3)
        assert looks == [EVERYTHING]
        looks.clear()
        started.run(0.8 * RESCAN_S)
        assert looks == [], "that one found nothing: events are believed again"
    assert len(log.of("found what")) == 1


def test_an_event_that_comes_a_little_late_has_told(started: Harness) -> None:
    started.run(0.85 * RESCAN_S)
    started.lab.write("late", age_s=60)
    started.lab.write("dir/late", age_s=60)
    with logged() as log, looks_of(started.engine) as looks:
        while not looks:
            started.run(1)
        started.hint("late", "dir")
        started.run(10)
    assert log.of("found what") == []


def test_a_file_that_is_to_be_looked_at_anyway_is_no_find(started: Harness) -> None:
    started.run(0.85 * RESCAN_S)
    with logged() as log:
        for number in range(200):
            started.write("log", b"x" * number)
            started.run(1)
    assert log.of("found what") == []


# Trust


def test_a_test_that_succeeds_is_not_told(started: Harness) -> None:
    with logged() as log:
        started.run(3 * TEST_AGAIN_S)
    assert log.lines == []


def test_a_test_that_fails_is_told_once_and_ends_by_itself(started: Harness) -> None:
    started.watch["lab"].works = False
    with logged() as log, looks_of(started.engine) as looks:
        started.run(TEST_AGAIN_S)
        looks.clear()
        started.run(TEST_AGAIN_S)
        assert len(log.lines) == 1
        assert "events cannot be trusted" in log.lines[0]
        assert "a test event" in log.lines[0]
        problem = watch_problem(started)
        assert problem is not None
        assert problem.message == f"a test event of {started.lab.root} did not arrive"
        assert len(looks) > 40
        started.watch["lab"].works = True
        started.run(TEST_AGAIN_S + 60)
        assert len(log.of("events can be trusted again")) == 1
        assert watch_problem(started) is None


def test_an_old_distrust_in_the_journal_ends_with_a_good_start(lab: Lab) -> None:
    harness = Harness(lab)
    lab.journal.mappings.set_watch(lab.mapping_id, Problem(said("limit reached", "raise it"), 1))
    harness.run(1)
    assert watch_problem(harness) is None


def test_an_old_distrust_is_told_again_after_a_restart(lab: Lab) -> None:
    for _ in range(2):
        harness = Harness(lab)
        harness.watch["lab"].works = False
        with logged() as log:
            harness.run(200)
        assert len(log.lines) == 1
        lab.clock.advance(100)
    problem = watch_problem(harness)
    assert problem is not None


def test_a_file_system_without_events(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.sync.watch_supervisor.without_events", lambda _: "nfs4")
    harness = Harness(lab)
    with logged() as log:
        harness.run(300)
        lab.write("a", age_s=60)
        harness.run(1.1 * RESCAN_WITHOUT_EVENTS_S)
    assert harness.remote == {"a": b"data"}
    assert len(log.of("is on nfs4")) == 1
    problem = watch_problem(harness)
    assert problem is not None
    assert "looked at more often" in problem.hint


def test_where_watching_cannot_begin_it_is_tried_again(lab: Lab) -> None:
    harness = Harness(lab)
    harness.watch["lab"].cannot_start = EventsUnavailable("no watches left", hint="sysctl ...")
    with logged() as log:
        harness.run(10 * WATCH_AGAIN_S)
        assert len(log.lines) == 1
        assert "reason=no watches left hint=sysctl ..." in log.lines[0]
        assert 8 <= harness.watches_made <= 12
        assert watch_problem(harness) is not None
        lab.write("a", age_s=60)
        harness.run(1.1 * RESCAN_WITHOUT_EVENTS_S)
        assert harness.remote == {"a": b"data"}
        harness.watch["lab"].cannot_start = None
        harness.run(WATCH_AGAIN_S + 10)
        assert len(log.of("events can be trusted again")) == 1
    assert watch_problem(harness) is None


def test_a_watcher_that_has_died_is_replaced(started: Harness) -> None:
    old = started.watch["lab"]
    started.run(120)
    old.ill = "a thread that listens has ended"
    started.watch["lab"] = FakeWatch()
    started.lab.write("unheard", age_s=60)
    with logged() as log, looks_of(started.engine) as looks:
        started.run(70)
    assert not old.running
    assert started.watch["lab"].running
    assert looks[0] == EVERYTHING
    assert len(log.of("watching begins again")) == 1
    assert "unheard" in started.remote


def test_directories_without_a_watch(lab: Lab) -> None:
    for number in range(10):
        lab.write(f"{number}/a", age_s=60)
    harness = Harness(lab)
    harness.watch["lab"].blind_to = 4
    with logged() as log, looks_of(harness.engine) as looks:
        harness.run(REWATCH_S - 60)
        assert looks[:2] == [EVERYTHING, EVERYTHING], "new watches may reach them"
        assert harness.watches_made == 2
        [line] = log.of("events cannot be trusted")
        assert "4 of 11 directories go unheard" in line
        assert "hint=raise it: `sudo sysctl fs.inotify.max_user_watches=" in line
        assert len(looks) > 7
        harness.run(3 * REWATCH_S)
        assert len(log.of("events cannot be trusted")) == 1
        assert 4 <= harness.watches_made <= 6, "now and then there may be room"
        harness.watch["lab"].blind_to = 0
        harness.run(REWATCH_S)
        assert len(log.of("events can be trusted again")) == 1
    assert watch_problem(harness) is None


def test_blind_directories_are_told_once_however_their_number_changes(lab: Lab) -> None:
    for number in range(10):
        lab.write(f"{number}/a", age_s=60)
    harness = Harness(lab)
    with logged() as log:
        for blind in (4, 5, 6, 7):
            harness.watch["lab"].blind_to = blind
            harness.run(3 * RESCAN_WITHOUT_EVENTS_S)
    assert len(log.of("events cannot be trusted")) == 1
    problem = watch_problem(harness)
    assert problem is not None
    assert "7 of 11" in problem.message
    assert harness.clock.now_ns() - problem.since_ns > 600e9, "its age is that of the trouble"


def test_directories_made_during_the_look_are_no_trouble(lab: Lab) -> None:
    harness = Harness(lab)
    harness.watch["lab"].blind_to = 1
    make, made = harness.rescanner._watch._make, list[int]()

    def making() -> Any:
        made.append(1)
        if len(made) == 2:
            harness.watch["lab"].blind_to = 0
        return make()

    harness.rescanner._watch._make = making
    with logged() as log:
        harness.run(60)
    assert log.lines == []
    assert harness.watches_made == 2
    assert watch_problem(harness) is None


# Roots


def test_a_root_that_is_replaced_is_looked_at_and_watched_anew(started: Harness) -> None:
    root = started.lab.root
    root.rename(root.with_name("old"))
    root.mkdir()
    started.lab.write("new", age_s=60)
    old, started.watch["lab"] = started.watch["lab"], FakeWatch()
    with logged() as log:
        started.run(ROOT_CHECK_S + 6)
    assert not old.running
    assert started.watch["lab"].running
    assert len(log.of("is not the one known before")) == 1
    assert started.remote == {"here": b"data"}, "of a root in doubt nothing is sent"
    assert started.lab.record("here").local is not None, "nothing reads as deleted"


def test_a_root_that_goes_and_comes_again(started: Harness) -> None:
    root = started.lab.root
    with logged() as log:
        root.rename(root.with_name("away"))
        started.run(600)
        assert len(log.of("does not exist")) == 1
        assert started.lab.record("here").local is not None
        assert started.rescanner._watch.running is False
        root.with_name("away").rename(root)
        started.lab.write("new", age_s=60)
        started.run(ROOT_CHECK_S + 1)
        assert len(log.of("can be looked at again")) == 1
    assert started.watch["lab"].running
    assert started.remote == {"here": b"data", "new": b"data"}


def test_an_unmounted_disk_with_files_to_send_costs_little(started: Harness) -> None:
    """The empty directory under a mount: files that were seen are not there, nor called gone."""
    root = started.lab.root
    started.run(60)
    started.lab.journal.pauses.pause("", started.clock.now_ns(), None)
    for number in range(20):
        started.lab.write(f"{number}", age_s=60)
    started.engine.scan(started.lab.mapping)
    root.rename(root.with_name("away"))
    root.mkdir()
    started.lab.journal.pauses.resume("")
    started.wake()
    with looks_of(started.engine) as looks:
        started.run(600)
    assert len(looks) < 600, "each file is tried less and less"
    assert len(started.pool.begun) < 20 * 20
    shutil.rmtree(root)
    root.with_name("away").rename(root)
    started.run(90)
    assert len(started.remote) == 21


def test_troubles_below_the_root_are_told_when_they_begin_and_end(started: Harness) -> None:
    trouble = {
        f"{number}": Problem(said("cannot be looked at: no", "let me"), 1) for number in range(25)
    }
    scan = started.engine.scan

    def troubled(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        report = scan(mapping, within, **kept)
        report.troubles.update(trouble)
        return report

    started.engine.scan = troubled  # type: ignore[method-assign]  # done, and more
    with logged() as log:
        for _ in range(3):
            started.hint(lost="x")
            started.run(10)
        lines = log.of("cannot be looked at mapping=lab")
        assert len(lines) == 11
        assert lines[0].endswith(
            f"path={started.lab.root}/0 reason=cannot be looked at: no hint=let me"
        )
        assert lines[-1] == "warning cannot be looked at mapping=lab others=15"
        trouble.clear()
        started.hint("somewhere")
        started.run(10)
    assert len(log.of("can be looked at again")) == 11


# Failures


def test_a_look_that_fails_is_not_forgotten(
    started: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(started.lab.journal.observations, "observe", failing)
    started.write("some", age_s=60)
    started.run(3)
    assert FULL in started.failures
    started.lab.write("unheard", age_s=60)
    started.hint(lost="a storm")
    started.run(100)
    monkeypatch.undo()
    started.run(61)
    assert {"some", "unheard"} <= set(started.remote)


def test_one_path_whose_look_fails_is_looked_at_again(
    started: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(started.lab.journal.observations, "observe", failing)
    started.write("some", age_s=60)
    started.run(3)
    monkeypatch.undo()
    with looks_of(started.engine) as looks:
        started.run(10)
    assert ("some",) in looks
    assert "some" in started.remote


def test_a_mapping_whose_looks_fail_stops_no_other(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = MappingConfig(
        name="other", directory=other, experiment=EID, prefix="o", manifest=False
    )
    harness = Harness(lab, second)
    scan = harness.engine.scan

    def failing(mapping: MappingConfig, within: Any = (), **kept: Any) -> Any:
        if mapping.name == "lab":
            raise ZeroDivisionError
        return scan(mapping, within, **kept)

    harness.engine.scan = failing  # type: ignore[method-assign]  # one of them fails
    lab.write("a", age_s=60)
    (other / "b").write_text("data")
    lab.set_age(other / "b", 60)
    with logged() as log:
        harness.run(600)
    assert harness.remote == {"o~b": b"data"}
    assert len(log.of("a step failed")) == 1
    assert len(harness.failures) < 30


# The end of a trouble


def close_folder(harness: Harness, *paths: str) -> Path:
    """Files in a folder that nobody may look into, and that are known of from before."""
    folder = harness.lab.root / "run"
    for path in paths:
        harness.lab.write(f"run/{path}", age_s=60)
    folder.chmod(0)
    harness.hint("run")
    harness.run(2)
    assert list(harness.lab.troubles()) == ["run"]
    return folder


def test_what_was_held_for_a_trouble_is_sent_once_it_is_over(started: Harness) -> None:
    """No look at everything is needed, and the policies of a moment ago do not hold it."""
    with bound_by_permissions(), logged() as log, looks_of(started.engine) as looks:
        folder = close_folder(started, "a", "deep/b")
        folder.chmod(0o700)
        started.hint("run")
        started.run(0.5)
    assert EVERYTHING not in looks
    assert {"run~a", "run~deep~b"} <= set(started.remote)
    assert [line for line in log.lines if " held " in line] == []


def test_a_file_that_was_known_and_held_is_decided_on_anew(started: Harness) -> None:
    started.write("run/a", age_s=60)
    started.run(2)
    started.working = False
    started.write("run/a", b"changed", age_s=60)
    with bound_by_permissions():
        started.run(7)
        started.pool.waiting.clear()  # it was under way, and came to nothing
        folder = close_folder(started)
        started.working = True
        folder.chmod(0o700)
        started.hint("run")
        started.run(0.5)
        assert started.lab.troubles() == {}


def test_of_what_is_in_trouble_an_event_is_never_put_off(started: Harness) -> None:
    """It was looked at just now, and found closed."""
    with bound_by_permissions(), looks_of(started.engine) as looks:
        folder = close_folder(started, "a")
        for _ in range(3):
            started.hint("run")
            started.run(0.1)
        assert len(looks) >= 3
        folder.chmod(0o700)
        started.hint("run")
        started.run(0.2)
    assert "run~a" in started.remote


def test_an_event_below_what_is_in_trouble_tells_that_it_may_be_over(started: Harness) -> None:
    """As where a disk is mounted again whose directories are watched still."""
    with bound_by_permissions(), logged() as log, looks_of(started.engine) as looks:
        folder = close_folder(started, "a", "deep/b")
        started.hint("run/deep/b")
        started.run(2)
        assert list(started.lab.troubles()) == ["run"]
        folder.chmod(0o700)
        started.hint("run/deep/b")
        started.run(2)
    assert EVERYTHING not in looks
    assert {"run~a", "run~deep~b"} <= set(started.remote)
    assert [line for line in log.lines if " held " in line] == []


def test_a_folder_that_was_not_watched_is_looked_at_once_it_is(started: Harness) -> None:
    """What was written between the look that found it open and the watch made no event."""
    with bound_by_permissions(), looks_of(started.engine) as looks:
        folder = close_folder(started, "a")
        started.watch["lab"].unwatched.add("run")
        looks.clear()
        folder.chmod(0o700)
        started.hint("run")
        started.run(1)
    assert looks == [("run",), ("run",)]
    assert started.watch["lab"].unwatched == set()


def test_a_root_that_is_right_again_is_decided_on_as_a_whole(started: Harness) -> None:
    """An event of one file ends the doubt; the others are not left to the next routine look."""
    root, away = started.lab.root, started.lab.root.parent / "away"
    for path in ("a", "run/b"):
        started.lab.write(path, age_s=60)
    root.rename(away)
    root.mkdir()
    started.hint("a")
    started.run(1)
    assert list(started.lab.troubles()) == [""]
    root.rmdir()
    away.rename(root)
    started.hint("elsewhere")
    started.run(1)
    assert {"a", "run~b"} <= set(started.remote)


# Clocks and requests


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_clock_that_jumps_changes_nothing(started: Harness, hours: int) -> None:
    started.clock.set_back(hours * 3600)
    with looks_of(started.engine) as looks:
        started.run(2 * RESCAN_S)
    assert 1 <= len(looks) <= 3


def test_whoever_asks_gets_a_look(started: Harness) -> None:
    with looks_of(started.engine) as looks:
        started.rescanner.everything("a person's decision")
        started.run(1)
    assert looks == [EVERYTHING]


def test_while_it_is_paused_it_looks_at_nothing_and_then_at_everything(started: Harness) -> None:
    started.lab.journal.pauses.pause("lab", started.clock.now_ns(), None)
    with looks_of(started.engine) as looks:
        for number in range(20):
            started.write(f"{number}", age_s=60)
            started.run(10)
        assert looks == []
        started.lab.journal.pauses.resume("")
        started.run(ROOT_CHECK_S + 1)
        assert looks[0] == EVERYTHING
    assert len(started.remote) == 21


def test_a_start_while_paused_is_a_start(lab: Lab) -> None:
    lab.journal.pauses.pause("", lab.clock.now_ns(), None)
    harness = Harness(lab)
    harness.run(60)
    assert harness.rescanner.began.is_set()
    lab.journal.pauses.resume("")
    lab.write("a", age_s=60)
    harness.run(ROOT_CHECK_S + 65)
    assert harness.remote == {"a": b"data"}
    assert harness.watch["lab"].running


def test_idle_it_does_next_to_nothing(started: Harness) -> None:
    assert started.steps_in(600, "rescans lab") <= 600 / ROOT_CHECK_S + 5
    assert started.steps_in(600, "dispatcher") <= 15
    assert started.steps_in(600, "server") <= 15


def test_closing_ends_the_watch(started: Harness) -> None:
    started.rescanner.close()
    assert not started.watch["lab"].running


# What was closed and shows no change


def planned(harness: Harness, path: str) -> int | None:
    version = harness.lab.record(path).synced
    assert version is not None
    return version.recheck_at_ns


@pytest.fixture
def vouched(harness: Harness) -> Harness:
    """Files that are in sync, and old enough for their times to be believed."""
    harness.clock.advance(30 * 86_400)
    harness.lab.write("a.csv")
    harness.lab.write("run/b.csv")
    harness.run(30)
    assert planned(harness, "a.csv") is None
    return harness


def test_a_closed_file_without_a_change_is_to_be_checked_again(vouched: Harness) -> None:
    harness = vouched
    harness.watch["lab"].closed.add("a.csv")
    harness.hint("a.csv")
    harness.now()
    assert planned(harness, "a.csv") is not None
    assert planned(harness, "run/b.csv") is None
    harness.run(120)
    assert planned(harness, "a.csv") is None


def test_so_is_one_below_a_directory_that_is_hinted_at(vouched: Harness) -> None:
    harness = vouched
    harness.watch["lab"].closed.add("run/b.csv")
    harness.hint("run")
    harness.now()
    assert planned(harness, "run/b.csv") is not None


def test_one_that_was_closed_before_a_look_at_everything(vouched: Harness) -> None:
    harness = vouched
    harness.watch["lab"].closed.add("a.csv")
    harness.hint("a.csv", "run")
    harness.rescanner.everything("a test")
    harness.now()
    assert planned(harness, "a.csv") is not None


def test_a_closed_file_that_has_changed_is_uploaded(vouched: Harness) -> None:
    harness = vouched
    harness.watch["lab"].closed.add("a.csv")
    harness.write("a.csv", b"other", age_s=60)
    harness.run(10)
    assert planned(harness, "a.csv") is None
    assert harness.lab.remote["a.csv"] == b"other"


def test_what_was_stored_to_unseen_goes_up_without_a_hint(harness: Harness) -> None:
    place = harness.lab.write("map.dat", bytes(8192))
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 8192) as pages:
        pages[0] = 1
        harness.run(30)
        assert harness.lab.remote == {"map.dat": b"\1" + bytes(8191)}
        pages[1] = 2
    harness.run(300)
    assert harness.lab.remote == {"map.dat": b"\1\2" + bytes(8190)}
    assert planned(harness, "map.dat") is None
