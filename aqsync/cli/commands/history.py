"""``aqsync history``: what happened, the most recent last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.local_path import PATH
from aqsync.cli.options import hash_option, json_option, since_option, until_option
from aqsync.cli.output import say, say_json
from aqsync.cli.tables import say_table
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.history import Counted, Event, HistoryKind, Wanted
from aqsync.local.locate import locate
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS
from aqsync.wording import iso_text, size_text

_MOST = 50
_KINDS = {kind.value.replace(" ", "-"): kind for kind in HistoryKind}
_NOTHING = "nothing is known to have happened"


@click.command(epilog="Example: aqsync history --since 1d")
@click.argument("path", required=False, type=PATH, help="Only this file or directory.")
@config_option
@click.option("--mapping", "-m", help="Only this mapping.")
@since_option
@until_option
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(_KINDS)),
    help="Only what is of this kind; may be repeated.",
)
@click.option("--summary", is_flag=True, help="Counts and bytes of each day instead of events.")
@click.option(
    "-n",
    "most",
    type=click.IntRange(min=1),
    help=f"How many events to print at most, the most recent; {_MOST} by default.",
)
@hash_option
@json_option
def history(
    *,
    path: Path | None,
    config: Config,
    mapping: str | None,
    since: datetime | None,
    until: datetime | None,
    kinds: Sequence[str],
    summary: bool,
    most: int | None,
    show_hash: bool,
    json: bool,
) -> ExitCode:
    """Say what happened: uploads, removals, what was refused, and when the server was away.

    The most recent comes last. With --json: an object whose `events` have at, what, mapping, path,
    code, detail, bytes, sha256, experiment, written (since when the file had been so) and seconds
    (that sending it took); or, with --summary, whose `days` have day, what, count and
    bytes.
    """
    if summary and most is not None:
        raise click.UsageError("--summary counts everything: leave out -n, or use --since")
    mappings = chosen(config, [] if mapping is None else [mapping])
    relative = ""
    if path is not None:
        place = locate(mappings, path)
        mapping, relative = place.mapping.name, place.path
    wanted = Wanted(mapping, relative, _ns(since), _ns(until), [_KINDS[kind] for kind in kinds])
    with Journal.open_for_reading(config.journal) as journal:
        if summary:
            _tell_days(journal.history.counted(wanted), json=json)
        else:
            events = journal.history.recent(most or _MOST, wanted)
            _tell_events(config, events, show_hash=show_hash, json=json)
    return ExitCode.OK


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * SECOND_NS)


def _tell_days(days: Sequence[Counted], *, json: bool) -> None:
    if json:
        say_json(
            {
                "days": [
                    {"day": day, "what": kind, "count": count, "bytes": size}
                    for day, kind, count, size in days
                ]
            }
        )
        return
    counts, sizes = Counter[HistoryKind](), Counter[HistoryKind]()
    for _, kind, count, size in days:
        counts[kind] += count
        sizes[kind] += size
    say_table(
        ("DAY", "WHAT", "COUNT", "SIZE"),
        [(day, kind, str(count), _size(size)) for day, kind, count, size in days],
    )
    if len({each.day for each in days}) > 1:
        totals = [
            f"{counts[kind]} {kind}" + (f" ({size_text(sizes[kind])})" if sizes[kind] else "")
            for kind in HistoryKind
            if counts[kind]
        ]
        say(f"in all: {', '.join(totals)}")
    if not days:
        say(_NOTHING)


def _size(size: int) -> str:
    return size_text(size) if size else ""


def _tell_events(config: Config, events: Sequence[Event], *, show_hash: bool, json: bool) -> None:
    if json:
        say_json({"events": [_as_json(config, event) for event in events]})
    elif not events:
        say(_NOTHING)
    else:
        rows = [_row(config, event, show_hash=show_hash) for event in events]
        say_table(("TIME", "WHAT", "PATH", "DETAIL"), rows)


def _place(config: Config, event: Event) -> str:
    """Where it happened; of a mapping that is no longer configured, its name."""
    if not event.path:
        return event.mapping
    for mapping in config.mappings:
        if mapping.name == event.mapping:
            return str(mapping.directory / event.path)
    return f"{event.mapping}: {event.path}"


def _row(config: Config, event: Event, *, show_hash: bool) -> Sequence[str]:
    detail = event.text
    if event.size is not None:
        detail = ", ".join(filter(None, [size_text(event.size), event.text]))
    if show_hash and event.sha256 is not None:
        detail += f", SHA-256 {event.sha256}"
    return local_text(event.at_ns / SECOND_NS), event.kind, _place(config, event), detail


def _as_json(config: Config, event: Event) -> dict[str, str | float | None]:
    detail = event.text
    if event.size is not None:
        detail = f"{event.size} bytes, SHA-256 {event.sha256}"
        detail += f", {event.text}" if event.text else ""
    return {
        "at": iso_text(event.at_ns),
        "what": event.kind,
        "mapping": event.mapping or None,
        "path": _place(config, event) if event.path else None,
        "detail": detail,
        "code": event.reason and event.reason.value,
        "bytes": event.size,
        "sha256": event.sha256,
        "experiment": event.eid,
        "written": iso_text(event.written_ns),
        "seconds": None if event.took_ns is None else event.took_ns / SECOND_NS,
    }
