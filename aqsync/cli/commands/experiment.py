"""``aqsync experiment``: create, find, show, change and remove experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aqsync.aqueduct.paging import by_age
from aqsync.aqueduct.records import ExperimentPage, ExperimentRef
from aqsync.cli.as_json import experiment_shape, file_shape
from aqsync.cli.commands.files import files_of, say_files
from aqsync.cli.confirmation import agreed
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.list_limits import how_many_wanted, say_how_many
from aqsync.cli.output import say, say_json
from aqsync.cli.points_in_time import moment
from aqsync.cli.server_access import connected, experiment, find_experiment
from aqsync.cli.tables import say_fields, say_table, time_text
from aqsync.errors import ConfigError, ExitCode

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Search:
    """What experiments are looked for; None where it does not matter."""

    text: str | None
    tags: Sequence[str] | None
    all_tags: bool
    since: str | None
    until: str | None
    limit: int | None
    everything: bool


def create(
    options: ServerOptions, title: str, description: str, tags: Sequence[str], *, json: bool
) -> ExitCode:
    """Create an experiment and print its EID, alone."""
    with connected(options) as server:
        made = server.create_experiment(title, description, tags)
    if json:
        say_json(experiment_shape(made))
    else:
        say(made.eid)
    return ExitCode.OK


def find(options: ServerOptions, search: Search, *, json: bool) -> ExitCode:
    """List experiments, newest first.

    Raises:
        ConfigError: Two options contradict each other, or a time is none.
    """
    if search.all_tags and not search.tags:
        raise ConfigError("--all-tags says how to take --tag, and there is none", hint="add --tag")
    wanted = how_many_wanted(search.limit, everything=search.everything)
    now = datetime.now(UTC)
    since = moment(search.since, "--since", now, end_of_day=False)
    until = moment(search.until, "--until", now, end_of_day=True)

    def page(end: datetime | None, offset: int, limit: int = _PAGE) -> ExperimentPage:
        return server.find(
            title=search.text,
            any_tags=None if search.all_tags else search.tags,
            all_tags=search.tags if search.all_tags else None,
            start=since,
            end=end,
            limit=limit,
            offset=offset,
        )

    found: Sequence[ExperimentRef]
    with connected(options) as server:
        if wanted is None:
            found = list(by_age(page, _PAGE, until))
            total = len(found)
        else:
            found, total = page(until, 0, wanted)
    if json:
        say_json([experiment_shape(each) for each in found])
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


def show(options: ServerOptions, identifier: str, *, json: bool) -> ExitCode:
    """Show all about an experiment."""
    with connected(options) as server, experiment(server, identifier) as found:
        files = files_of(server, found)
    if json:
        say_json({**experiment_shape(found), "files": [file_shape(file) for file in files]})
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


def change(
    options: ServerOptions,
    identifier: str,
    *,
    title: str | None,
    description: str | None,
    json: bool,
) -> ExitCode:
    """Give an experiment another title, another description, or both.

    Raises:
        ConfigError: Neither is given, or one is empty: servers ignore an empty one.
    """
    if title is None and description is None:
        raise ConfigError("there is nothing to set", hint="give --title, --description or both")
    for option, text in (("--title", title), ("--description", description)):
        if text is not None and not text.strip():
            raise ConfigError(f"{option} is empty, and servers ignore an empty one")
    with connected(options) as server, experiment(server, identifier) as found:
        changed = server.update_experiment(found.uuid, title=title, description=description)
    if json:
        say_json(experiment_shape(changed))
    else:
        say(f"{changed.eid}: {changed.title}")
    return ExitCode.OK


def remove(
    options: ServerOptions, identifiers: Sequence[str], *, yes: bool, json: bool
) -> ExitCode:
    """Remove experiments with their files; none if one of them does not exist."""
    removed: list[str] = []
    with connected(options) as server:
        found = dict.fromkeys(find_experiment(server, each) for each in identifiers)
        for each in found:
            count = len(files_of(server, each))
            question = f"Remove experiment {each.eid} ({each.title}) with its {count} file(s)"
            if not agreed(question, yes=yes):
                continue
            with experiment(server, each.eid):
                server.remove_experiment(each.uuid)
            removed.append(each.eid)
            if not json:
                say(f"removed {each.eid}")
    if json:
        say_json({"removed": removed})
    return ExitCode.OK if len(removed) == len(found) else ExitCode.INCOMPLETE
