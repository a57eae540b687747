"""``aqsync pause``, ``resume`` and ``reload``: what these commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file; else it is looked for."),
]
MappingArgument = Annotated[
    str | None, typer.Argument(help="A mapping's name; else all.", show_default=False)
]


@app.command()
def pause(
    mapping: MappingArgument = None,
    *,
    config: ConfigOption = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="For how long; else until `aqsync resume`.")
    ] = None,
) -> None:
    """Send nothing of a mapping, or of all mappings, to the server for a while.

    Files are noticed as ever, and wait. `aqsync push --now` sends them all the same.
    """
    from aqsync.cli.orders import pause as run
    from aqsync.config import parse_duration

    try:
        seconds = None if duration is None else parse_duration(duration)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--for") from exc
    raise typer.Exit(run(config, mapping, seconds))


@app.command()
def resume(mapping: MappingArgument = None, *, config: ConfigOption = None) -> None:
    """End the pause of a mapping, or every pause.

    Exit status: 1 if the mapping is paused still, for all mappings are.
    """
    from aqsync.cli.orders import resume as run

    raise typer.Exit(run(config, mapping))


@app.command()
def reload(*, config: ConfigOption = None) -> None:
    """Have the running daemon take over the configuration as it is now.

    If it is wrong, the daemon goes on as before.
    """
    from aqsync.cli.orders import reload as run

    raise typer.Exit(run(config))
