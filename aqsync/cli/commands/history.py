"""``aqsync history``: what happened, the most recent last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.options import json_option, since_option
from aqsync.cli.output import iso_text, say, say_json
from aqsync.cli.tables import say_table, time_text
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.history import Event
from aqsync.local.locate import locate
from aqsync.model import SECOND_NS


@click.command()
@click.argument("path", required=False, type=Path, help="Only this file or directory.")
@config_option
@click.option("--mapping", "-m", help="Only this mapping.")
@since_option
@click.option(
    "-n",
    "most",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many events to print at most, the most recent.",
)
@json_option
def history(
    *,
    path: Path | None,
    config: Config,
    mapping: str | None,
    since: datetime | None,
    most: int,
    json: bool,
) -> ExitCode:
    """Say what happened: uploads, removals, what was refused, and when the server was away.

    The most recent comes last. With --json: an object whose `events` have at, what, mapping, path,
    code and detail.
    """
    mappings = chosen(config, [] if mapping is None else [mapping])
    relative = ""
    if path is not None:
        place = locate(mappings, path)
        mapping, relative = place.mapping.name, place.path
    with Journal.open_for_reading(config.journal) as journal:
        events = journal.history.recent(
            most,
            mapping=mapping,
            path=relative,
            since_ns=None if since is None else int(since.timestamp() * SECOND_NS),
        )
    if json:
        say_json({"events": [_as_json(config, event) for event in events]})
    elif not events:
        say("nothing is known to have happened")
    else:
        say_table(("TIME", "WHAT", "PATH", "DETAIL"), [_row(config, event) for event in events])
    return ExitCode.OK


def _place(config: Config, event: Event) -> str:
    """Where it happened; of a mapping that is no longer configured, its name."""
    if not event.path:
        return event.mapping
    for mapping in config.mappings:
        if mapping.name == event.mapping:
            return str(mapping.directory / event.path)
    return f"{event.mapping}: {event.path}"


def _row(config: Config, event: Event) -> Sequence[str]:
    at = datetime.fromtimestamp(event.at_ns / SECOND_NS, UTC)
    return time_text(at), event.kind, _place(config, event), event.text


def _as_json(config: Config, event: Event) -> dict[str, str | None]:
    return {
        "at": iso_text(event.at_ns),
        "what": event.kind,
        "mapping": event.mapping or None,
        "path": _place(config, event) if event.path else None,
        "detail": event.text,
        "code": event.reason and event.reason.value,
    }
