"""``aqsync tasks``: list, show and cancel tasks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO
from uuid import UUID

from aqsync.aqueduct.records import TaskPage, TaskRecord
from aqsync.cli.as_json import task_shape
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.list_limits import how_many_wanted, say_how_many
from aqsync.cli.output import printable, say, say_json
from aqsync.cli.points_in_time import moment
from aqsync.cli.server_access import connected, find_experiment
from aqsync.cli.tables import say_fields, say_table, time_text
from aqsync.errors import ExitCode

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Search:
    """What tasks are looked for; None where it does not matter."""

    experiment: str | None
    extension: str | None
    action: str | None
    user: str | None
    since: str | None
    until: str | None
    limit: int | None
    everything: bool


def list_tasks(options: ServerOptions, search: Search, *, json: bool) -> ExitCode:
    """List tasks, newest first.

    Raises:
        ConfigError: Two options contradict each other, or a time is none.
    """
    limit = how_many_wanted(search.limit, everything=search.everything)
    now = datetime.now(UTC)
    since = moment(search.since, "--since", now, end_of_day=False)
    until = moment(search.until, "--until", now, end_of_day=True)
    with connected(options) as server:
        named = search.experiment
        experiment = None if named is None else find_experiment(server, named).uuid

        def page(limit: int, offset: int) -> TaskPage:
            return server.tasks.find(
                experiment=experiment,
                extension_name=search.extension,
                action_name=search.action,
                username=search.user,
                start=since,
                end=until,
                limit=limit,
                offset=offset,
            )

        found, total = page(limit or _PAGE, 0)
        tasks = {task.uuid: task for task in found}
        offset = _PAGE
        while limit is None and len(found) == _PAGE:
            found, _ = page(_PAGE, offset)
            tasks.update((task.uuid, task) for task in found)
            offset += _PAGE
    if json:
        say_json([task_shape(task) for task in tasks.values()])
        return ExitCode.OK
    say_table(
        ("TASK", "STATUS", "ACTION", "EXPERIMENT", "RECEIVED"),
        [_row(task) for task in tasks.values()],
    )
    say_how_many(len(tasks), total, "tasks")
    return ExitCode.OK


def show(options: ServerOptions, task_id: UUID, *, json: bool) -> ExitCode:
    """Show a task with its parameters and its output."""
    with connected(options) as server:
        task = server.tasks.get(task_id)
    if json:
        say_json(task_shape(task))
        return ExitCode.OK
    code = "" if task.result_code is None else str(task.result_code)
    say_fields(
        [
            ("task", str(task.uuid)),
            ("status", str(task.status)),
            ("exit code", code),
            ("extension", task.extension_name),
            ("action", task.action_name),
            ("experiment", f"{task.experiment.eid} ({task.experiment.title})"),
            ("started by", task.created_by),
            ("received", time_text(task.received_at)),
            ("ended", time_text(task.ended_at)),
        ]
    )
    if task.parameters:
        say("")
        rows = [(parameter.name, value or "") for parameter, value in task.parameters]
        say_table(("PARAMETER", "VALUE"), rows)
    for name, text in (("output", task.std_out), ("errors", task.std_err)):
        if text:
            say("")
            say(f"{name}:")
            _write(sys.stdout, text)
    return ExitCode.OK


def cancel(options: ServerOptions, task_id: UUID, *, json: bool) -> ExitCode:
    """Ask a task to end; one that has ended stays as it is."""
    with connected(options) as server:
        before = server.tasks.get(task_id)
        task = before if before.status.ended else server.tasks.cancel(task_id)
    if json:
        say_json(task_shape(task))
    elif before.status.ended:
        say(f"task {task_id} has ended already: {task.status}")
    else:
        say(f"task {task_id} was asked to end; it is {task.status}")
    return ExitCode.OK


def say_output(std_out: str | None, std_err: str | None) -> None:
    """Pass on what an action wrote, each stream to its own."""
    _write(sys.stdout, std_out or "")
    _write(sys.stderr, std_err or "")


def _write(stream: TextIO, text: str) -> None:
    """Pass a text on as it is, but give a terminal nothing that it would obey."""
    if stream.isatty():
        text = "\n".join(printable(line.expandtabs()) for line in text.split("\n"))
        if text and not text.endswith("\n"):
            text += "\n"
    stream.write(text)
    stream.flush()


def _row(task: TaskRecord) -> Sequence[str]:
    return (
        str(task.uuid),
        str(task.status),
        f"{task.extension_name}: {task.action_name}",
        task.experiment.eid,
        time_text(task.received_at),
    )
