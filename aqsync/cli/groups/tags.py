"""``aqsync tags``: what its commands take."""

from __future__ import annotations

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

app = group("Add, remove and list tags.")


@app.command()
def add(
    eid: ExperimentArgument,
    tags: Annotated[
        list[str],
        typer.Argument(metavar="TAG...", help="Each 1 to 64 characters of A-Z a-z 0-9 - _ : /."),
    ],
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Add tags to an experiment; those already there, in whatever case, stay as they are.

    With --json: an object with eid and tags, the list of all that the experiment has now.
    """
    from aqsync.cli.commands.tags import add as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, tags, json=json))


@app.command()
def remove(
    eid: ExperimentArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="The tags, in any case.")],
    *,
    yes: YesOption = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Remove tags from an experiment, after a question; none if it lacks one of them.

    With --json: an object with eid and tags, the list of all that the experiment has now.
    """
    from aqsync.cli.commands.tags import remove as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, tags, yes=yes, json=json))


@app.command("list")
def list_tags(
    eid: Annotated[
        str | None,
        typer.Argument(
            metavar="EID", help="The experiment's EID (or UUID); all tags, if left out."
        ),
    ] = None,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """List the tags of an experiment, or all that are in use on the server, one a line.

    With --json: a list of texts.
    """
    from aqsync.cli.commands.tags import list_tags as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, json=json))
