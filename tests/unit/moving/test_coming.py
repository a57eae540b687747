"""What another server tells is kept as it is, or it is said why it cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from aqsync.aqueduct.records import ExperimentRef, Parameter, RemoteFile, TaskRecord, TaskStatus
from aqsync.aqueduct.whole_experiments import WholeExperiment
from aqsync.moving.coming import (
    experiment_faults,
    file_faults,
    keepable,
    task_faults,
    whole_of,
)

THEN = datetime(2026, 11, 23, 10, 11, 45, 826756, tzinfo=UTC)
REF = ExperimentRef(UUID(int=1), "20261123-1", "title", "", ("Alpha",), THEN, THEN)
LISTED = "2026-11-23T10:11:45.826756+00:00"
TASK = TaskRecord(
    UUID(int=2),
    REF,
    "ext",
    "act",
    ((Parameter("where", None, "an experiment", "experiment", None, None), "20261123-1"),),
    "ada",
    THEN,
    THEN,
    TaskStatus.SUCCESS,
    0,
    "out",
    None,
)


def whole(*files: RemoteFile, **changes: Any) -> WholeExperiment:
    return WholeExperiment(REF._replace(**changes), "ada", list(files), has_tasks=False)


def test_all_of_it_is_kept() -> None:
    found = whole_of(whole(), [TASK])
    experiment, [moved] = found.experiment, found.tasks
    assert (experiment.uuid, experiment.eid, experiment.tags) == (UUID(int=1), REF.eid, ("Alpha",))
    assert (experiment.created_by, experiment.created_at) == ("ada", THEN)
    assert (moved.task.uuid, moved.out, moved.task.result_code) == (UUID(int=2), "out", 0)
    assert moved.task.parameters[0].value == "20261123-1"
    assert list(experiment_faults(whole())) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x" * 257},
        {"title": "\0"},
        {"description": "x" * 5001},
        {"eid": ""},
        {"tags": ("two words",)},
    ],
)
def test_an_experiment_that_cannot_be_kept_is_named(changes: dict[str, Any]) -> None:
    assert len(list(experiment_faults(whole(**changes)))) == 1


def test_a_task_that_cannot_be_kept_is_named_and_left_out() -> None:
    parameter = Parameter("where", None, None, "unheard of", None, None)
    odd = TASK._replace(parameters=((parameter, None),))
    assert "task" in next(iter(task_faults(whole(), odd)))
    assert whole_of(whole(), [odd]).tasks == ()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "CON", "a:b", "\ud800", "x" * 256])
def test_a_name_that_cannot_be_kept_is_named(name: str) -> None:
    found = whole(RemoteFile(name, LISTED), RemoteFile("good", LISTED))
    assert len(list(file_faults(found))) == 1
    assert [file.name for file, _ in keepable(found)] == ["good"]


def test_a_file_without_a_time_and_one_listed_twice_are_named() -> None:
    twice = RemoteFile("twice", LISTED)
    found = whole(RemoteFile("timeless", "yesterday"), twice, twice)
    assert len(list(file_faults(found))) == 3
    assert list(keepable(found)) == []


def test_times_are_kept_to_the_microsecond() -> None:
    [(_, time)] = keepable(whole(RemoteFile("a", LISTED)))
    assert time == 1_795_428_705_826_756
