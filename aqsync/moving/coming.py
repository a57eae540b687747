"""What another server tells, as this one keeps it; and what of it cannot be kept. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from aqsync.aqueduct.records import RemoteFile, TaskRecord
from aqsync.aqueduct.typed import instant
from aqsync.aqueduct.whole_experiments import WholeExperiment
from aqsync.server.catalog.times import to_microseconds
from aqsync.server.moving.archive import ArchivedExperiment, ArchivedTask
from aqsync.server.moving.moved import Whole
from aqsync.server.rules import is_file_name

_SHOWN = 200


def whole_of(found: WholeExperiment, tasks: Sequence[TaskRecord] = ()) -> Whole:
    """Return an experiment as the catalog keeps it, with those of its tasks that it can keep.

    Raises:
        ValidationError: It has something that no catalog can keep.
    """
    kept = [_task(each) for each in tasks if not any(task_faults(found, each))]
    fields = _fields(found) | {"aqsync_tasks": kept}
    return ArchivedExperiment.model_validate(fields).whole(found.created_by)


def experiment_faults(found: WholeExperiment) -> Iterator[str]:
    """Give a sentence for each thing for which an experiment cannot be kept at all."""
    try:
        ArchivedExperiment.model_validate(_fields(found))
    except ValidationError as exc:
        yield from _sentences(f"experiment {found.experiment.eid[:_SHOWN]!r}", exc)


def task_faults(found: WholeExperiment, task: TaskRecord) -> Iterator[str]:
    """Give a sentence for each thing for which a task cannot be kept."""
    try:
        ArchivedTask.model_validate(_task(task))
    except ValidationError as exc:
        yield from _sentences(f"task {task.uuid} of {found.experiment.eid}", exc)


def file_faults(found: WholeExperiment) -> Iterator[str]:
    """Give a sentence for each file that cannot be kept."""
    numbers = Counter(file.name for file in found.files)
    for file in found.files:
        shown = f"{file.name[:_SHOWN]!r} of {found.experiment.eid}"
        if not is_file_name(file.name):
            yield f"{shown}: no file of an experiment can have this name"
        elif numbers[file.name] > 1:
            yield f"{shown} is listed twice"
        elif stored_at(file) is None:
            yield f"{shown} has no time that is one: {file.modified_at[:_SHOWN]!r}"


def keepable(found: WholeExperiment) -> Iterator[tuple[RemoteFile, int]]:
    """Give the files that can be kept, with their times in microseconds since 1970."""
    numbers = Counter(file.name for file in found.files)
    for file in found.files:
        time = stored_at(file)
        if is_file_name(file.name) and numbers[file.name] == 1 and time is not None:
            yield file, time


def stored_at(file: RemoteFile) -> int | None:
    """Return a file's time in microseconds since 1970; None if it has none."""
    try:
        return to_microseconds(instant(file.modified_at))
    except ValueError:
        return None


def _fields(found: WholeExperiment) -> dict[str, Any]:
    experiment = found.experiment
    return experiment._asdict() | {
        "tags": [{"key": tag.lower(), "name": tag} for tag in experiment.tags]
    }


def _task(task: TaskRecord) -> dict[str, Any]:
    return task._asdict() | {
        "status": task.status.value,
        "parameters": [
            {"parameter": parameter._asdict(), "value": value or ""}
            for parameter, value in task.parameters
        ],
    }


def _sentences(what: str, exc: ValidationError) -> Iterator[str]:
    for error in exc.errors(include_url=False, include_input=False):
        place = ".".join(map(str, error["loc"]))
        yield f"{what}: {place}: {error['msg']}"[:_SHOWN]
