"""``aqsync status``: how each mapping stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.daemon_state import DaemonState, pauses_as_json, tell_pauses
from aqsync.cli.journal_view import looked_at
from aqsync.cli.options import json_option, no_scan_option
from aqsync.cli.output import (
    age_text,
    iso_text,
    lists_text,
    report_problems,
    say,
    say_json,
    seconds_text,
    size_text,
)
from aqsync.cli.summary_json import summary_as_json
from aqsync.clock import SystemClock
from aqsync.config import Config, Mapping
from aqsync.errors import ExitCode
from aqsync.journal.rechecks import Pending
from aqsync.local.selection import HINT, Selection
from aqsync.model import Problem, ServerProblem, State
from aqsync.sync.policies import experiments_of, server_state
from aqsync.sync.selected import selection
from aqsync.sync.summary import Summary, summarize

_SECOND_NS = 1_000_000_000


@click.command()
@config_option
@mappings_option
@no_scan_option
@click.option("--all", "everything", is_flag=True, help="Every problem, not just some.")
@json_option
def status(
    *,
    config: Config,
    names: Sequence[str],
    no_scan: bool,
    everything: bool,
    json: bool,
) -> ExitCode:
    """Say how each mapping stands: is everything up there?

    The disk is looked at as it is now, the server's side is as last fetched. Exit status: 0 all
    in sync, 1 not.
    """
    return _status(
        config, chosen(config, names), scan=not no_scan, everything=everything, json=json
    )


def _status(
    config: Config, mappings: Sequence[Mapping], *, scan: bool, everything: bool, json: bool
) -> ExitCode:
    now_ns = SystemClock().now_ns()
    with looked_at(config, mappings, scan=scan) as (journal, _):
        records = {m.name: journal.mappings.get(m.name) for m in mappings}
        windows = config.transfer.windows
        summaries = {m.name: summarize(journal, m, now_ns, windows=windows) for m in mappings}
        selections = {m.name: selection(journal, m) for m in mappings}
        watches = {m.name: journal.mappings.watch(records[m.name].id) for m in mappings}
        rechecks = {m.name: journal.rechecks.pending(records[m.name].id) for m in mappings}
        pauses = journal.pauses.active(now_ns)
        server = server_state(journal)
        eids = experiments_of(journal, mappings)
        known = journal.remote.experiments().values()
        listed = [e.listed_at_ns for e in known if e.eid in eids]
    oldest = min((at for at in listed if at is not None), default=None)
    daemon = DaemonState(config)
    if json:
        say_json(
            {
                "mappings": {
                    m.name: {
                        **summary_as_json(m, summaries[m.name], records[m.name].complete_at_ns),
                        "watch": _watch_as_json(watches[m.name]),
                        "left_out": selections[m.name].left_out,
                        "unmatched_patterns": list(selections[m.name].unmatched),
                        "recheck": _recheck_as_json(m, rechecks[m.name], now_ns),
                    }
                    for m in mappings
                },
                "config": str(config.path),
                "server_url": config.server.url,
                "server": None if server is None else _server_as_json(server),
                "server_lists_from": iso_text(oldest),
                "paused": pauses_as_json(pauses),
                "daemon": daemon.as_json(),
            }
        )
    else:
        for mapping in mappings:
            complete_at_ns = records[mapping.name].complete_at_ns
            _tell(
                mapping, summaries[mapping.name], selections[mapping.name], complete_at_ns, now_ns
            )
            _tell_selection(selections[mapping.name])
            _tell_rechecks(mapping, rechecks[mapping.name], now_ns)
            _tell_watch(watches[mapping.name], now_ns)
            report_problems(summaries[mapping.name].problems, everything=everything)
        tell_pauses(pauses, now_ns)
        daemon.tell(now_ns)
        say(f"by the configuration {config.path}, with the server {config.server.url}")
        never = len(eids) - sum(at is not None for at in listed)
        some = f"; of {never} experiments no list was fetched yet" if never and oldest else ""
        say(f"{lists_text(oldest, now_ns)}{some}")
        if server is not None:
            since = seconds_text((now_ns - server.since_ns) / _SECOND_NS)
            say(f"the server has not been usable for {since}: {server.message}")
    complete = all(summary.complete for summary in summaries.values())
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def _tell(
    mapping: Mapping,
    summary: Summary,
    found: Selection,
    complete_at_ns: int | None,
    now_ns: int,
) -> None:
    counts = [f"{summary.files[state]} {state}" for state in State if summary.files[state]]
    if summary.kept:
        counts.append(f"{summary.kept} deleted here and kept on the server")
    if found.selected and found.left_out:
        counts.append(f"{found.left_out} not selected by `include`")
    say(f"{mapping.name}: {mapping.directory} -> {mapping.experiment}")
    say(f"  {', '.join(counts) or 'no files'}")
    say(
        f"  {size_text(summary.bytes[State.IN_SYNC])} on the server;"
        f" last complete sync {age_text(complete_at_ns, now_ns)}"
    )


def _tell_selection(found: Selection) -> None:
    notes = found.notes()
    for note in notes:
        say(f"  {note}")
    if notes:
        say(f"    hint: {HINT}")


def _recheck_as_json(mapping: Mapping, pending: Pending, now_ns: int) -> dict[str, Any]:
    if not mapping.recheck:
        return {"on": False, "files": 0, "seconds": None}
    return {"on": True, "files": pending.files, "seconds": _seconds_left(pending, now_ns)}


def _seconds_left(pending: Pending, now_ns: int) -> float | None:
    """Until the last of them is due; None: there are none."""
    if pending.last_ns is None:
        return None
    return round(max(0, pending.last_ns - now_ns) / _SECOND_NS, 3)


def _tell_rechecks(mapping: Mapping, pending: Pending, now_ns: int) -> None:
    """They are in sync, as far as the times of their files tell."""
    seconds = _seconds_left(pending, now_ns)
    if not mapping.recheck:
        say("  not checked again: what neither size nor times of a file show (recheck: off)")
    elif seconds is not None:
        files = "1 file is" if pending.files == 1 else f"{pending.files} files are"
        when = f"in {seconds_text(seconds)}" if seconds else "now"
        say(f"  {files} checked again, the last {when}, by the daemon or the next push after that")


def _server_as_json(server: ServerProblem) -> dict[str, Any]:
    facts = asdict(server)
    why = facts.pop("why")
    return {"code": why.pop("reason"), **why, **facts}


def _watch_as_json(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {
        "code": problem.reason.value,
        "reason": problem.message,
        "hint": problem.hint,
        "since": iso_text(problem.since_ns),
    }


def _tell_watch(problem: Problem | None, now_ns: int) -> None:
    """Changes are found all the same, only later."""
    if problem is not None:
        age = seconds_text(max(0, now_ns - problem.since_ns) / _SECOND_NS)
        say(
            "  events cannot be trusted, so it is scanned more often:"
            f" {problem.message} (for {age})"
        )
        if problem.hint:
            say(f"    hint: {problem.hint}")
