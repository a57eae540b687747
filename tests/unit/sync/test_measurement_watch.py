"""The daemon sends measurements as they become complete, without looking for that all the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aqsync.errors import JournalDiskFull
from aqsync.journal.history import HistoryKind, Wanted
from aqsync.journal.measurements import MissingFile
from aqsync.model import FileRecord, InSync, Outcome, Policy, Reason, Wait
from aqsync.sync.jobs import Job
from aqsync.sync.measured import Measured
from aqsync.sync.measurement_watch import LOOKED_AGAIN_S
from aqsync.sync.policies import ALWAYS, undecided
from aqsync.sync.policy_cache import PolicyCache
from tests.support.harness import Harness, looks_of
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions
from tests.support.stepping import RESCAN_S

SETTLED_S = 6.0
"""A little longer than the settle time."""
TAG = {"sentinel": ("done.tag",)}


@pytest.fixture
def start(lab: Lab) -> Callable[..., Harness]:
    def started(complete: dict[str, Any] = TAG, **keys: Any) -> Harness:
        section = {"folder": "{run}/", "complete": complete, "send": "when_complete", **keys}
        lab.configure(measurement=section)
        harness = Harness(lab)
        harness.run(1)
        return harness

    return started


class _Forgetful(dict[str, Any]):
    """Outcomes find nothing that they could count."""

    def get(self, _key: str, _default: object = None) -> None:
        return None


def completions(lab: Lab) -> list[tuple[str, str]]:
    """What the history tells of measurements."""
    kinds = [HistoryKind.MEASUREMENT_COMPLETE, HistoryKind.MEASUREMENT_ON_SERVER]
    events = lab.journal.history.recent(100, Wanted(kinds=kinds))
    return [(event.kind.value.removeprefix("measurement "), event.path) for event in events]


def test_a_sentinel_lets_all_go_the_last_ones_at_the_end(start: Callable[..., Harness]) -> None:
    harness = start(last=("*.json", "node.json"))
    sent: list[str] = []
    perform = harness.performing

    def performing(job: Job) -> Outcome:
        sent.append(job.file.path)
        return perform(job)

    harness.performing = performing
    for name in ("a.csv", "b.csv", "node.json", "raw.json", "deep/1.json", "deep/2.json"):
        harness.write(f"run/{name}")
    harness.run(120)
    assert harness.remote == {}

    harness.write("run/done.tag", b"")
    harness.run(SETTLED_S)
    assert sorted(sent[:3]) == ["run/a.csv", "run/b.csv", "run/done.tag"]
    assert sorted(sent[3:5]) == ["run/deep/1.json", "run/deep/2.json"]
    assert sent[5:] == ["run/raw.json", "run/node.json"]
    harness.run(1)
    assert completions(harness.lab) == [("complete", "run"), ("on server", "run")]


def test_what_is_seen_late_settles_by_its_own_times(start: Callable[..., Harness]) -> None:
    harness = start()
    harness.write("run/a.csv")
    harness.run(120)
    harness.write("run/done.tag", b"1")
    harness.run(4)
    harness.engine.measurements["lab"].changed(
        ["run/done.tag"]
    )  # told of again, as by a late event
    harness.run(SETTLED_S - 4)
    assert sorted(harness.remote) == ["run~a.csv", "run~done.tag"]


def test_nothing_is_looked_at_while_nothing_happens(start: Callable[..., Harness]) -> None:
    harness = start()
    for run in range(5):
        harness.write(f"run_{run}/a.csv")
    harness.run(30)
    with looks_of(harness.engine) as looks:
        harness.run(RESCAN_S / 2)
    assert looks == []


def test_one_that_is_being_written_is_not_looked_at_as_a_whole(
    start: Callable[..., Harness],
) -> None:
    harness = start()
    with looks_of(harness.engine) as looks:
        for number in range(20):
            harness.write(f"run/{number}.csv")
            harness.run(2)
    assert all("run" not in look for look in looks)
    harness.run(SETTLED_S)
    assert harness.remote == {}


def test_a_look_that_finds_nothing_new_has_nothing_decided_on(
    start: Callable[..., Harness],
) -> None:
    harness = start()
    harness.write("run/a.csv")
    harness.write("other/a.csv")
    harness.run(SETTLED_S)
    decided: list[str] = []
    decide = harness.engine.decide

    def deciding(file: FileRecord, policy_of: Callable[[FileRecord], Policy]) -> Any:
        decided.append(file.path)
        return decide(file, policy_of)

    harness.engine.decide = deciding  # type: ignore[method-assign]  # counted, then done
    watch = harness.engine.measurements[harness.lab.mapping.name]
    watch.again(["run"])
    with looks_of(harness.engine) as looks:
        harness.run(10)
    assert looks == [("run",)]
    assert decided == []


def test_a_policy_ends_with_the_time_until_which_it_has_files_wait(
    start: Callable[..., Harness],
) -> None:
    harness = start()
    harness.write("run/a.csv")
    harness.run(SETTLED_S - 1.5)
    [waiting] = undecided(harness.lab.journal, harness.lab.mapping)
    [file] = harness.lab.journal.observations.records([waiting.id])
    cache = PolicyCache(harness.engine, ALWAYS)

    def reason() -> Reason:
        unready = cache.of(file, at_once=False).unready
        assert unready is not None
        return unready.reason

    assert reason() is Reason.MEASUREMENT_CHANGING
    harness.clock.advance(0.4)
    assert reason() is Reason.MEASUREMENT_CHANGING
    harness.clock.advance(0.2)
    assert reason() is Reason.MEASUREMENT_INCOMPLETE


def test_quiet_ends_by_itself(start: Callable[..., Harness]) -> None:
    harness = start({"quiet": 600.0})
    harness.write("run/a.csv")
    harness.run(500)
    assert harness.remote == {}
    harness.write("run/b.csv")
    harness.run(599)
    assert harness.remote == {}
    harness.run(2)
    assert set(harness.remote) == {"run~a.csv", "run~b.csv"}


def test_a_newer_folder_lets_the_one_before_it_go(start: Callable[..., Harness]) -> None:
    harness = start({"newer_sibling": True})
    harness.write("run_9/a.csv")
    harness.run(60)
    assert harness.remote == {}
    harness.write("run_10/a.csv")
    harness.run(SETTLED_S)
    assert set(harness.remote) == {"run_9~a.csv"}


def test_a_newer_folder_counts_though_it_is_written_all_the_time(
    start: Callable[..., Harness],
) -> None:
    harness = start({"newer_sibling": True})
    harness.write("run_9/a.csv")
    harness.run(60)
    for number in range(10):
        harness.write(f"run_10/{number}.csv")
        harness.run(2)
    assert set(harness.remote) == {"run_9~a.csv"}


def test_a_late_change_is_sent_once_it_has_settled(start: Callable[..., Harness]) -> None:
    harness = start()
    harness.write("run/done.tag")
    harness.write("run/a.csv", b"first")
    harness.run(SETTLED_S)
    assert harness.remote["run~a.csv"] == b"first"

    harness.write("run/a.csv", b"second")
    harness.run(3)
    harness.write("run/b.csv")
    harness.run(3)
    assert harness.remote["run~a.csv"] == b"first", "not before all of it has settled"
    harness.run(3)
    assert harness.remote["run~a.csv"] == b"second"
    assert "run~b.csv" in harness.remote
    assert completions(harness.lab) == [("complete", "run"), ("on server", "run")] * 2


def test_a_late_change_stops_what_waits_for_a_worker(start: Callable[..., Harness]) -> None:
    """The policies of a moment ago say that it is complete."""
    harness = start()
    for number in range(20):
        harness.write(f"run/{number:02}.csv", age_s=60)
    harness.write("run/done.tag", age_s=60)
    harness.working = False
    harness.run(0.2)
    begun = len(harness.pool.waiting)
    assert 0 < begun < 20

    harness.write("run/late.csv")
    harness.rescanner.step()
    harness.working = True
    harness.run(0.5)
    assert len(harness.remote) == begun
    harness.run(SETTLED_S)
    assert len(harness.remote) == 22


def test_a_late_change_stops_a_last_file_that_is_under_way(
    start: Callable[..., Harness],
) -> None:
    harness = start(last=("*.json",))
    for name in ("a.csv", "done.tag"):
        harness.write(f"run/{name}", age_s=60)
    harness.run(3)
    harness.working = False
    harness.write("run/node.json", b"late", age_s=60)
    harness.run(3)
    [(job, _lane)] = harness.pool.waiting
    assert job.file.path == "run/node.json"

    harness.write("run/b.csv")
    harness.rescanner.step()
    harness.working = True
    harness.run(1)
    assert "run~node.json" not in harness.remote
    harness.run(SETTLED_S)
    assert harness.lab.server.called("upload")[-1].endswith("run~node.json")
    assert len(harness.remote) == 4


def test_a_restart_goes_on(start: Callable[..., Harness]) -> None:
    harness = start({"quiet": 600.0})
    harness.write("run/a.csv")
    harness.run(300)
    again = Harness(harness.lab)
    again.run(299)
    assert again.remote == {}
    again.run(2)
    assert set(again.remote) == {"run~a.csv"}
    assert completions(again.lab) == [("complete", "run"), ("on server", "run")]
    Harness(harness.lab).run(60)
    assert len(completions(again.lab)) == 2, "nothing is told twice"


def test_a_clock_that_is_set_back_holds_nothing_up(start: Callable[..., Harness]) -> None:
    harness = start({"quiet": 60.0})
    harness.write("run/a.csv")
    harness.run(1)
    harness.clock.set_back(86400.0)
    harness.hint("run/a.csv")
    harness.run(70)
    assert set(harness.remote) == {"run~a.csv"}


def test_what_keeps_the_last_file_is_named_and_ends(start: Callable[..., Harness]) -> None:
    harness = start(last=("*.json",))
    harness.lab.server.put(EID, "run~b.csv", b"others")
    for name in ("a.csv", "b.csv", "node.json", "done.tag"):
        harness.write(f"run/{name}", age_s=60)
    harness.run(600)
    waiting = harness.lab.decision("run/node.json")
    assert isinstance(waiting, Wait)
    assert "run/b.csv" in waiting.message
    assert "run~node.json" not in harness.remote

    (harness.lab.root / "run/b.csv").unlink()
    harness.hint("run/b.csv")
    harness.run(SETTLED_S)
    assert isinstance(harness.lab.decision("run/node.json"), InSync)


def test_a_last_file_that_no_outcome_sets_free_is_looked_at_all_the_same(
    start: Callable[..., Harness],
) -> None:
    harness = start(last=("*.json",))
    for name in ("a.csv", "node.json", "done.tag"):
        harness.write(f"run/{name}", age_s=60)
    harness.engine.measurements["lab"]._left = _Forgetful()
    harness.run(LOOKED_AGAIN_S + 10)
    assert "run~node.json" in harness.remote


def test_what_is_sent_while_a_measurement_is_judged_is_not_missed(
    start: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = start(last=("*.json",))
    find_next = Measured.next

    def sending_meanwhile(measured: Measured, folder: str) -> list[MissingFile]:
        found = find_next(measured, folder)
        while harness.pool.waiting:
            harness.pool.run()
        return found

    harness.working = False
    for name in ("a.csv", "node.json", "done.tag"):
        harness.write(f"run/{name}")
    harness.run(SETTLED_S)
    assert harness.pool.waiting
    monkeypatch.setattr(Measured, "next", sending_meanwhile)
    watch = harness.engine.measurements["lab"]
    watch._left.clear()  # as if it were judged for the first time
    harness.rescanner._judge(["run"])
    harness.working = True
    harness.run(3)
    assert "run~node.json" in harness.remote


def test_a_push_of_a_measurement(start: Callable[..., Harness]) -> None:
    """It waits for what is named to pass, sends the last files last, and ends."""
    harness = start({"quiet": 60.0}, last=("*.json",))
    lab = harness.lab
    before = lab.clock.monotonic()
    for name in ("node.json", "a.csv"):
        lab.write(f"run/{name}", age_s=20)
    assert lab.push("run", wait_for_settling=False).uploaded == 0
    assert lab.push("run", longest_wait_s=30.0).uploaded == 0, "it would take longer"
    assert lab.push("run", at_once=True).uploaded == 2
    assert lab.clock.monotonic() - before < 45
    assert "node.json" in lab.server.called("upload")[-1]


def test_a_push_ends_though_a_measurement_is_never_complete(lab: Lab) -> None:
    lab.configure(measurement={"folder": "{run}/", "complete": TAG, "send": "when_complete"})
    lab.write("run/a.csv")
    lab.write("a.csv")
    before = lab.clock.monotonic()
    assert lab.push().uploaded == 1
    assert lab.clock.monotonic() - before < 10


def test_without_the_section_there_is_nothing_to_watch(lab: Lab) -> None:
    assert Harness(lab).engine.measurements == {}


def test_a_folder_that_is_gone_is_forgotten(start: Callable[..., Harness], tmp_path: Path) -> None:
    harness = start({"newer_sibling": True})
    harness.write("run_1/a.csv", age_s=60)
    harness.write("run_2/a.csv", age_s=60)
    harness.run(SETTLED_S)
    assert set(harness.remote) == {"run_1~a.csv"}
    (harness.lab.root / "run_2").rename(tmp_path / "away")
    harness.hint("run_2")
    harness.run(SETTLED_S)
    harness.write("run_1/b.csv", age_s=60)
    harness.run(SETTLED_S)
    assert set(harness.remote) == {"run_1~a.csv"}, "it is the newest now"


def test_a_file_that_is_closed_without_a_sign(start: Callable[..., Harness]) -> None:
    """No event tells of it, so the system is asked again and again, while it is open alone."""
    harness = start({"closed": True})
    place = harness.write("run/a.csv", age_s=60)
    with place.open("ab"):
        harness.run(120)
        assert harness.remote == {}
        assert "run/a.csv is open for writing" in harness.lab.decision("run/a.csv").message
        with looks_of(harness.engine) as looks:
            harness.run(60)
        assert looks == [("run",)] * 6
    harness.run(11)
    assert set(harness.remote) == {"run~a.csv"}
    with looks_of(harness.engine) as looks:
        harness.run(60)
    assert ("run",) not in looks


def test_a_file_whose_closing_is_told(start: Callable[..., Harness]) -> None:
    harness = start({"closed": True})
    place = harness.write("run/a.csv", age_s=60)
    with place.open("ab"):
        harness.run(62)
    harness.watch["lab"].closed.add("run/a.csv")
    harness.hint("run/a.csv")
    harness.run(SETTLED_S)
    assert set(harness.remote) == {"run~a.csv"}


@pytest.mark.parametrize("part", ["judge", "unquiet"])
def test_a_journal_that_fails_costs_no_measurement(
    start: Callable[..., Harness], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it fails at, what has become complete is not forgotten."""
    harness = start(last=("*.json",))
    for name in ("a.csv", "node.json"):
        harness.write(f"run/{name}")
    harness.run(60)
    failing = [5]
    kept = harness.lab.journal
    fails = {"judge": (kept.measurements, "told"), "unquiet": (kept.observations, "unquiet")}
    of, name = fails[part]
    asked = getattr(of, name)

    def ask(*values: Any, **more: Any) -> Any:
        if failing[0]:
            failing[0] -= 1
            raise JournalDiskFull("the disk is full", hint="free some")
        return asked(*values, **more)

    monkeypatch.setattr(of, name, ask)
    harness.write("run/done.tag")
    harness.run(120)
    assert failing == [0]
    assert len(harness.remote) == 3
    harness.forget_failures()


def test_a_place_that_can_be_looked_at_again(start: Callable[..., Harness]) -> None:
    """No file of the measurement has changed, and all of them waited for that."""
    harness = start(last=("*.json",))
    for name in ("a.csv", "node.json", "raw/x.bin"):
        harness.write(f"run/{name}")
    harness.run(60)
    with bound_by_permissions():
        raw = harness.lab.root / "run/raw"
        raw.chmod(0)
        harness.hint("run/raw")
        harness.write("run/done.tag")
        harness.run(60)
        assert harness.remote == {}
        assert "cannot be looked at as a whole" in harness.lab.decision("run/a.csv").message
        raw.chmod(0o700)
        harness.hint("run/raw")
        harness.run(SETTLED_S)
    assert len(harness.remote) == 4


def test_a_root_that_is_away_is_not_asked_about(start: Callable[..., Harness]) -> None:
    harness = start({"closed": True})
    place = harness.write("run/a.csv", age_s=60)
    with place.open("ab"):
        harness.run(30)
        away = harness.lab.root.rename(harness.lab.root.with_name("away"))
        harness.run(300)
        away.rename(harness.lab.root)
    harness.run(300)
    assert set(harness.remote) == {"run~a.csv"}


def test_a_push_asks_which_files_are_open(lab: Lab) -> None:
    section = {"folder": "{run}/", "complete": {"closed": True}, "send": "when_complete"}
    lab.configure(measurement=section)
    place = lab.write("run/a.csv")
    with place.open("ab"):
        assert lab.push("run/a.csv", longest_wait_s=30.0).uploaded == 0
    assert lab.push("run/a.csv").uploaded == 1
