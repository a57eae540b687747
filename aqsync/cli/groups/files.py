"""``aqsync files``: what its commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aqsync.cli.groups.options import (
    ConfigOption,
    ExperimentArgument,
    JsonOption,
    ServerOptions,
    TokenFileOption,
    UrlOption,
    YesOption,
    group,
)

app = group("List, upload, download and remove the files of an experiment.")


@app.command("list")
def list_files(
    eid: ExperimentArgument,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the files of an experiment.

    With --json: a list of objects with name and uploaded_at.
    """
    from aqsync.cli.commands.files import list_files as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, json=json))


@app.command()
def get(
    eid: ExperimentArgument,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Names in the experiment; all files, if left out."),
    ] = None,
    *,
    to: Annotated[
        Path, typer.Option(help="The directory to put them in; made if missing.")
    ] = Path(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files here.")] = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Download files of an experiment; a file comes whole or not at all.

    A file that is there already stays as it is without --overwrite, and the exit status is 1.

    With --json: an object with eid, downloaded (a list of objects with name, path and bytes) and
    problems (a list of objects with name, path, reason and hint).
    """
    from aqsync.cli.transfers import get as run

    options = ServerOptions(config, url, token_file)
    raise typer.Exit(run(options, eid, names or [], into=to, overwrite=overwrite, json=json))


@app.command()
def put(
    eid: ExperimentArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files to upload.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="For one file: its name in the experiment.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files in the experiment.")
    ] = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Upload files to an experiment; a file arrives whole or not at all.

    A file that is there already stays as it is without --overwrite, and the exit status is 1.

    With --json: an object with eid, uploaded (a list of objects with name, path and bytes) and
    problems (a list of objects with name, path, reason and hint).
    """
    from aqsync.cli.transfers import put as run

    options = ServerOptions(config, url, token_file)
    raise typer.Exit(run(options, eid, files, name=name, overwrite=overwrite, json=json))


@app.command()
def remove(
    eid: ExperimentArgument,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names in the experiment.")],
    *,
    yes: YesOption = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Remove files from an experiment, after a question; none if one of them is not there.

    With --json: an object with eid and removed, the list of the names.
    """
    from aqsync.cli.commands.files import remove as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, names, yes=yes, json=json))
