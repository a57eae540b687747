"""``aqsync tags``: add, remove and list tags."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.completion import complete_eids
from aqsync.cli.confirmation import confirmed
from aqsync.cli.options import json_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import eid_argument, experiment_by, with_server
from aqsync.errors import ExitCode, OperationFailed


@click.group(epilog="Example: aqsync tags list 20261123-1")
def tags() -> None:
    """Add, remove and list tags."""


@tags.command(epilog="Example: aqsync tags add 20261123-1 qubit:q3")
@eid_argument
@click.argument(
    "tags", nargs=-1, required=True, help="Each 1 to 64 characters of A-Z a-z 0-9 - _ : /."
)
@with_server
@json_option
def add(server: Client, *, eid: str, tags: Sequence[str], json: bool) -> ExitCode:
    """Add tags to an experiment.

    Those that it has already, in upper or lower case, stay as they are.

    With --json: an object with eid and tags, the list of all that the experiment has now.
    """
    with experiment_by(server, eid) as found:
        server.add_tags(found.uuid, tags)
        _say_tags(server, found, json=json)
    return ExitCode.OK


@tags.command(epilog="Example: aqsync tags remove 20261123-1 qubit:q3")
@eid_argument
@click.argument("tags", nargs=-1, required=True, help="The tags, in any case.")
@yes_option
@with_server
@json_option
def remove(server: Client, *, eid: str, tags: Sequence[str], yes: bool, json: bool) -> ExitCode:
    """Remove tags from an experiment, after a question.

    If the experiment lacks one of them, none is removed.

    With --json: an object with eid and tags, the list of all that the experiment has now.
    """
    wanted = list({tag.casefold(): tag for tag in tags}.values())
    with experiment_by(server, eid) as found:
        there = {tag.casefold() for tag in found.tags}
        missing = [tag for tag in wanted if tag.casefold() not in there]
        if missing:
            raise OperationFailed(
                f"experiment {found.eid} has no tag {', '.join(missing)}",
                hint=f"its tags: {', '.join(found.tags) or 'none'}",
            )
        question = f"Remove {', '.join(wanted)} from the tags of {found.eid} ({found.title})"
        if not confirmed(question, yes=yes):
            return ExitCode.INCOMPLETE
        for tag in wanted:
            server.remove_tag(found.uuid, tag)
        _say_tags(server, found, json=json)
    return ExitCode.OK


@tags.command("list", epilog="Example: aqsync tags list 20261123-1")
@click.argument(
    "eid",
    required=False,
    shell_complete=complete_eids,
    help="The experiment's EID (or UUID); all tags, if left out.",
)
@with_server
@json_option
def list_tags(server: Client, *, eid: str | None, json: bool) -> ExitCode:
    """List the tags of an experiment, or all that are in use.

    With --json: a list of texts.
    """
    if eid is None:
        found = sorted(server.tags(), key=str.casefold)
        nothing = "the server has no tags in use"
    else:
        with experiment_by(server, eid) as named:
            found = list(named.tags)
            nothing = f"{named.eid} has no tags"
    if json:
        say_json(found)
    elif not found:
        complain(nothing)
    else:
        for tag in found:
            say(tag)
    return ExitCode.OK


def _say_tags(server: Client, found: ExperimentRef, *, json: bool) -> None:
    now = server.experiment(found.uuid).tags
    if json:
        say_json({"eid": found.eid, "tags": list(now)})
    else:
        say(f"tags of {found.eid}: {', '.join(now) or 'none'}")
