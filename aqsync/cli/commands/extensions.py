"""``aqsync extensions``: list and show the server's extensions, and run their actions."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from aqsync.aqueduct import polling
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Execution, Parameter, TaskRecord, TaskStatus
from aqsync.cli.actions import action_of, extension_by, pairs, wanted_values
from aqsync.cli.as_json import extension_as_json, task_as_json
from aqsync.cli.completion import complete_eids
from aqsync.cli.options import Duration, json_option
from aqsync.cli.output import complain, pass_on, say, say_json
from aqsync.cli.server_access import with_server
from aqsync.cli.tables import say_fields, say_table
from aqsync.errors import ExitCode, Interrupted, OperationMissing, TaskUnfinished

extension_argument = click.argument("extension", help="The extension's name.")


@click.group(epilog="Example: aqsync extensions list")
def extensions() -> None:
    """List and show the server's extensions, and run their actions."""


@extensions.command("list", epilog="Example: aqsync extensions list --json")
@with_server
@json_option
def list_extensions(server: Client, *, json: bool) -> ExitCode:
    """List the server's extensions with their actions.

    With --json: a list of objects, each as `aqsync extensions show --json` prints it.
    """
    found = server.tasks.extensions()
    if json:
        say_json([extension_as_json(each) for each in found])
        return ExitCode.OK
    say_table(
        ("EXTENSION", "ACTION", "DESCRIPTION"),
        [
            (each.name, action.name, _one_line(action.description or each.description))
            for each in found
            for action in each.actions
        ],
    )
    if not found:
        complain("the server has no extensions")
    return ExitCode.OK


@extensions.command(epilog="Example: aqsync extensions show plot-csv")
@extension_argument
@with_server
@json_option
def show(server: Client, *, extension: str, json: bool) -> ExitCode:
    """Show an extension: its actions, and the parameters that they take.

    With --json: an object with name, description, authors and actions, a list of objects with
    name, description, experiment_variable_name and parameters, a list of objects with name,
    display_name, description, data_type, default_value and options.
    """
    found = extension_by(server, extension)
    if json:
        say_json(extension_as_json(found))
        return ExitCode.OK
    say_fields(
        [
            ("extension", found.name),
            ("description", (found.description or "").strip()),
            ("authors", found.authors),
        ]
    )
    for action in found.actions:
        say("")
        say_fields([("action", action.name), ("description", action.description.strip())])
        say_table(
            ("PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"),
            [_row(parameter) for parameter in action.parameters],
        )
    return ExitCode.OK


@extensions.command(epilog="Example: aqsync extensions run plot-csv plot --experiment 20261123-1")
@extension_argument
@click.argument("action", help="The action's name.")
@click.option(
    "--param",
    "-p",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter; may be repeated.",
)
@click.option(
    "--experiment",
    metavar="EID",
    shell_complete=complete_eids,
    help="The EID (or UUID) of the experiment to run on.",
)
@click.option("--no-wait", is_flag=True, help="Print the task's UUID at once, and nothing else.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Duration(),
    help="Wait no longer than this: 90s, 10m, 2h.",
)
@with_server
@json_option
def run(
    server: Client,
    *,
    extension: str,
    action: str,
    given: Sequence[str],
    experiment: str | None,
    no_wait: bool,
    timeout_s: float | None,
    json: bool,
) -> ExitCode:
    """Run an action on the server, and print what it wrote.

    The command waits until the action has ended. Values are checked against the action's
    parameters before anything is sent; what is left out gets its default value. The exit status
    is 1 if the action fails, or has not ended in time.

    With --json: the object that `aqsync tasks show --json` prints. On a server without tasks its
    uuid, created_by, received_at and ended_at are null.
    """
    if no_wait and timeout_s is not None:
        raise click.UsageError("--timeout says how long to wait, and --no-wait does not wait")
    found = action_of(extension_by(server, extension), action)
    values, target = wanted_values(server, found, pairs(given), experiment)
    if not server.tasks.exist():
        if no_wait:
            raise OperationMissing(
                "the server runs actions to their end at once and has no tasks",
                hint="leave out --no-wait",
            )
        ran = server.tasks.execute_to_the_end(extension, action, values, timeout_s)
        return _say_execution(extension, action, values, ran, json=json)
    started = server.tasks.execute(target.uuid, extension, action, values)
    if no_wait:
        if json:
            say_json(task_as_json(started))
        else:
            say(str(started.uuid))
        return ExitCode.OK
    ended = _waited_for(server, started, timeout_s, quiet=json)
    if json:
        say_json(task_as_json(ended))
    else:
        _say_output(ended.std_out, ended.std_err)
        if ended.status is not TaskStatus.SUCCESS:
            complain(f"error: {_end_in_words(ended)}")
    return ExitCode.OK if ended.status is TaskStatus.SUCCESS else ExitCode.INCOMPLETE


def _waited_for(
    server: Client, started: TaskRecord, timeout_s: float | None, *, quiet: bool
) -> TaskRecord:
    later = f"aqsync tasks show {started.uuid}; to end it: aqsync tasks cancel {started.uuid}"
    said: TaskStatus | None = None

    def has_ended(task: TaskRecord, _seconds: float) -> bool:
        nonlocal said
        if not quiet and task.status is not said:
            said = task.status
            complain(f"task {task.uuid}: {task.status}")
        return task.status.ended

    try:
        ended = polling.poll(
            lambda: server.tasks.get(started.uuid), has_ended, timeout_s, polling.SYSTEM_CLOCK
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; task {started.uuid} goes on", hint=f"to look again: {later}"
        ) from None
    if ended is None:
        raise TaskUnfinished(
            f"action {started.action_name!r} had not ended after {timeout_s:g} s; it goes on",
            hint=f"to look again: {later}",
            task_id=started.uuid,
        )
    return ended


def _say_execution(
    extension: str, action: str, values: Sequence[tuple[str, str]], ran: Execution, *, json: bool
) -> ExitCode:
    """Print it like a task, without what only tasks have."""
    failed = bool(ran.return_code)
    if json:
        say_json(
            {
                "uuid": None,
                "status": str(TaskStatus.FAILURE if failed else TaskStatus.SUCCESS),
                "extension": extension,
                "action": action,
                "experiment": ran.log_experiment,
                "parameters": dict(values),
                "created_by": None,
                "received_at": None,
                "ended_at": None,
                "result_code": ran.return_code,
                "std_out": ran.stdout,
                "std_err": ran.stderr,
            }
        )
    else:
        _say_output(ran.stdout, ran.stderr)
        if failed:
            complain(f"error: action {action!r} ended with exit code {ran.return_code}")
    return ExitCode.INCOMPLETE if failed else ExitCode.OK


def _say_output(std_out: str | None, std_err: str | None) -> None:
    """Pass on what an action wrote, each stream to its own."""
    pass_on(std_out or "", sys.stdout)
    pass_on(std_err or "", sys.stderr)


def _end_in_words(task: TaskRecord) -> str:
    what = f"action {task.action_name!r} of {task.extension_name!r}"
    if task.status is TaskStatus.REVOKED:
        return f"{what} was cancelled"
    if task.result_code is None:
        return f"{what} could not be run"
    return f"{what} ended with exit code {task.result_code}"


def _row(parameter: Parameter) -> tuple[str, str, str, str]:
    needed = "(needed)" if parameter.default_value is None else parameter.default_value
    said = [parameter.display_name, _one_line(parameter.description)]
    if parameter.options is not None:
        said.append(f"one of {', '.join(parameter.options)}")
    return parameter.name, parameter.data_type, needed, "; ".join(filter(None, said))


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
