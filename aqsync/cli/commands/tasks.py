"""``aqsync tasks``: list, show and cancel tasks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import TaskPage, TaskRecord
from aqsync.cli.as_json import task_as_json
from aqsync.cli.completion import complete_eids
from aqsync.cli.list_limits import all_option, how_many_wanted, limit_option, say_how_many
from aqsync.cli.options import json_option, since_option, until_option
from aqsync.cli.output import pass_on, say, say_json
from aqsync.cli.server_access import find_experiment, with_server
from aqsync.cli.tables import say_fields, say_table, time_text
from aqsync.errors import ExitCode

_PAGE = 500

task_argument = click.argument("task_id", metavar="ID", type=click.UUID, help="The task's UUID.")


@click.group(epilog="Example: aqsync tasks list")
def tasks() -> None:
    """List, show and cancel tasks: the runs of extensions' actions."""


@tasks.command("list", epilog="Example: aqsync tasks list --experiment 20261123-1")
@click.option(
    "--experiment",
    metavar="EID",
    shell_complete=complete_eids,
    help="Run on this experiment (EID or UUID).",
)
@click.option("--extension", help="Of this extension.")
@click.option("--action", help="Of actions of this name.")
@click.option("--user", help="Started by this user.")
@since_option
@until_option
@limit_option
@all_option
@with_server
@json_option
def list_tasks(
    server: Client,
    *,
    experiment: str | None,
    extension: str | None,
    action: str | None,
    user: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    everything: bool,
    json: bool,
) -> ExitCode:
    """List tasks, newest first.

    Times are those when the server accepted them.

    With --json: a list of objects, each as `aqsync tasks show --json` prints it.
    """
    wanted = how_many_wanted(limit, everything=everything)
    uuid = None if experiment is None else find_experiment(server, experiment).uuid

    def page(limit: int, offset: int) -> TaskPage:
        return server.tasks.find(
            experiment=uuid,
            extension_name=extension,
            action_name=action,
            username=user,
            start=since,
            end=until,
            limit=limit,
            offset=offset,
        )

    part, total = page(wanted or _PAGE, 0)
    found = {task.uuid: task for task in part}
    offset = _PAGE
    while wanted is None and len(part) == _PAGE:
        part, _ = page(_PAGE, offset)
        found.update((task.uuid, task) for task in part)
        offset += _PAGE
    if json:
        say_json([task_as_json(task) for task in found.values()])
        return ExitCode.OK
    say_table(
        ("TASK", "STATUS", "ACTION", "EXPERIMENT", "RECEIVED"),
        [_row(task) for task in found.values()],
    )
    say_how_many(len(found), total, "tasks")
    return ExitCode.OK


@tasks.command(epilog="Example: aqsync tasks show 6f9619ff-8b86-4d01-b42d-00cf4fc964ff")
@task_argument
@with_server
@json_option
def show(server: Client, *, task_id: UUID, json: bool) -> ExitCode:
    """Show a task: its status and parameters, and what it wrote.

    What it wrote is known once it has ended.

    With --json: an object with uuid, status, extension, action, experiment (its EID), parameters
    (an object: values by name), created_by, received_at, ended_at, result_code, std_out and
    std_err.
    """
    task = server.tasks.get(task_id)
    if json:
        say_json(task_as_json(task))
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
            pass_on(text, sys.stdout)
    return ExitCode.OK


@tasks.command(epilog="Example: aqsync tasks cancel 6f9619ff-8b86-4d01-b42d-00cf4fc964ff")
@task_argument
@with_server
@json_option
def cancel(server: Client, *, task_id: UUID, json: bool) -> ExitCode:
    """Ask a task to end: its action gets SIGINT.

    A task that has ended stays as it is.

    With --json: the object that `aqsync tasks show --json` prints.
    """
    before = server.tasks.get(task_id)
    task = before if before.status.ended else server.tasks.cancel(task_id)
    if json:
        say_json(task_as_json(task))
    elif before.status.ended:
        say(f"task {task_id} has ended already: {task.status}")
    else:
        say(f"task {task_id} was asked to end; it is {task.status}")
    return ExitCode.OK


def _row(task: TaskRecord) -> Sequence[str]:
    return (
        str(task.uuid),
        str(task.status),
        f"{task.extension_name}: {task.action_name}",
        task.experiment.eid,
        time_text(task.received_at),
    )
