"""``aqsync status`` and ``why``: what is known, mapping by mapping and file by file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aqsync.cli.context import chosen, configuration
from aqsync.cli.daemon_state import DaemonState, pauses_as_json, tell_pauses
from aqsync.cli.looking import looked_at
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
from aqsync.clock import SystemClock
from aqsync.config import Mapping
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.journal.rechecks import Pending
from aqsync.local.disk import nearest
from aqsync.local.locate import Place, locate
from aqsync.local.scanner import Scanner
from aqsync.local.selection import HINT, Selection
from aqsync.model import (
    Compare,
    Decision,
    FileRecord,
    Hold,
    InSync,
    Problem,
    Recheck,
    RemoveRemote,
    State,
    Upload,
    Wait,
)
from aqsync.sync.planner import decide
from aqsync.sync.policies import experiments_of, policies, server_state
from aqsync.sync.selected import selection
from aqsync.sync.summary import Summary, summarize

_SECOND_NS = 1_000_000_000


def status(
    config_path: Path | None, names: Sequence[str], *, scan: bool, everything: bool, json: bool
) -> ExitCode:
    """Print how each mapping stands."""
    config = configuration(config_path)
    mappings = chosen(config, names)
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
                        **_as_json(m, summaries[m.name], records[m.name].complete_at_ns),
                        "watch": _watch_as_json(watches[m.name]),
                        "left_out": selections[m.name].left_out,
                        "unmatched_patterns": list(selections[m.name].unmatched),
                        "recheck": _recheck_as_json(m, rechecks[m.name], now_ns),
                    }
                    for m in mappings
                },
                "config": str(config.path),
                "server_url": config.server.url,
                "server": None if server is None else asdict(server),
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


def _as_json(mapping: Mapping, summary: Summary, complete_at_ns: int | None) -> dict[str, Any]:
    return {
        "directory": str(mapping.directory),
        "experiment": mapping.experiment,
        **{state.name.lower(): summary.files[state] for state in State},
        "kept": summary.kept,
        "bytes": summary.bytes[State.IN_SYNC],
        "bytes_missing": sum(summary.bytes.values()) - summary.bytes[State.IN_SYNC],
        "complete": summary.complete,
        "last_complete_sync": iso_text(complete_at_ns),
        "problems": [problem._asdict() for problem in summary.problems],
    }


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


def _watch_as_json(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {
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


def why(config_path: Path | None, path: Path, *, json: bool) -> ExitCode:
    """Print what is decided for one path, why, since when, and what happens next."""
    config = configuration(config_path)
    place = locate(config.mappings, path)
    now_ns = SystemClock().now_ns()
    with looked_at(config, [place.mapping], [place.path]) as (journal, scanners):
        mapping_id = journal.mappings.get(place.mapping.name).id
        file = journal.observations.record_at(mapping_id, place.path)
        if file is not None:
            policy = policies(journal, place.mapping, now_ns, config.transfer.windows)(file)
            step = decide(file, policy, now_ns)
            doubt = policy.place_problem or policy.root_problem
            return _explain(place, file, step, doubt, now_ns, json=json)
        answers = LOOK not in journal.hangs.of(place.mapping.name)
        # Unlike `Path.is_dir`, this is no error where the path may not be looked at.
        if answers and os.path.isdir(place.mapping.directory / place.path):  # noqa: PTH112
            summary = summarize(
                journal, place.mapping, now_ns, [place.path], windows=config.transfer.windows
            )
            return _explain_directory(place, summary, json=json)
        return _explain_absence(place, scanners[place.mapping.name], journal, json=json)


def _explain(  # noqa: PLR0913 - what there is to say
    place: Place,
    file: FileRecord,
    step: Decision,
    doubt: Problem | None,
    now_ns: int,
    *,
    json: bool,
) -> ExitCode:
    hint = step.hint if isinstance(step, Hold | Wait) else ""
    age = max(0, now_ns - step.since_ns)
    failure = file.failure
    facts = {
        "path": str(place.mapping.directory / file.path),
        "mapping": file.mapping,
        "decision": type(step).__name__,
        "state": step.state,
        "reason": step.reason,
        "since": iso_text(step.since_ns),
        "age_seconds": round(age / _SECOND_NS, 3),
        "next": _next_of(place.mapping, file, step, now_ns),
        "hint": hint,
        "last_failure": None if failure is None else failure.message,
        "in_doubt": None if doubt is None else doubt.message,
        "experiment": file.eid,
        "remote_name": file.remote_name or None,
        "sha256": None if file.synced is None else file.synced.sha256.hex(),
    }
    if json:
        say_json(facts)
    else:
        say(f"{facts['path']}")
        say(f"  state:      {step.state}, for {seconds_text(age / _SECOND_NS)}")
        say(f"  reason:     {step.reason}")
        say(f"  next:       {facts['next']}")
        if hint:
            say(f"  hint:       {hint}")
        if failure is not None and failure.message not in step.reason:
            say(f"  last try:   failed {age_text(failure.at_ns, now_ns)}: {failure.message}")
            if failure.hint:
                say(f"  hint:       {failure.hint}")
        if doubt is not None and doubt.message != step.reason:
            say(f"  in doubt:   {doubt.message}")
            say(f"  hint:       {doubt.hint}")
        if file.eid is not None:
            say(f"  goes to:    {file.eid} as {file.remote_name}")
        if file.synced is not None:
            say(f"  synced:     {age_text(file.synced.at_ns, now_ns)}, SHA-256 {facts['sha256']}")
    in_sync = isinstance(step, InSync | Recheck) and doubt is None
    return ExitCode.OK if in_sync else ExitCode.INCOMPLETE


def _next_of(mapping: Mapping, file: FileRecord, step: Decision, now_ns: int) -> str:
    """What happens next to this file: one that is in sync may have to be checked again."""
    synced = file.synced
    again = mapping.recheck and synced is not None and synced.recheck_at_ns is not None
    if isinstance(step, InSync) and again and file.local is not None:
        return "the daemon, or the next push after that time, checks it again"
    return next_step(step, now_ns)


def next_step(step: Decision, now_ns: int) -> str:  # noqa: PLR0911 - one for each step
    """What happens next, for a person."""
    match step:
        case InSync():
            return "nothing, until the file changes"
        case Recheck():
            return "it is read again, and sent if its content is not what was sent"
        case Upload(replaces=True):
            return "it is uploaded and replaces our earlier version"
        case Upload():
            return "it is uploaded"
        case Compare():
            return "its content is compared with the server's; it is sent only if it may be"
        case RemoveRemote():
            return "its copy is removed from the server"
        case Wait():
            return _looked_at_again(step.until_ns, now_ns)
        case Hold(next_ns=int(next_ns)):
            return _looked_into_again(next_ns, now_ns, sooner_by_push=step.sooner_by_push)
        case Hold(state=State.HELD | State.DIFFERS):
            return "nothing, until somebody decides or the file changes"
        case _:
            return "nothing"


def _looked_at_again(until_ns: int | None, now_ns: int) -> str:
    if until_ns is None:
        return "it goes on when that is over"
    return f"it is looked at again in {seconds_text(max(0, until_ns - now_ns) / _SECOND_NS)}"


def _looked_into_again(next_ns: int, now_ns: int, *, sooner_by_push: bool) -> str:
    """Of what holds many files; where no daemon runs, nobody comes back to it by itself."""
    if not sooner_by_push:
        return f"it is tried again in {seconds_text(max(0, next_ns - now_ns) / _SECOND_NS)}"
    if next_ns <= now_ns:
        return "what holds it is looked into again by the next push, or at once by a daemon"
    seconds = seconds_text((next_ns - now_ns) / _SECOND_NS)
    return f"what holds it is looked into again in {seconds}, or by the next push"


def _explain_directory(place: Place, summary: Summary, *, json: bool) -> ExitCode:
    if json:
        say_json(_as_json(place.mapping, summary, None))
    else:
        counts = [f"{summary.files[state]} {state}" for state in State if summary.files[state]]
        say(f"{place.mapping.directory / place.path}: {', '.join(counts) or 'no files'}")
        report_problems(summary.problems, everything=True)
    return ExitCode.OK if summary.complete else ExitCode.INCOMPLETE


def _explain_absence(place: Place, scanner: Scanner, journal: Journal, *, json: bool) -> ExitCode:
    absolute = place.mapping.directory / place.path
    troubles = journal.mappings.troubles(journal.mappings.get(place.mapping.name).id)
    hint, state = "", "not selected"
    doubt = troubles.get(nearest(place.path, troubles) or "")
    if doubt is not None:
        reason, hint, state = doubt.message, doubt.hint, "not looked at"
    elif not os.path.lexists(absolute):
        reason = "there is no such file, and none was ever seen"
    else:
        reason = scanner.rules.explain(place.path) or "it was not seen by the scan"
    if json:
        facts = {"path": str(absolute), "mapping": place.mapping.name, "decision": None}
        say_json({**facts, "state": state, "reason": reason, "hint": hint})
    else:
        say(f"{absolute}")
        say(f"  state:      {state}{'' if hint else ': it is never uploaded'}")
        say(f"  reason:     {reason}")
        if hint:
            say(f"  hint:       {hint}")
    return ExitCode.INCOMPLETE
