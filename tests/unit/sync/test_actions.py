"""Each action runs once for each content of a measurement, whatever is lost or killed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.aqueduct.records import (
    Execution,
    ExtensionRecord,
    Parameter,
    TaskRecord,
    TaskStatus,
)
from aqsync.errors import (
    Forbidden,
    NoConnection,
    OperationFailed,
    ServerFailed,
    ServerUnreachable,
)
from aqsync.model import SECOND_NS, ActionRun, ActionStart, ActionState, Freed
from aqsync.sync import action_rules
from aqsync.sync.action_rules import LOST_NS, MOST_AT_ONCE
from aqsync.sync.action_tasks import ActionTasks
from aqsync.sync.actions import Actions
from aqsync.sync.push import LONG_ACTION_S
from tests.support.action_lab import ACTION, ActionLab
from tests.support.fake_tasks import action
from tests.support.lab import EID, Killed

LOST = ServerUnreachable("silence")
MEASUREMENTS = 6


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ActionLab]:
    with ActionLab(tmp_path) as made:
        yield made


def test_what_has_arrived_is_analysed_once(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.write("day/run_2/iq.csv")  # still being taken
    lab.push()
    [task] = lab.tasks.made
    assert (task.extension_name, task.action_name) == ("plots", "t1")
    assert [(key.name, value) for key, value in task.parameters] == [("experiment", EID)]
    assert task.experiment.uuid == lab.server.of(EID).uuid
    assert lab.states() == [ActionState.WAITING]
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    for _ in range(3):
        lab.later()
    assert len(lab.tasks.made) == 1
    assert lab.states() == [ActionState.SUCCEEDED]
    kinds = [event.kind for event in lab.journal.history.recent(50) if "action" in event.kind]
    assert kinds == ["action begun", "action ended"]


def test_another_content_is_analysed_again_once_it_is_whole(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    (lab.root / "day/run_1/done.tag").unlink()
    lab.write("day/run_1/iq.csv", b"other data")
    lab.later()
    assert len(lab.tasks.made) == 1, "it is being taken again"
    lab.write("day/run_1/done.tag")
    lab.later()
    assert len(lab.tasks.made) == 2
    lab.write("day/run_1/iq.csv", b"data")  # as it was
    lab.later()
    lab.later()
    assert len(lab.tasks.made) == 2
    assert len({run.digest for run in lab.runs()}) == 2


def test_a_file_that_is_gone_here_is_still_part_of_it(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    (lab.root / "day/run_1/iq.csv").unlink()
    lab.later()
    assert len(lab.tasks.made) == 1


def free(lab: ActionLab, *paths: str) -> None:
    for path in paths:
        file = lab.record(path)
        assert file.synced is not None
        found = Freed(0, file.synced.sha256, file.size, str(file.remote.modified_at))
        assert lab.journal.freed.note([(file, found)], lab.clock.now_ns())
        (lab.root / path).unlink()


def delete(lab: ActionLab, *paths: str) -> None:
    for path in paths:
        (lab.root / path).unlink()


FILES = ("day/run_1/iq.csv", "day/run_1/done.tag")


@pytest.mark.parametrize("remove", [free, delete])
@pytest.mark.parametrize("gone", [FILES[:1], FILES])
def test_what_is_gone_here_is_not_analysed_again_after_a_backup_was_restored(
    lab: ActionLab, remove: Callable[..., None], gone: tuple[str, ...]
) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    lab.later()
    remove(lab, *gone)
    lab.later()
    for name, content in lab.remote.items():
        lab.server.put(EID, name, content)  # the same under another time
    for _ in range(3):
        lab.later()
    assert len(lab.tasks.made) == 1


@pytest.mark.parametrize("remove", [free, delete])
def test_a_person_may_run_again_what_is_gone_here(
    lab: ActionLab, remove: Callable[..., None]
) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.FAILURE, 1)
    lab.later()
    remove(lab, *FILES)
    lab.later()
    lab.journal.actions.again(lab.runs())
    lab.later()
    assert len(lab.tasks.made) == 2


def test_an_action_configured_later_runs_on_what_was_freed(lab: ActionLab) -> None:
    lab.configure(actions=())
    lab.measure("run_1")
    lab.push()
    free(lab, *FILES)
    lab.push()
    lab.configure()
    lab.later()
    assert len(lab.tasks.made) == 1


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -3600.0])
def test_a_task_whose_answer_was_lost_is_found_again(lab: ActionLab, ahead_s: float) -> None:
    lab.tasks.ahead_s = lab.server.clock_ahead_s = ahead_s
    lab.tasks.after.append(LOST)
    lab.measure("run_1")
    lab.push()
    assert lab.states() == [ActionState.UNANSWERED]
    lab.tasks.end(TaskStatus.FAILURE, 3, "one\ntwo\nthree")
    lab.later()
    lab.later()
    [run] = lab.runs()
    assert len(lab.tasks.made) == 1
    assert (run.state, run.result_code) == (ActionState.FAILED, 3)
    assert run.said == "one\ntwo\nthree"
    assert run.task == str(lab.tasks.made[0].uuid)


def test_a_start_that_nothing_came_of_is_asked_for_again_much_later(lab: ActionLab) -> None:
    lab.tasks.troubles.append(LOST)
    lab.measure("run_1")
    lab.push()
    for _ in range(5):
        lab.later()
    assert lab.tasks.made == []
    lab.later(LOST_NS / SECOND_NS)
    assert len(lab.tasks.made) == 1
    assert lab.states() == [ActionState.WAITING]


def test_a_start_that_nothing_came_of_is_given_up_if_the_content_has_changed(
    lab: ActionLab,
) -> None:
    lab.tasks.troubles.append(ServerFailed("502"))
    lab.measure("run_1")
    lab.push()
    lab.write("day/run_1/iq.csv", b"other data")
    lab.later()
    lab.later(LOST_NS / SECOND_NS)
    assert len(lab.tasks.made) == 1
    assert sorted(lab.states()) == sorted([ActionState.OUTDATED, ActionState.WAITING])


def test_what_was_never_sent_is_asked_for_as_soon_as_there_is_a_connection(lab: ActionLab) -> None:
    lab.tasks.troubles.append(NoConnection("refused"))
    lab.measure("run_1")
    lab.push()
    assert lab.runs() == []
    lab.later(600)
    assert len(lab.tasks.made) == 1


def test_a_lost_journal_begins_nothing_twice(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.measure("run_2", b"more")
    lab.push()
    assert len(lab.tasks.made) == 2
    lab.reopen(lose_journal=True)
    lab.later()
    lab.later()
    assert len(lab.tasks.made) == 2
    assert len({run.task for run in lab.runs()}) == 2


def test_what_has_failed_waits_for_a_person(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.FAILURE, 1)
    for _ in range(3):
        lab.later(3600)
    assert len(lab.tasks.made) == 1
    lab.journal.actions.again(lab.runs())
    lab.later()
    lab.later()
    assert len(lab.tasks.made) == 2
    [run] = lab.runs()
    assert (run.attempt, run.state, run.again) == (2, ActionState.WAITING, False)


def test_a_lost_answer_to_a_second_attempt_is_not_mistaken_for_the_first(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.FAILURE, 1)
    lab.later()
    lab.clock.advance(60)
    lab.journal.actions.again(lab.runs())
    lab.tasks.troubles.append(LOST)
    lab.later()
    lab.later()
    assert lab.states() == [ActionState.UNANSWERED]
    lab.later(LOST_NS / SECOND_NS)
    assert len(lab.tasks.made) == 2
    assert lab.states() == [ActionState.WAITING]


def test_a_second_attempt_that_was_never_sent_is_still_wanted(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.FAILURE, 1)
    lab.later()
    lab.journal.actions.again(lab.runs())
    lab.tasks.troubles.append(NoConnection("refused"))
    lab.later()
    [run] = lab.runs()
    assert (run.state, run.attempt, run.again) == (ActionState.FAILED, 1, True)
    lab.later()
    assert len(lab.tasks.made) == 2
    assert lab.states() == [ActionState.WAITING]


def test_a_refusal_waits_for_a_person(lab: ActionLab) -> None:
    lab.tasks.troubles.extend([OperationFailed("no"), Forbidden("403")])
    lab.measure("run_1")
    lab.measure("run_2", b"more")
    lab.push()
    lab.later()
    assert lab.states() == [ActionState.REFUSED, ActionState.REFUSED]
    assert [run.said for run in lab.runs()] == ["no", "403"]
    assert lab.engine.usable


def test_a_server_that_is_away_begins_nothing(lab: ActionLab) -> None:
    lab.tasks.away = ServerUnreachable("away")
    lab.measure("run_1")
    lab.push()
    assert lab.runs() == []
    assert lab.engine.usable, "what ails extensions holds up no file"
    lab.tasks.away = None
    lab.later(3600)
    assert len(lab.tasks.made) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"extension": "plot"}, "the server has no extension plot; it has plots"),
        ({"action": "t2"}, "the server has no action t2 in it; it has t1"),
        ({"parameters": {"x": "1"}}, "'x' is unexpected"),
        ({"parameters": {"experiment": EID}}, "'experiment' is the experiment"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_begun(
    lab: ActionLab, changes: dict[str, object], said: str
) -> None:
    lab.actions[0].update(changes)
    lab.configure()
    for run in range(3):
        lab.measure(f"run_{run}", b"%d" % run)
    lab.push()
    lab.later()
    assert lab.tasks.asked.count("execute") == 0
    [problem] = lab.journal.actions.problems(lab.mapping_id).values()
    assert said in problem.message
    lab.actions[:] = [dict(ACTION)]
    lab.configure()
    lab.later()
    assert len(lab.tasks.made) == 3
    assert lab.journal.actions.problems(lab.mapping_id) == {}


def test_names_of_the_folder_and_files_of_the_measurement_are_filled_in(lab: ActionLab) -> None:
    kinds = {"run": "str", "raw": "file", "other": "file", "limit": "float"}
    wanted = [
        Parameter(name, None, None, kind, "1" if name == "limit" else None, None)
        for name, kind in kinds.items()
    ]
    lab.tasks.known = [ExtensionRecord("plots", None, "", (action("t1", *wanted),))]
    lab.actions[0]["parameters"] = {"run": "{date}: {run}", "raw": "iq.csv", "other": "x.csv"}
    lab.configure()
    lab.measure("run_1")
    lab.push()
    [task] = lab.tasks.made
    assert {key.name: value for key, value in task.parameters} == {
        "experiment": EID,
        "run": "day: run_1",
        "raw": "day~run_1~iq.csv",
        "other": "x.csv",
        "limit": "1",
    }


def test_only_a_few_run_at_once(lab: ActionLab) -> None:
    for run in range(MOST_AT_ONCE + 2):
        lab.measure(f"run_{run}", b"%d" % run)
    began = lab.clock.monotonic()
    lab.push()
    assert len(lab.tasks.made) == MOST_AT_ONCE
    assert LONG_ACTION_S <= lab.clock.monotonic() - began < 3 * LONG_ACTION_S
    lab.later()
    assert len(lab.tasks.made) == MOST_AT_ONCE
    lab.tasks.end(TaskStatus.SUCCESS, 0)
    lab.later()
    assert len(lab.tasks.made) == MOST_AT_ONCE + 2


def test_a_push_begins_others_in_the_place_of_what_ends_soon(
    lab: ActionLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = lab.tasks.get

    def ended(task_id: UUID) -> TaskRecord:
        lab.tasks.end(TaskStatus.SUCCESS, 0)
        return get(task_id)

    monkeypatch.setattr(lab.tasks, "get", ended)
    for run in range(3 * MOST_AT_ONCE):
        lab.measure(f"run_{run}", b"%d" % run)
    lab.push()
    assert len(lab.tasks.made) == 3 * MOST_AT_ONCE


def test_a_server_whose_tasks_never_run_is_told_of_once(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.end(TaskStatus.FAILURE, None, "no token")
    for run in range(2, 5):
        lab.measure(f"run_{run}", b"%d" % run)
        lab.later()
    assert len(lab.tasks.made) == 1
    assert lab.states() == [ActionState.NOT_RUN]
    [problem] = lab.journal.actions.problems(lab.mapping_id).values()
    assert "the server took plots/t1 for day/run_1 and did not run it: no token" in problem.message
    lab.journal.actions.again(lab.runs())
    lab.later()
    lab.later(400)
    assert len(lab.tasks.made) == 5
    assert lab.journal.actions.problems(lab.mapping_id) == {}


@pytest.mark.parametrize(("code", "state"), [(0, "succeeded"), (2, "failed")])
def test_a_server_without_tasks_answers_when_it_has_ended(
    lab: ActionLab, code: int, state: str
) -> None:
    lab.tasks.old = True
    lab.tasks.to_the_end = Execution(code, "", "because", "", "")
    lab.measure("run_1")
    for _ in range(3):
        lab.later()
    assert len(lab.tasks.ran) == 1
    [run] = lab.runs()
    assert (run.state, run.result_code, run.said) == (state, code, "because")


def test_what_a_server_without_tasks_did_not_answer_may_have_run(lab: ActionLab) -> None:
    lab.tasks.old = True
    lab.tasks.after.append(LOST)
    lab.measure("run_1")
    for _ in range(3):
        lab.later(LOST_NS / SECOND_NS)
    assert len(lab.tasks.ran) == 1
    assert lab.states() == [ActionState.UNKNOWN]
    lab.journal.actions.again(lab.runs())
    lab.later()
    assert len(lab.tasks.ran) == 2
    assert lab.states() == [ActionState.SUCCEEDED]


def test_a_task_that_is_gone_has_an_unknown_outcome(lab: ActionLab) -> None:
    lab.measure("run_1")
    lab.push()
    lab.tasks.made.clear()
    lab.later()
    assert lab.states() == [ActionState.UNKNOWN]


def test_two_actions_of_one_measurement(lab: ActionLab) -> None:
    lab.tasks.known = [ExtensionRecord("plots", None, "", (action("t1"), action("t2")))]
    lab.actions.append({"extension": "plots", "action": "t2"})
    lab.configure()
    lab.measure("run_1")
    lab.push()
    assert [task.action_name for task in lab.tasks.made] == ["t1", "t2"]


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 40))]
)
def test_one_task_each_whatever_moment_the_process_is_killed_at(lab: ActionLab, seed: int) -> None:
    """It is killed before the start is noted, after it, and before and after the answer."""
    live_through_kills(lab, seed)
    assert len(lab.tasks.made) == MEASUREMENTS
    assert lab.states() == [ActionState.SUCCEEDED] * MEASUREMENTS
    assert len({run.task for run in lab.runs()}) == MEASUREMENTS


def not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is noted once the answer has come."""

    def ask_for(actions: Actions, start: ActionStart) -> None:
        asked = asdict(start)
        run = ActionRun(**asked, id=0, noted_at_ns=0, attempt=1, state=ActionState.UNANSWERED)
        answered = actions._tasks.run(run)
        assert answered is not None
        noted = actions._journal.actions.begin(start, actions._clock.now_ns())
        actions._tell(noted, answered)

    monkeypatch.setattr(Actions, "_ask_for", ask_for)
    monkeypatch.setattr(ActionTasks, "ran_before", lambda _tasks, _start: None)


def not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not answered is begun again at once."""
    monkeypatch.setattr(action_rules, "LOST_NS", 0)
    monkeypatch.setattr(ActionTasks, "find", lambda _tasks, _run: None)


@pytest.mark.parametrize("broken", [not_noted, not_searched_for])
def test_a_broken_program_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    broken(monkeypatch)
    for seed in range(20):
        (folder := tmp_path / str(seed)).mkdir()
        with ActionLab(folder) as lab:
            live_through_kills(lab, seed)
            if len(lab.tasks.made) > MEASUREMENTS:
                return
    pytest.fail("each ran once, though the program is broken")


def live_through_kills(lab: ActionLab, seed: int) -> None:
    """Measurements arrive one by one, and each time the process is killed; then it goes on."""
    chance = random.Random(seed)
    names = ["begin", "has_task", "ended", "make_durable", "before", "after"]
    for run in range(MEASUREMENTS):
        lab.measure(f"run_{run}", b"%d" % run)
        where = chance.choice(names)
        if where in {"before", "after"}:
            at = lab.tasks.troubles if where == "before" else lab.tasks.after
            at.append(Killed())
        else:
            owner = lab.journal if where == "make_durable" else lab.journal.actions
            _kill_in(owner, where, first=chance.random() < 0.5)
        with suppress(Killed):
            lab.later(chance.choice([1, 60, 1000]))
        lab.tasks.troubles.clear()
        lab.tasks.after.clear()
        lab.reopen()
        if chance.random() < 0.5:
            lab.tasks.end(TaskStatus.SUCCESS, 0)
    for _ in range(MEASUREMENTS):
        lab.tasks.end(TaskStatus.SUCCESS, 0)
        lab.later(900)


def _kill_in(owner: object, method: str, *, first: bool) -> None:
    """The next call ends the process, before or after it does its work."""
    real = getattr(owner, method)

    def killed(*given: object, **named: object) -> object:
        if not first:
            real(*given, **named)
        raise Killed

    setattr(owner, method, killed)


def test_folders_that_have_an_experiment_each(lab: ActionLab) -> None:
    lab.configure(experiment="new")
    lab.measure("run_1")
    lab.measure("run_2", b"more")
    lab.push()
    lab.later()
    given = {dict(_given(task))["experiment"]: task.experiment.uuid for task in lab.tasks.made}
    made = {each.eid: each.uuid for each in lab.server.experiments.values() if each.eid != EID}
    assert given == made
    assert len(made) == 2


def _given(task: TaskRecord) -> list[tuple[str, str | None]]:
    return [(key.name, value) for key, value in task.parameters]
