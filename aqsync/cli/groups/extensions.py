"""``aqsync extensions``: what its commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from aqsync.cli.groups.options import (
    ConfigOption,
    JsonOption,
    ServerOptions,
    TokenFileOption,
    UrlOption,
    group,
)

app = group("List and show the server's extensions, and run their actions.")

ExtensionArgument = Annotated[
    str, typer.Argument(metavar="EXTENSION", help="The extension's name.", show_default=False)
]


@app.command("list")
def list_extensions(
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the server's extensions with their actions.

    With --json: a list of objects, each as `aqsync extensions show --json` prints it.
    """
    from aqsync.cli.commands.extensions import list_extensions as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), json=json))


@app.command()
def show(
    extension: ExtensionArgument,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show an extension: its actions, and the parameters that they take.

    With --json: an object with name, description, authors and actions, a list of objects with
    name, description, experiment_variable_name and parameters, a list of objects with name,
    display_name, description, data_type, default_value and options.
    """
    from aqsync.cli.commands.extensions import show as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), extension, json=json))


@app.command()
def run(
    extension: ExtensionArgument,
    action: Annotated[str, typer.Argument(help="The action's name.")],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; may be repeated."),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(metavar="EID", help="The EID (or UUID) of the experiment to run on."),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Print the task's UUID at once, and nothing else.")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Wait no longer than this: 90s, 10m, 2h."),
    ] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Run an action on the server, wait for its end, and print what it wrote.

    Values are checked against the action's parameters before anything is sent; what is left out
    gets its default value. The exit status is 1 if the action fails, or has not ended in time.

    With --json: the object that `aqsync tasks show --json` prints. On a server without tasks its
    uuid, created_by, received_at and ended_at are null.
    """
    from aqsync.cli.run_action import Order
    from aqsync.cli.run_action import run as run_action
    from aqsync.config import parse_duration

    if no_wait and timeout is not None:
        raise typer.BadParameter("it says how long to wait", param_hint="--timeout with --no-wait")
    try:
        timeout_s = None if timeout is None else parse_duration(timeout)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--timeout") from exc
    order = Order(extension, action, param or [], experiment, not no_wait, timeout_s)
    raise typer.Exit(run_action(ServerOptions(config, url, token_file), order, json=json))
