"""``aqsync experiment``: what its commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from aqsync.cli.groups.options import (
    AllOption,
    ConfigOption,
    ExperimentArgument,
    JsonOption,
    LimitOption,
    ServerOptions,
    SinceOption,
    TokenFileOption,
    UntilOption,
    UrlOption,
    YesOption,
    group,
)

app = group("Create, find, show, change and remove experiments.")


@app.command()
def create(
    title: Annotated[str, typer.Argument(help="At most 256 characters.")],
    *,
    description: Annotated[str, typer.Option(help="At most 5,000 characters.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Create an experiment, and print its EID and nothing else.

    With --json: an object with eid, uuid, title, description, tags, created_at and updated_at.
    """
    from aqsync.cli.commands.experiment import create as run

    options = ServerOptions(config, url, token_file)
    raise typer.Exit(run(options, title, description, tag or [], json=json))


@app.command()
def find(
    text: Annotated[
        str | None,
        typer.Argument(help="Part of a title or EID, in any case.", show_default=False),
    ] = None,
    *,
    tag: Annotated[
        list[str] | None, typer.Option(help="With this tag; repeated, with any of them.")
    ] = None,
    all_tags: Annotated[
        bool, typer.Option("--all-tags", help="With all of the tags, not just any of them.")
    ] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """List experiments, newest first; times are those of creation.

    Archived ones are found only by: --tag __archived__ --all-tags.

    With --json: a list of objects, each as `aqsync experiment create --json` prints it.
    """
    from aqsync.cli.commands.experiment import Search
    from aqsync.cli.commands.experiment import find as run

    options = ServerOptions(config, url, token_file)
    search = Search(text, tag, all_tags, since, until, limit, everything)
    raise typer.Exit(run(options, search, json=json))


@app.command()
def show(
    eid: ExperimentArgument,
    *,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Show all about an experiment, with its files.

    With --json: the object that `aqsync experiment create --json` prints, and in it files, a list
    of objects with name and uploaded_at.
    """
    from aqsync.cli.commands.experiment import show as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eid, json=json))


@app.command("set")
def change(
    eid: ExperimentArgument,
    *,
    title: Annotated[str | None, typer.Option(help="The new title.")] = None,
    description: Annotated[str | None, typer.Option(help="The new description.")] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Give an experiment another title, another description, or both.

    With --json: the changed experiment as `aqsync experiment create --json` prints it.
    """
    from aqsync.cli.commands.experiment import change as run

    options = ServerOptions(config, url, token_file)
    raise typer.Exit(run(options, eid, title=title, description=description, json=json))


@app.command()
def remove(
    eids: Annotated[
        list[str],
        typer.Argument(metavar="EID...", help="The experiments' EIDs (or UUIDs)."),
    ],
    *,
    yes: YesOption = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    json: JsonOption = False,
) -> None:
    """Remove experiments with all their files, after a question about each.

    With --json: an object with removed, the list of the EIDs.
    """
    from aqsync.cli.commands.experiment import remove as run

    raise typer.Exit(run(ServerOptions(config, url, token_file), eids, yes=yes, json=json))
