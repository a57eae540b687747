"""``aqsync history``: what happened, the youngest last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aqsync.cli.context import chosen, configuration
from aqsync.cli.output import say, say_json
from aqsync.cli.points_in_time import moment
from aqsync.cli.tables import say_table, time_text
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.history import Event
from aqsync.local.locate import locate

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What the command line said."""

    path: Path | None
    config: Path | None
    mapping: str | None
    since: str | None
    most: int
    json: bool


def history(options: HistoryOptions) -> ExitCode:
    """Run the command.

    Raises:
        AqsyncError: Anything that keeps it from working at all.
    """
    config = configuration(options.config)
    mappings = chosen(config, [] if options.mapping is None else [options.mapping])
    mapping, path = options.mapping, ""
    if options.path is not None:
        place = locate(mappings, options.path)
        mapping, path = place.mapping.name, place.path
    since = moment(options.since, "--since", datetime.now().astimezone(), end_of_day=False)
    with Journal.open_for_reading(config.journal) as journal:
        events = journal.history.recent(
            options.most,
            mapping=mapping,
            path=path,
            since_ns=None if since is None else int(since.timestamp() * _SECOND_NS),
        )
    if options.json:
        say_json({"events": [_as_json(config, event) for event in events]})
    elif not events:
        say("nothing is known to have happened")
    else:
        say_table(("TIME", "WHAT", "PATH", "DETAIL"), [_row(config, event) for event in events])
    return ExitCode.OK


def _place(config: Config, event: Event) -> str:
    """Where it happened; a mapping that is no longer configured goes by its name."""
    if not event.path:
        return event.mapping
    for mapping in config.mappings:
        if mapping.name == event.mapping:
            return str(mapping.directory / event.path)
    return f"{event.mapping}: {event.path}"


def _row(config: Config, event: Event) -> Sequence[str]:
    at = datetime.fromtimestamp(event.at_ns / _SECOND_NS, UTC)
    return time_text(at), event.kind, _place(config, event), event.text


def _as_json(config: Config, event: Event) -> dict[str, str | None]:
    return {
        "at": datetime.fromtimestamp(event.at_ns / _SECOND_NS, UTC).isoformat(),
        "what": event.kind,
        "mapping": event.mapping or None,
        "path": _place(config, event) if event.path else None,
        "detail": event.text,
    }
