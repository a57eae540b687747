"""``aqsync ls``: both sides beside each other, file by file."""

from __future__ import annotations

import json as json_text
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from functools import cache
from typing import NamedTuple

import click

from aqsync.aqueduct.typed import instant
from aqsync.cli.action_runs import newest_runs
from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.measurements import say_measurements, standing_as_json
from aqsync.cli.options import json_option, no_scan_option
from aqsync.cli.output import complain, say, say_json, say_lines
from aqsync.cli.starting_server import connect_once_started
from aqsync.cli.streams import reader_has_gone
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.comparison import SyncStatus
from aqsync.journal.remote import NOT_MADE
from aqsync.layout.identity import is_key
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS, Problem
from aqsync.paths import parents
from aqsync.sync.measured import measured_of
from aqsync.sync.mirror import Mirror
from aqsync.sync.policies import batched, experiments_known_of
from aqsync.wording import counted, iso_text, lists_text, size_text

_LINES = 500
"""Lines written at once."""
_CROWD = 1000
"""With this many files or more, a directory is shown as one line."""
_MARKS = {
    SyncStatus.IN_SYNC: "=",
    SyncStatus.LOCAL_ONLY: ">",
    SyncStatus.REMOTE_ONLY: "<",
    SyncStatus.DIFFERS_THERE: "!",
    SyncStatus.PROVISIONAL: "~",
    SyncStatus.DIFFERS: "!",
    SyncStatus.UNKNOWN: "?",
}
_NONE = {
    None: "no files",
    SyncStatus.LOCAL_ONLY: "no file is known to be only here",
    SyncStatus.REMOTE_ONLY: "no file is known to be only on the server",
    SyncStatus.DIFFERS: "no file is known to be on both sides and not in sync",
}
"""Printed if nothing is found, by what was asked for."""
_HEADING = f"  {'SIZE':>9}  {'MODIFIED':25}  {'ON THE SERVER':25}  PATH"


class Row(NamedTuple):
    """One file, here or on the server or both."""

    status: SyncStatus
    mapping: str | None
    path: str | None
    """Absolute. Of a file that is only on the server: where it was here, if it ever was."""
    size: int | None
    mtime_ns: int | None
    eid: str | None
    remote_name: str
    listed_at: str | None
    sent_unfinished: str | None = None
    """Its format, if it was sent although that said that its writer had not closed it."""


class _Store(NamedTuple):
    """The files of one directory that are shown as one line."""

    files: int
    size: int
    """Bytes."""
    mtime_ns: int
    """Of the newest; 0 where none is here."""

    def with_one(self, row: Row) -> _Store:
        """With one file more."""
        newest = max(self.mtime_ns, row.mtime_ns or 0)
        return _Store(self.files + 1, self.size + (row.size or 0), newest)


class _Lists(NamedTuple):
    """What is known of the server's file lists."""

    oldest_ns: int | None
    problems: list[dict[str, str]]
    """What could not be looked at, here or there."""


@click.command(epilog="Example: aqsync ls fridge-1")
@click.argument(
    "names",
    metavar="[MAPPING]...",
    nargs=-1,
    shell_complete=complete_mappings,
    help="Only these mappings.",
)
@config_option
@click.option("--remote-only", is_flag=True, help="Only what is on the server and not here.")
@click.option("--local-only", is_flag=True, help="Only what is here and not on the server.")
@click.option("--differs", is_flag=True, help="Only what is on both sides and not in sync.")
@no_scan_option
@click.option(
    "--each", is_flag=True, help="Each file, also of stores and of folders with many files."
)
@click.option("--measurements", is_flag=True, help="How each measurement stands, not each file.")
@click.option("--refresh", is_flag=True, help="Ask the server for its file lists now.")
@json_option
def ls(
    *,
    names: Sequence[str],
    config: Config,
    remote_only: bool,
    local_only: bool,
    differs: bool,
    no_scan: bool,
    each: bool,
    measurements: bool,
    refresh: bool,
    json: bool,
) -> ExitCode:
    """List both sides, file by file: what is here, what is on the server, what differs.

    Marks: `=` in sync, `>` only here, `<` only on the server, `!` on both sides and not in sync,
    `~` a version of a file that keeps changing is on the server, `?` the server's list was never
    fetched. A zarr store, and a folder with 1,000 files and more, is one line for each mark. The
    disk is looked at as it is now, the server's side is as last fetched. With --json: an object
    whose `files` have state, mapping, path, size, modified, on_server_since, experiment,
    remote_name and sent_unfinished. With --measurements: one whose `measurements` have folder,
    mapping, state, code, reason, files, not_there, bytes and changed.
    """
    asked = {
        SyncStatus.REMOTE_ONLY: remote_only,
        SyncStatus.LOCAL_ONLY: local_only,
        SyncStatus.DIFFERS: differs,
    }
    wanted = [status for status, is_wanted in asked.items() if is_wanted]
    if len(wanted) > 1:
        raise click.UsageError("--remote-only, --local-only and --differs exclude each other")
    if (wanted or each) and measurements:
        raise click.UsageError("--measurements shows no files: leave out the other choice")
    only = wanted[0] if wanted else None
    mappings = chosen(config, names)
    with journal_after_scan(config, mappings, scan=not no_scan) as (journal, _):
        eids = experiments_known_of(journal, mappings)
        if refresh:
            with closing(connect_once_started(config)) as server:
                Mirror(server, journal, SystemClock()).refresh(eids)
        if measurements:
            _tell_measurements(journal, mappings, json=json)
            return ExitCode.OK
        lists = _lists(journal, mappings, eids)
        rows = _rows(journal, config, mappings, sorted(eids), only)
        if json:
            _write_json(rows, lists)
        else:
            stores = set[str]() if each else _stores(journal, config, mappings)
            _tell(rows, lists, only, stores)
    return ExitCode.OK


def _tell_measurements(journal: Journal, mappings: Sequence[MappingConfig], *, json: bool) -> None:
    now_ns = SystemClock().now_ns()
    found = (
        (mapping, standing, runs)
        for mapping in mappings
        for runs in [newest_runs(journal, mapping)]
        if (measured := measured_of(journal, mapping, now_ns)) is not None
        for standing in measured.all()
    )
    if json:
        say_json({"measurements": [standing_as_json(*each) for each in found]})
    else:
        say_measurements(found)


def _lists(journal: Journal, mappings: Sequence[MappingConfig], eids: set[str]) -> _Lists:
    known = [e for e in journal.remote.experiments().values() if e.eid in eids]
    fetched = [e.listed_at_ns for e in known if e.listed_at_ns is not None]
    problems = [
        _problem(str(mapping.directory / path), trouble)
        for mapping in mappings
        for path, trouble in journal.mappings.troubles(
            journal.mappings.get(mapping.name).id
        ).items()
    ]
    problems += [
        _problem(f"experiment {e.shown_eid or e.eid}", e.problem)
        for e in known
        if e.problem and not (is_key(e.eid) and e.shown_eid is None)  # each file tells it
    ]
    return _Lists(min(fetched, default=None), problems)


def _problem(place: str, problem: Problem) -> dict[str, str]:
    return {
        "path": place,
        "code": problem.reason.value,
        "reason": problem.message,
        "hint": problem.hint,
    }


def _rows(
    journal: Journal,
    config: Config,
    mappings: Sequence[MappingConfig],
    eids: Sequence[str],
    only: SyncStatus | None,
) -> Iterator[Row]:
    """What is here, mapping by mapping; then what is only on the server, by experiment."""
    roots = _roots(config)
    shown = cache(journal.remote.shown)
    if only is not SyncStatus.REMOTE_ONLY:
        for mapping in mappings:
            root = roots[mapping.name]
            mapping_id = journal.mappings.get(mapping.name).id
            for here in journal.comparisons.local(mapping_id, only):
                place = f"{root}/{here.path}"
                row = Row(here.status, mapping.name, place, *here[2:])
                yield row._replace(eid=None if row.eid is None else shown(row.eid))
    if only in {None, SyncStatus.REMOTE_ONLY}:
        # A name that any configured mapping has is not only on the server.
        ids = [journal.mappings.get(name).id for name in roots]
        for eid in eids:
            for there in journal.comparisons.remote_only(eid, ids):
                was = None
                if there.mapping is not None:
                    was = f"{roots[there.mapping]}/{there.path}"
                yield Row(
                    SyncStatus.REMOTE_ONLY,
                    there.mapping,
                    was,
                    size=None,
                    mtime_ns=None,
                    eid=shown(eid),
                    remote_name=there.remote_name,
                    listed_at=there.listed_at,
                )


def _roots(config: Config) -> dict[str, str]:
    """The directory of each mapping, without a slash at its end."""
    return {mapping.name: str(mapping.directory).rstrip("/") for mapping in config.mappings}


def _stores(journal: Journal, config: Config, mappings: Sequence[MappingConfig]) -> set[str]:
    """The absolute paths of the directories that are shown as one line."""
    roots = _roots(config)
    return {
        f"{roots[mapping.name]}/{directory}"
        for mapping in mappings
        for directory in journal.comparisons.stores(journal.mappings.get(mapping.name).id, _CROWD)
        if directory  # the root itself is shown file by file
    }


def _tell(
    rows: Iterator[Row], lists: _Lists, only: SyncStatus | None, stores: Collection[str]
) -> None:
    counts: Counter[SyncStatus] = Counter()
    together: dict[tuple[str, SyncStatus], _Store] = {}
    for batch in batched(rows, _LINES):
        if reader_has_gone():
            return
        if not counts:
            say(_HEADING)
        counts.update(row.status for row in batch)
        alone = []
        for row in batch:
            if (place := _store_of(row, stores)) is None:
                alone.append(row)
            else:
                store = together.get((place, row.status), _Store(0, 0, 0))
                together[place, row.status] = store.with_one(row)
        say_lines(map(_line, alone))
    say_lines(_store_line(*key, store) for key, store in sorted(together.items()))
    found = [f"{_MARKS[s]} {counts[s]} {s}" for s in SyncStatus if counts[s]]
    say(", ".join(found) or _NONE[only])
    say(lists_text(lists.oldest_ns, SystemClock().now_ns()))
    for problem in lists.problems:
        complain(f"{problem['path']}: {problem['reason']}")


def _store_of(row: Row, stores: Collection[str]) -> str | None:
    """The topmost of these directories that a file lies in."""
    if not stores or row.path is None:
        return None
    return next((place for place in parents(row.path) if place in stores), None)


def _store_line(place: str, status: SyncStatus, store: _Store) -> str:
    newest = "" if not store.mtime_ns else local_text(store.mtime_ns / SECOND_NS)
    return (
        f"{_MARKS[status]} {size_text(store.size):>9}  {newest:25}  {'':25}"
        f"  {place}/  {counted(store.files, 'file')}"
    )


def _line(row: Row) -> str:
    size = "" if row.size is None else size_text(row.size)
    modified = "" if row.mtime_ns is None else local_text(row.mtime_ns / SECOND_NS)
    place = "" if row.path is None else f"{row.path}  "
    there = row.remote_name and f"{row.eid}/{row.remote_name}"
    mark = f"  (sent unfinished: {row.sent_unfinished})" if row.sent_unfinished else ""
    return (
        f"{_MARKS[row.status]} {size:>9}  {modified:25}  {_listed_text(row.listed_at):25}"
        f"  {place}{there}{mark}"
    ).rstrip()


def _listed_text(listed_at: str | None) -> str:
    if listed_at is None:
        return ""
    try:
        return local_text(instant(listed_at))
    except ValueError:
        return listed_at  # as the server says it


def _write_json(rows: Iterator[Row], lists: _Lists) -> None:
    """One object, written bit by bit."""
    out = sys.stdout
    out.write('{"files": [')
    separator = "\n"
    for batch in batched(rows, _LINES):
        if reader_has_gone():
            return
        out.write(separator + ",\n".join(json_text.dumps(_as_json(row)) for row in batch))
        separator = ",\n"
    rest = {"server_lists_from": iso_text(lists.oldest_ns), "problems": lists.problems}
    out.write("\n], " + json_text.dumps(rest)[1:] + "\n")


def _as_json(row: Row) -> dict[str, str | int | None]:
    return {
        "state": row.status,
        "mapping": row.mapping,
        "path": row.path,
        "size": row.size,
        "modified": iso_text(row.mtime_ns),
        "on_server_since": row.listed_at,
        "experiment": None if row.eid == NOT_MADE else row.eid,
        "remote_name": row.remote_name or None,
        "sent_unfinished": row.sent_unfinished,
    }
