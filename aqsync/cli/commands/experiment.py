"""``aqsync experiment``: create, find, show, change and remove experiments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.merging import Merged, merge, shared_identities
from aqsync.aqueduct.paging import by_age
from aqsync.aqueduct.records import ExperimentPage, ExperimentRef
from aqsync.aqueduct.whole_trees import upload_tree
from aqsync.cli.as_json import experiment_as_json, file_as_json
from aqsync.cli.completion import complete_eids
from aqsync.cli.config_of_server import config_of_server
from aqsync.cli.confirmation import confirmed
from aqsync.cli.experiment_files import files_of, say_files
from aqsync.cli.list_limits import all_option, how_many_wanted, limit_option, say_how_many
from aqsync.cli.local_path import PATH
from aqsync.cli.new_from import found_or_made, identified
from aqsync.cli.options import json_option, since_option, until_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import (
    access,
    connected,
    eid_argument,
    experiment_by,
    find_experiment,
    server_options,
    with_server,
)
from aqsync.cli.starting_server import await_start
from aqsync.cli.tables import say_fields, say_table, time_text
from aqsync.errors import ConfigError, ExitCode
from aqsync.paths import absolute
from aqsync.wording import counted

_PAGE = 500


@click.group(epilog="Example: aqsync experiment create 'T1 of qubit 3'")
def experiment() -> None:
    """Create, find, show, change and remove experiments."""


@experiment.command(epilog="Example: aqsync experiment create 'T1 of qubit 3' --tag qubit:q3")
@click.argument("title", help="At most 256 characters.")
@click.option("--description", default="", help="At most 5,000 characters.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@with_server
@json_option
def create(
    server: Client, *, title: str, description: str, tags: Sequence[str], json: bool
) -> ExitCode:
    """Create an experiment, and print its EID and nothing else.

    With --json: an object with eid, uuid, title, description, tags, created_at and updated_at.
    """
    made = server.create_experiment(title, description, tags)
    if json:
        say_json(experiment_as_json(made))
    else:
        say(made.eid)
    return ExitCode.OK


@experiment.command(epilog="Example: aqsync experiment find 'qubit 3'")
@click.argument("text", required=False, help="Part of a title or EID, in any case.")
@click.option("--tag", "tags", multiple=True, help="With this tag; repeated, with any of them.")
@click.option("--all-tags", is_flag=True, help="With all of these tags, not just any of them.")
@since_option
@until_option
@limit_option
@all_option
@with_server
@json_option
def find(
    server: Client,
    *,
    text: str | None,
    tags: Sequence[str],
    all_tags: bool,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    everything: bool,
    json: bool,
) -> ExitCode:
    """List experiments, newest first; times are those of creation.

    Archived ones are found only by: --tag __archived__ --all-tags.

    With --json: a list of objects, each as `aqsync experiment create --json` prints it.
    """
    if all_tags and not tags:
        raise ConfigError("--all-tags says how to take --tag, and there is none", hint="add --tag")
    wanted = how_many_wanted(limit, everything=everything)

    def page(end: datetime | None, offset: int, limit: int = _PAGE) -> ExperimentPage:
        return server.find(
            title=text,
            any_tags=None if all_tags else tags or None,
            all_tags=tags if all_tags else None,
            start=since,
            end=end,
            limit=limit,
            offset=offset,
        )

    found: Sequence[ExperimentRef]
    if wanted is None:
        found = list(by_age(page, _PAGE, until))
        total = len(found)
    else:
        found, total = page(until, 0, wanted)
    if json:
        say_json([experiment_as_json(each) for each in found])
        return ExitCode.OK
    say_table(
        ("EID", "TITLE", "TAGS", "CREATED"),
        [
            (each.eid, each.title, ", ".join(each.tags), time_text(each.created_at))
            for each in found
        ],
    )
    say_how_many(len(found), total, "experiments")
    return ExitCode.OK


@experiment.command(epilog="Example: aqsync experiment show 20261123-1")
@eid_argument
@with_server
@json_option
def show(server: Client, *, eid: str, json: bool) -> ExitCode:
    """Show all about an experiment, with its files.

    With --json: the object that `aqsync experiment create --json` prints, and in it files, a list
    of objects with name and uploaded_at.
    """
    with experiment_by(server, eid) as found:
        files = files_of(server, found)
    if json:
        say_json({**experiment_as_json(found), "files": [file_as_json(file) for file in files]})
        return ExitCode.OK
    say_fields(
        [
            ("EID", found.eid),
            ("UUID", str(found.uuid)),
            ("title", found.title),
            ("description", found.description),
            ("tags", ", ".join(found.tags)),
            ("created", time_text(found.created_at)),
            ("updated", time_text(found.updated_at)),
            ("files", str(len(files))),
        ]
    )
    if files:
        say("")
        say_files(files)
    return ExitCode.OK


@experiment.command("set", epilog="Example: aqsync experiment set 20261123-1 --title 'T1, again'")
@eid_argument
@click.option("--title", help="The new title.")
@click.option("--description", help="The new description.")
@with_server
@json_option
def change(
    server: Client, *, eid: str, title: str | None, description: str | None, json: bool
) -> ExitCode:
    """Give an experiment another title, another description, or both.

    With --json: the changed experiment as `aqsync experiment create --json` prints it.
    """
    if title is None and description is None:
        raise ConfigError("there is nothing to set", hint="give --title, --description or both")
    for option, text in (("--title", title), ("--description", description)):
        if text is not None and not text.strip():
            raise ConfigError(f"{option} is empty, and servers ignore an empty one")
    with experiment_by(server, eid) as found:
        changed = server.update_experiment(found.uuid, title=title, description=description)
    if json:
        say_json(experiment_as_json(changed))
    else:
        say(f"{changed.eid}: {changed.title}")
    return ExitCode.OK


@experiment.command(epilog="Example: aqsync experiment remove 20261123-1")
@click.argument(
    "eids",
    nargs=-1,
    required=True,
    shell_complete=complete_eids,
    help="The experiments' EIDs (or UUIDs).",
)
@yes_option
@with_server
@json_option
def remove(server: Client, *, eids: Sequence[str], yes: bool, json: bool) -> ExitCode:
    """Remove experiments with all their files, and ask before each.

    If one of them does not exist, none is removed.

    With --json: an object with removed, the list of the EIDs.
    """
    removed: list[str] = []
    found = dict.fromkeys(find_experiment(server, each) for each in eids)
    for each in found:
        count = len(files_of(server, each))
        question = f"Remove experiment {each.eid} ({each.title}) with its {counted(count, 'file')}"
        if not confirmed(question, yes=yes):
            continue
        with experiment_by(server, each.eid):
            server.remove_experiment(each.uuid)
        removed.append(each.eid)
        if not json:
            say(f"removed {each.eid}")
    if json:
        say_json({"removed": removed})
    return ExitCode.OK if len(removed) == len(found) else ExitCode.INCOMPLETE


@experiment.command("new-from", epilog="Example: aqsync experiment new-from ~/measurements/rabi")
@click.argument("folder", type=PATH, help="The folder.")
@click.option("--title", help="At most 256 characters; else the folder's name.")
@click.option("--description", default="", help="At most 5,000 characters.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@server_options
@json_option
def new_from(
    *,
    folder: Path,
    title: str | None,
    description: str,
    tags: Sequence[str],
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    json: bool,
) -> ExitCode:
    """Make an experiment of a folder, and upload all that is in it.

    A second call finds the same experiment, by its tag, and sends what is new. So does a mapping
    with `experiment: new` that the folder lies in. Title, description and tags are for a new one.

    With --json: an object with eid, made, uploaded and was_there, the last two lists of paths.
    """
    whole = absolute(folder)
    if not whole.is_dir():
        raise ConfigError(f"{whole} is no directory")
    reached = access(config, url, token_file)
    identity = identified(whole, config_of_server(config, url))
    with connected(reached) as server:
        await_start(server.url)
        words = title or whole.name, description or f"Made by aqsync of {whole}"
        found, made, doubles = found_or_made(server, identity, *words, tags)
        if not json:
            say(f"{found.eid}: {'made' if made else 'found'}, {found.title}")
        if not made and (title or description or tags):
            complain(f"note: {found.eid} was there, and keeps its title, description and tags")
            complain("  hint: `aqsync experiment set` and `aqsync tags add` change them")
        for double in doubles:
            complain(f"note: {double.eid} is a second experiment of this folder")
            complain(
                f"  hint: `aqsync experiment merge {double.eid} --into {found.eid}` moves its files"
            )
        report = upload_tree(
            server, found, whole, prefix=identity.prefix, overwrite=False, progress=not json
        )
    if json:
        files = {"uploaded": report.moved, "was_there": report.was_there}
        say_json({"eid": found.eid, "made": made, **files})
        return ExitCode.OK
    for note in report.notes:
        say(f"note: {note}")
    say(f"{counted(len(report.moved), 'file')} uploaded, {len(report.was_there)} were there")
    return ExitCode.OK


@experiment.command("merge", epilog="Example: aqsync experiment merge 20261123-8 --into 20261123-7")
@click.argument("double", shell_complete=complete_eids, help="The younger one's EID (or UUID).")
@click.option("--into", "kept", required=True, help="The older one, which counts.")
@yes_option
@with_server
@json_option
def merge_into(server: Client, *, double: str, kept: str, yes: bool, json: bool) -> ExitCode:
    """Move the files of a second experiment of one folder into the one that counts.

    Each file is removed from the second only when the first has the same bytes. What differs stays
    where it is, and is named. The empty one is archived at the end.

    With --json: an object with moved, was_there and left; left has reasons by name.
    """
    younger, older = find_experiment(server, double), find_experiment(server, kept)
    shared_identities(younger, older)
    count = len(files_of(server, younger))
    question = f"Move {counted(count, 'file')} of {younger.eid} into {older.eid} ({older.title})"
    if not confirmed(question, yes=yes):
        return ExitCode.INCOMPLETE
    done = list[Merged]()
    for each in merge(server, younger, older):
        done.append(each)
        if not json:
            how = "was there" if each.was_there else "moved"
            say(f"{each.name}: {f'left, as {each.left}' if each.left else how}")
    left = {each.name: each.left for each in done if each.left}
    if json:
        moved = [each.name for each in done if not (each.left or each.was_there)]
        there = [each.name for each in done if each.was_there and not each.left]
        say_json({"moved": moved, "was_there": there, "left": left})
    elif not left:
        say(f"{younger.eid} is empty and archived; {older.eid} has all files")
    return ExitCode.INCOMPLETE if left else ExitCode.OK
