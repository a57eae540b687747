"""``aqsync status``: how each mapping stands."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import click

from aqsync.cli.action_runs import Runs, newest_runs, problems_of, tell_actions
from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.daemon_state import DaemonState, pauses_as_json, tell_pauses
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.live import shown_live
from aqsync.cli.manifests import manifests_as_json, manifests_of, tell_manifests
from aqsync.cli.measurements import standing_as_json, tell_measurements
from aqsync.cli.options import json_option, no_scan_option
from aqsync.cli.output import say, say_json, say_lines
from aqsync.cli.own_experiments import goes_to, own_as_json, tell_own
from aqsync.cli.summaries import counts_text, report_problems, summary_as_json, waiting_lines
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig, Windows
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.made import OwnExperiment
from aqsync.journal.manifests import ManifestRecord
from aqsync.journal.observations import SentUnfinished
from aqsync.journal.pauses import Pause
from aqsync.journal.rechecks import Pending
from aqsync.layout.identity import is_key
from aqsync.local.selection import HINT, Selection
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS, Problem, ServerProblem, State
from aqsync.service.web.models import FileUnderWay
from aqsync.sync.leftovers import Leftover, leftovers
from aqsync.sync.measured import Standing, measured_of
from aqsync.sync.policies import experiments_of, server_state
from aqsync.sync.problem_groups import Order, ordered
from aqsync.sync.selected import selection
from aqsync.sync.summary import NOT_IN_SYNC, Summary, summarize
from aqsync.wording import age_text, counted, iso_text, lists_text, seconds_text, size_text

_FEW = 3
"""Files sent unfinished, and leftovers, that are named without --all."""


class _MappingState(NamedTuple):
    """What is known of one mapping."""

    mapping: MappingConfig
    summary: Summary
    complete_at_ns: int | None
    """When all of it was in sync last."""
    selection: Selection
    watch: Problem | None
    """Why its file events cannot be trusted."""
    rechecks: Pending
    sent_unfinished: list[SentUnfinished]
    damaged: dict[str, str]
    """Databases that were sent as they are, with what is wrong in them."""
    leftovers: list[Leftover]
    slowest: FileUnderWay | None
    """Of the files that the daemon sends."""
    measurements: Sequence[Standing]
    runs: Runs
    action_problems: list[Problem]
    own: Sequence[OwnExperiment]
    """The folders that get an experiment each."""
    manifests: Mapping[str, ManifestRecord]
    """By EID."""


class _ServerSide(NamedTuple):
    """What is known of the server."""

    problem: ServerProblem | None
    oldest_ns: int | None
    """When the oldest of its file lists was fetched."""
    lists_missing: int
    """How many experiments have no list yet."""
    pauses: dict[str, Pause]


@click.command(epilog="Example: aqsync status --mapping fridge-1")
@config_option
@mappings_option
@no_scan_option
@click.option("--all", "everything", is_flag=True, help="Every problem and every file by its name.")
@click.option(
    "--waiting",
    is_flag=True,
    help="One line for each file that is not on the server as it is here, and nothing else.",
)
@click.option(
    "--sort",
    "order",
    type=click.Choice(Order, case_sensitive=False),
    help="By what problems and files are sorted: the oldest, the largest first.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Show it live until Ctrl-C, as the daemon or a push notes it; the disk is left alone.",
)
@json_option
def status(
    *,
    config: Config,
    names: Sequence[str],
    no_scan: bool,
    everything: bool,
    waiting: bool,
    order: Order | None,
    watch: bool,
    json: bool,
) -> ExitCode:
    """Say how each mapping stands: is everything up there?

    The disk is looked at as it is now, the server's side is as last fetched. Exit status: 0 all
    in sync, 1 not.
    """
    mappings, clock = chosen(config, names), SystemClock()

    def answer() -> ExitCode:
        daemon = DaemonState(config)
        with journal_after_scan(config, mappings, scan=not (no_scan or watch)) as (journal, _):
            now_ns = clock.now_ns()
            windows = config.transfer.windows
            found = [
                _mapping_state(journal, mapping, windows, now_ns, daemon, order, each=waiting)
                for mapping in mappings
            ]
            server = _server_side(journal, mappings, now_ns)
        if json:
            _print_json(config, found, server, daemon, now_ns)
        elif waiting:
            _tell_waiting(found)
        else:
            if watch:
                say(local_text(now_ns / SECOND_NS))
            _tell(config, found, server, daemon, now_ns, everything=everything)
        complete = all(each.summary.complete for each in found)
        return ExitCode.OK if complete else ExitCode.INCOMPLETE

    if not watch:
        return answer()
    return shown_live(answer, clock, on_screen=sys.stdout.isatty() and not json)


def _tell(
    config: Config,
    found: Sequence[_MappingState],
    server: _ServerSide,
    daemon: DaemonState,
    now_ns: int,
    *,
    everything: bool,
) -> None:
    for each in found:
        _tell_mapping(each, now_ns, everything=everything)
        report_problems(each.summary.problems, everything=everything)
    tell_pauses(server.pauses, now_ns)
    daemon.tell(now_ns)
    say(f"by the configuration {config.path}, with the server {config.server.url}")
    _tell_server(server, now_ns)


def _tell_waiting(found: Sequence[_MappingState]) -> None:
    for each in found:
        not_there = [problem for problem in each.summary.problems if problem.state in NOT_IN_SYNC]
        say_lines(waiting_lines(not_there))


def _mapping_state(
    journal: Journal,
    mapping: MappingConfig,
    windows: Windows,
    now_ns: int,
    daemon: DaemonState,
    order: Order | None,
    *,
    each: bool,
) -> _MappingState:
    record = journal.mappings.get(mapping.name)
    summary = summarize(journal, mapping, now_ns, windows=windows, each=each)
    summary.problems = ordered(summary.problems, order)
    return _MappingState(
        mapping,
        summary,
        record.complete_at_ns,
        selection(journal, mapping),
        journal.mappings.watch(record.id),
        journal.rechecks.pending(record.id),
        journal.observations.sent_unfinished(record.id),
        journal.observations.damaged(record.id),
        leftovers(journal, mapping, now_ns),
        daemon.slowest(mapping.name),
        [] if (measured := measured_of(journal, mapping, now_ns)) is None else measured.all(),
        newest_runs(journal, mapping),
        problems_of(journal, mapping),
        journal.made.own(record.id) if mapping.makes_experiments else [],
        manifests_of(journal, mapping),
    )


def _server_side(journal: Journal, mappings: Sequence[MappingConfig], now_ns: int) -> _ServerSide:
    eids = experiments_of(journal, mappings)
    known = journal.remote.experiments().values()
    eids -= {e for e in eids if is_key(e)} - {e.eid for e in known if e.uuid is not None}
    fetched = [e.listed_at_ns for e in known if e.eid in eids and e.listed_at_ns is not None]
    return _ServerSide(
        server_state(journal),
        min(fetched, default=None),
        len(eids) - len(fetched),
        journal.pauses.active(now_ns),
    )


def _print_json(
    config: Config,
    found: Sequence[_MappingState],
    server: _ServerSide,
    daemon: DaemonState,
    now_ns: int,
) -> None:
    say_json(
        {
            "mappings": {
                each.mapping.name: {
                    **summary_as_json(each.mapping, each.summary, each.complete_at_ns),
                    "watch": _watch_as_json(each.watch),
                    "left_out": each.selection.left_out,
                    "unmatched_patterns": list(each.selection.unmatched),
                    "recheck": _recheck_as_json(each, now_ns),
                    "sent_unfinished": [
                        {"path": str(each.mapping.directory / file.path), "format": file.format}
                        for file in each.sent_unfinished
                    ],
                    "damaged": [
                        {"path": str(each.mapping.directory / path), "said": said}
                        for path, said in each.damaged.items()
                    ],
                    "leftovers": [
                        {
                            "name": file.remote_name,
                            "experiment": file.eid_shown,
                            "removable": removable,
                        }
                        for file, removable in each.leftovers
                    ],
                    "measurements": [
                        standing_as_json(each.mapping, standing, each.runs)
                        for standing in each.measurements
                    ],
                    "action_problems": [
                        _problem_as_json(problem) for problem in each.action_problems
                    ],
                    "experiments": [own_as_json(each.mapping, own) for own in each.own],
                    "manifests": manifests_as_json(each.manifests),
                    "slowest": None if each.slowest is None else each.slowest.model_dump(),
                }
                for each in found
            },
            "config": str(config.path),
            "server_url": config.server.url,
            "server": None if server.problem is None else _server_as_json(server.problem),
            "server_lists_from": iso_text(server.oldest_ns),
            "paused": pauses_as_json(server.pauses),
            "daemon": daemon.as_json(),
        }
    )


def _recheck_as_json(each: _MappingState, now_ns: int) -> dict[str, Any]:
    if not each.mapping.recheck:
        return {"on": False, "files": 0, "seconds": None}
    seconds = _seconds_left(each.rechecks, now_ns)
    return {"on": True, "files": each.rechecks.files, "seconds": seconds}


def _server_as_json(server: ServerProblem) -> dict[str, Any]:
    facts = asdict(server)
    why = facts.pop("why")
    return {"code": why.pop("reason"), **why, **facts}


def _watch_as_json(problem: Problem | None) -> dict[str, Any] | None:
    return None if problem is None else _problem_as_json(problem)


def _problem_as_json(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.reason.value,
        "reason": problem.message,
        "hint": problem.hint,
        "since": iso_text(problem.since_ns),
    }


def _tell_mapping(each: _MappingState, now_ns: int, *, everything: bool) -> None:
    mapping, summary, found = each.mapping, each.summary, each.selection
    more = []
    if summary.kept:
        more.append(f"{summary.kept} deleted here and kept on the server")
    if found.selected and found.left_out:
        more.append(f"{found.left_out} not selected by `include`")
    say(f"{mapping.name}: {mapping.directory} -> {goes_to(mapping)}")
    say(f"  {counts_text(summary, *more)}")
    _tell_not_there(each, now_ns)
    say(
        f"  {size_text(summary.bytes[State.IN_SYNC])} on the server"
        f"{' beside what was freed' if summary.files[State.FREED] else ''};"
        f" last complete sync {age_text(each.complete_at_ns, now_ns)}"
    )
    notes = found.notes()
    for note in notes:
        say(f"  {note}")
    if notes:
        say(f"    hint: {HINT}")
    tell_measurements(each.measurements)
    tell_actions(mapping, each.measurements, each.runs, each.action_problems, now_ns)
    _tell_rechecks(each, now_ns)
    _tell_unfinished(each.sent_unfinished, everything=everything)
    for path, said in each.damaged.items():
        say(f"  a database that SQLite found damaged, sent as it is: {path} ({said})")
    _tell_leftovers(each.leftovers, everything=everything)
    tell_own(each.own, everything=everything)
    tell_manifests(each.manifests, now_ns)
    _tell_watch(each.watch, now_ns)


def _tell_not_there(each: _MappingState, now_ns: int) -> None:
    """What a person asks for first: how much is still to come, and what stands out of it."""
    found, slowest = each.summary.not_there, each.slowest
    if not found.files:
        return
    verb = "is" if found.files == 1 else "are"
    say(f"  {counted(found.files, 'file')} ({size_text(found.bytes)}) {verb} still to come:")
    if found.oldest is not None and found.largest is not None:
        age = seconds_text(max(0, now_ns - found.oldest.since_ns) / SECOND_NS)
        say(f"    oldest:  {found.oldest.path}, here for {age}")
        say(f"    largest: {found.largest.path}, {size_text(found.largest.size)}")
    if slowest is not None:
        say(
            f"    slowest: {slowest.path}, {size_text(slowest.sent)} of {size_text(slowest.size)}"
            f" at {size_text(slowest.sent / slowest.seconds)}/s"
        )


def _tell_rechecks(each: _MappingState, now_ns: int) -> None:
    """These files are in sync as far as their sizes and times tell."""
    seconds = _seconds_left(each.rechecks, now_ns)
    if not each.mapping.recheck:
        say("  not checked again: what neither size nor times of a file show (recheck: off)")
    elif seconds is not None:
        count = each.rechecks.files
        files = "1 file is" if count == 1 else f"{count} files are"
        when = f"in {seconds_text(seconds)}" if seconds else "now"
        say(f"  {files} checked again, the last {when}, by the daemon or the next push after that")


def _tell_unfinished(files: Sequence[SentUnfinished], *, everything: bool) -> None:
    """These are on the server as they are here, and yet may not open."""
    shown = files if everything else files[:_FEW]
    for file in shown:
        say(f"  sent unfinished, as its writer had not closed it: {file.path} ({file.format})")
    if len(shown) < len(files):
        say(f"  ... and {len(files) - len(shown)} more; `aqsync status --all` names each")


def _tell_leftovers(found: Sequence[Leftover], *, everything: bool) -> None:
    """Copies on the server that only mislead: what they hold is in the database."""
    shown = found if everything else found[:_FEW]
    for file, _ in shown:
        say(f"  leftover on the server, part of a database: {file.remote_name} in {file.eid_shown}")
    if len(shown) < len(found):
        say(f"  ... and {len(found) - len(shown)} more; `aqsync status --all` names each")
    if any(removable for _, removable in found):
        say("    hint: `aqsync tidy` removes what the database on the server holds too")


def _seconds_left(pending: Pending, now_ns: int) -> float | None:
    """Until the last of them is due; None if there are none."""
    if pending.last_ns is None:
        return None
    return round(max(0, pending.last_ns - now_ns) / SECOND_NS, 3)


def _tell_watch(problem: Problem | None, now_ns: int) -> None:
    """Changes are still found, only later."""
    if problem is not None:
        age = seconds_text(max(0, now_ns - problem.since_ns) / SECOND_NS)
        say(
            "  events cannot be trusted, so it is scanned more often:"
            f" {problem.message} (for {age})"
        )
        if problem.hint:
            say(f"    hint: {problem.hint}")


def _tell_server(server: _ServerSide, now_ns: int) -> None:
    missing = server.lists_missing if server.oldest_ns else 0
    some = f"; of {counted(missing, 'experiment')} no list was fetched yet" if missing else ""
    say(f"{lists_text(server.oldest_ns, now_ns)}{some}")
    if server.problem is not None:
        since = seconds_text((now_ns - server.problem.since_ns) / SECOND_NS)
        say(f"the server has not been usable for {since}: {server.problem.message}")
