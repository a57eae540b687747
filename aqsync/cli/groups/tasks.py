"""``aqsync tasks``: what its commands take."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from aqsync.cli.groups.options import (
    AllOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    ServerOptions,
    SinceOption,
    TokenFileOption,
    UntilOption,
    UrlOption,
    group,
)

app = group("List, show and cancel tasks: the runs of extensions' actions.")

TaskArgument = Annotated[
    UUID, typer.Argument(metavar="ID", help="The task's UUID.", show_default=False)
]


@app.command("list")
def list_tasks(
    *,
    experiment: Annotated[
        str | None, typer.Option(metavar="EID", help="Run on this experiment (EID or UUID).")
    ] = None,
    extension: Annotated[str | None, typer.Option(help="Of this extension.")] = None,
    action: Annotated[str | None, typer.Option(help="Of actions of this name.")] = None,
    user: Annotated[str | None, typer.Option(help="Started by this user.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """List tasks, newest first; times are those when the server accepted them.

    With --json: a list of objects, each as `aqsync tasks show --json` prints it.
    """
    from aqsync.cli.commands.tasks import Search
    from aqsync.cli.commands.tasks import list_tasks as run

    search = Search(experiment, extension, action, user, since, until, limit, everything)
    raise typer.Exit(run(ServerOptions(config, url, token_file), search, json=json))


@app.command()
def show(
    task: TaskArgument,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show a task: how far it is, its parameters, and once it has ended what it wrote.

    With --json: an object with uuid, status, extension, action, experiment (its EID), parameters
    (an object: values by name), created_by, received_at, ended_at, result_code, std_out and
    std_err.
    """
    from aqsync.cli.commands.tasks import show as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), task, json=json))


@app.command()
def cancel(
    task: TaskArgument,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Ask a task to end: its action gets SIGINT. A task that has ended stays as it is.

    With --json: the object that `aqsync tasks show --json` prints.
    """
    from aqsync.cli.commands.tasks import cancel as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), task, json=json))
