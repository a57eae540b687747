"""``aqsync extensions run``: an action started on the server, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aqsync.aqueduct import polling
from aqsync.aqueduct.extension_data import action_data
from aqsync.aqueduct.parameters import wire_values
from aqsync.aqueduct.records import Action, Execution, ExperimentRef, TaskRecord, TaskStatus
from aqsync.aqueduct.server import Server
from aqsync.cli.as_json import Shape, task_shape
from aqsync.cli.commands.extensions import action_of, extension
from aqsync.cli.commands.tasks import say_output
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import connected, find_experiment
from aqsync.errors import (
    ConfigError,
    ExitCode,
    Interrupted,
    OperationFailed,
    OperationMissing,
    TaskUnfinished,
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and how long it is waited for.

    Args:
        extension: The extension's name.
        action: The action's name.
        given: Texts of the form ``name=value``.
        experiment: The EID or UUID of the experiment to run on; None if it is among `given`.
        wait: Whether to wait for the end.
        timeout_s: Seconds to wait; None waits as long as it takes.
    """

    extension: str
    action: str
    given: Sequence[str]
    experiment: str | None
    wait: bool
    timeout_s: float | None


def run(options: ServerOptions, order: Order, *, json: bool) -> ExitCode:
    """Run an action and print its output; without waiting, print the task's UUID, alone.

    Raises:
        ConfigError: A parameter is given in no right form.
        BadParameters: The action does not take these values.
        TaskUnfinished: The time was over first.
        Interrupted: A person did not want to wait any more.
    """
    given = _pairs(order.given)
    with connected(options) as server:
        action = action_of(extension(server, order.extension), order.action)
        values, target = _values(server, action, given, order.experiment)
        if not server.tasks.exist():
            return _run_at_once(server, order, values, json=json)
        started = server.tasks.execute(target.uuid, order.extension, order.action, values)
        if not order.wait:
            if json:
                say_json(task_shape(started))
            else:
                say(str(started.uuid))
            return ExitCode.OK
        ended = _waited_for(server, started, order.timeout_s, quiet=json)
    if json:
        say_json(task_shape(ended))
    else:
        say_output(ended.std_out, ended.std_err)
        if ended.status is not TaskStatus.SUCCESS:
            complain(f"error: {_end_in_words(ended)}")
    return ExitCode.OK if ended.status is TaskStatus.SUCCESS else ExitCode.INCOMPLETE


def _pairs(given: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError(f"--param {text!r} is not of the form name=value")
        if name in pairs:
            raise ConfigError(f"--param {name} is given twice")
        pairs[name] = value
    return pairs


def _values(
    server: Server, action: Action, given: Mapping[str, str], identifier: str | None
) -> tuple[list[tuple[str, str]], ExperimentRef]:
    """Return all parameters as they are sent, and the experiment to run on."""
    variable = action.experiment_variable_name
    if not variable:
        raise OperationFailed(
            f"action {action.name!r} cannot be run: it has no parameter of type 'experiment'",
            hint="its manifest on the server needs one",
        )
    wanted = dict(given)
    if identifier is not None:
        if variable in wanted:
            raise ConfigError(f"--experiment and --param {variable} name the experiment both")
        wanted[variable] = identifier
    experiments = {p.name for p in action.parameters if p.data_type == "experiment"}
    found = {
        name: find_experiment(server, value)
        for name, value in wanted.items()
        if name in experiments
    }
    wanted.update((name, experiment.eid) for name, experiment in found.items())
    values = wire_values(action_data(action).parameters, wanted, action.name)
    target = found.get(variable) or server.experiment_by_eid(dict(values)[variable])
    return values, target


def _waited_for(
    server: Server, started: TaskRecord, timeout_s: float | None, *, quiet: bool
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


def _run_at_once(
    server: Server, order: Order, values: Sequence[tuple[str, str]], *, json: bool
) -> ExitCode:
    """Run an action on a server without tasks."""
    if not order.wait:
        raise OperationMissing(
            "the server runs actions to their end at once and has no tasks",
            hint="leave out --no-wait",
        )
    ran = server.tasks.execute_to_the_end(order.extension, order.action, values, order.timeout_s)
    if json:
        say_json(_execution_shape(order, values, ran))
    else:
        say_output(ran.stdout, ran.stderr)
        if ran.return_code:
            complain(f"error: action {order.action!r} ended with exit code {ran.return_code}")
    return ExitCode.INCOMPLETE if ran.return_code else ExitCode.OK


def _execution_shape(order: Order, values: Sequence[tuple[str, str]], ran: Execution) -> Shape:
    """Show it like a task, without what only tasks have."""
    return {
        "uuid": None,
        "status": str(TaskStatus.FAILURE if ran.return_code else TaskStatus.SUCCESS),
        "extension": order.extension,
        "action": order.action,
        "experiment": ran.log_experiment,
        "parameters": dict(values),
        "created_by": None,
        "received_at": None,
        "ended_at": None,
        "result_code": ran.return_code,
        "std_out": ran.stdout,
        "std_err": ran.stderr,
    }


def _end_in_words(task: TaskRecord) -> str:
    what = f"action {task.action_name!r} of {task.extension_name!r}"
    if task.status is TaskStatus.REVOKED:
        return f"{what} was cancelled"
    if task.result_code is None:
        return f"{what} could not be run"
    return f"{what} ended with exit code {task.result_code}"
