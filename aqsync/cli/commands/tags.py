"""``aqsync tags``: list, add and remove tags."""

from __future__ import annotations

from collections.abc import Sequence

from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.server import Server
from aqsync.cli.confirmation import agreed
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import connected, experiment
from aqsync.errors import ExitCode, OperationFailed


def list_tags(options: ServerOptions, identifier: str | None, *, json: bool) -> ExitCode:
    """List the tags of an experiment, or all that are in use on the server, one a line."""
    with connected(options) as server:
        if identifier is None:
            tags = sorted(server.tags(), key=str.casefold)
            nothing = "the server has no tags in use"
        else:
            with experiment(server, identifier) as found:
                tags = list(found.tags)
                nothing = f"{found.eid} has no tags"
    if json:
        say_json(tags)
    elif tags:
        for tag in tags:
            say(tag)
    else:
        complain(nothing)
    return ExitCode.OK


def add(options: ServerOptions, identifier: str, tags: Sequence[str], *, json: bool) -> ExitCode:
    """Add tags to an experiment."""
    with connected(options) as server, experiment(server, identifier) as found:
        server.add_tags(found.uuid, tags)
        _say_tags(server, found, json=json)
    return ExitCode.OK


def remove(
    options: ServerOptions, identifier: str, tags: Sequence[str], *, yes: bool, json: bool
) -> ExitCode:
    """Remove tags from an experiment; none if it lacks one of them.

    Raises:
        OperationFailed: It lacks one.
    """
    wanted = list({tag.casefold(): tag for tag in tags}.values())
    with connected(options) as server, experiment(server, identifier) as found:
        there = {tag.casefold() for tag in found.tags}
        missing = [tag for tag in wanted if tag.casefold() not in there]
        if missing:
            raise OperationFailed(
                f"experiment {found.eid} has no tag {', '.join(missing)}",
                hint=f"its tags: {', '.join(found.tags) or 'none'}",
            )
        question = f"Remove {', '.join(wanted)} from the tags of {found.eid} ({found.title})"
        if not agreed(question, yes=yes):
            return ExitCode.INCOMPLETE
        for tag in wanted:
            server.remove_tag(found.uuid, tag)
        _say_tags(server, found, json=json)
    return ExitCode.OK


def _say_tags(server: Server, found: ExperimentRef, *, json: bool) -> None:
    tags = server.experiment(found.uuid).tags
    if json:
        say_json({"eid": found.eid, "tags": list(tags)})
    else:
        say(f"tags of {found.eid}: {', '.join(tags) or 'none'}")
