"""The tasks on an experiment's page."""

from __future__ import annotations

from uuid import UUID

from aqsync.server.task_records import Task, TaskRecords, TaskStatus
from aqsync.server.web.formats import counted, moment
from aqsync.server.web.markup import EMPTY, Markup, fill, joined

_MOST_TASKS = 20
"""Their output is on the page, so that it may not be too many."""

_KINDS = {TaskStatus.SUCCESS: "good", TaskStatus.FAILURE: "bad", TaskStatus.REVOKED: "bad"}


def task_section(records: TaskRecords, experiment: UUID) -> Markup:
    """Return the newest tasks that were run on an experiment; nothing if there are none."""
    tasks = records.of_experiment(experiment)
    if not tasks:
        return EMPTY
    older = len(tasks) - _MOST_TASKS
    more = f"The newest {_MOST_TASKS} of {counted(len(tasks), 'task')}."
    return fill(
        "tasks",
        more=fill("notice", kind="", role="note", text=more) if older > 0 else EMPTY,
        tasks=joined(_task(task, records.output(task.uuid)) for task in tasks[:_MOST_TASKS]),
    )


def _task(task: Task, output: tuple[str | None, str | None]) -> Markup:
    parameters = (
        fill("task_parameter", name=one.parameter.name, value=one.value) for one in task.parameters
    )
    written = zip(("Output", "Errors"), output, strict=True)
    return fill(
        "task",
        status=task.status.value,
        kind=_KINDS.get(task.status, ""),
        extension=task.extension,
        action=task.action,
        received=moment(task.received_at),
        creator=task.created_by,
        ended="not yet" if task.ended_at is None else moment(task.ended_at),
        code="none" if task.result_code is None else task.result_code,
        parameters=joined(parameters),
        output=joined(fill("task_output", name=name, text=text) for name, text in written if text),
    )
