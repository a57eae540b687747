"""``aqsync why``: what is decided for one path, why, and what happens next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import click

from aqsync.cli.action_runs import Runs, newest_runs, tell_runs
from aqsync.cli.config_options import config_option
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.local_path import PATH
from aqsync.cli.measurements import standing_as_json
from aqsync.cli.options import hash_option, json_option
from aqsync.cli.output import say, say_json
from aqsync.cli.own_experiments import own_as_json, own_of
from aqsync.cli.summaries import counts_text, report_problems, summary_as_json
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import ExitCode
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.journal.made import OwnExperiment
from aqsync.local.locate import Place, locate
from aqsync.local.scanner import Scanner
from aqsync.model import (
    Compare,
    Decision,
    FileRecord,
    InSync,
    Problem,
    Reason,
    Recheck,
    Upload,
)
from aqsync.paths import nearest
from aqsync.sync.explained import age_s, hint_of, next_of, standing_text, told
from aqsync.sync.measured import Standing, measured_of
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies
from aqsync.sync.summary import Summary, summarize
from aqsync.wording import iso_text


@click.command(epilog="Example: aqsync why ~/measurements/run-7/iq.hdf5")
@click.argument("path", type=PATH, help="A file or directory in a mapped directory.")
@config_option
@click.option("--all", "everything", is_flag=True, help="Of a directory, every file by its name.")
@hash_option
@json_option
def why(*, path: Path, config: Config, everything: bool, show_hash: bool, json: bool) -> ExitCode:
    """Say what is decided for a path, why, since when, and what happens next."""
    windows = config.transfer.windows
    place = locate(config.mappings, path)
    with journal_after_scan(config, [place.mapping], [place.path]) as (journal, scanners):
        now_ns = SystemClock().now_ns()
        mapping_id = journal.mappings.get(place.mapping.name).id
        file = journal.observations.record_at(mapping_id, place.path)
        found = _Around(_measurement_of(journal, place, now_ns), own_of(journal, place))
        if file is not None:
            policy = policies(journal, place.mapping, now_ns, windows)(file)
            step = decide(file, policy, now_ns)
            doubt = policy.place_problem or policy.root_problem
            _explain(place, file, step, doubt, found, now_ns, show_hash=show_hash, json=json)
            if not json and doubt is None and LOOK not in journal.hangs.of(file.mapping):
                _tell_of_permission(place, step)
            in_sync = isinstance(step, InSync | Recheck) and doubt is None
            return ExitCode.OK if in_sync else ExitCode.INCOMPLETE
        answers = LOOK not in journal.hangs.of(place.mapping.name)
        # Unlike `Path.is_dir`, this raises no error if the path may not be looked at.
        if answers and os.path.isdir(place.mapping.directory / place.path):  # noqa: PTH112
            summary = summarize(journal, place.mapping, now_ns, [place.path], windows=windows)
            return _explain_directory(place, summary, found, everything=everything, json=json)
        return _explain_absence(place, scanners[place.mapping.name], journal, json=json)


class _Measurement(NamedTuple):
    standing: Standing
    runs: Runs
    """Of all measurements."""


class _Around(NamedTuple):
    """What a path belongs to."""

    measurement: _Measurement | None
    own: OwnExperiment | None


def _measurement_of(journal: Journal, place: Place, now_ns: int) -> _Measurement | None:
    """How the measurement stands that a path is, or belongs to, and the actions on it."""
    measured = measured_of(journal, place.mapping, now_ns)
    folder = None if measured is None else measured.folders.of_directory(place.path)
    if measured is None or folder is None or (standing := measured.standing(folder)) is None:
        return None
    return _Measurement(standing, newest_runs(journal, place.mapping))


def _explain(
    place: Place,
    file: FileRecord,
    step: Decision,
    doubt: Problem | None,
    around: _Around,
    now_ns: int,
    *,
    show_hash: bool,
    json: bool,
) -> None:
    path = str(place.mapping.directory / file.path)
    if json:
        say_json(
            {
                "path": path,
                "mapping": file.mapping,
                "decision": type(step).__name__,
                "state": step.state,
                "code": step.reason.value,
                "reason": step.message,
                "since": iso_text(step.since_ns),
                "age_seconds": round(age_s(step, now_ns), 3),
                "next": next_of(place.mapping, file, step, now_ns),
                "hint": hint_of(step),
                "last_failure": None if file.failure is None else file.failure.message,
                "in_doubt": None if doubt is None else doubt.message,
                "experiment": file.eid_shown,
                "remote_name": file.remote_name or None,
                "sha256": None if file.synced is None else file.synced.sha256.hex(),
                "sent_unfinished": file.synced and file.synced.unfinished,
                **_as_json(place, around),
            }
        )
    else:
        say(path)
        for label, text in told(place.mapping, file, step, doubt, now_ns):
            say(f"  {label + ':':11} {text}")
        for cut in () if around.own is None else around.own.cuts:
            say(f"  experiment: {cut}")
        if (measurement := around.measurement) is not None:
            standing = measurement.standing
            say(f"  belongs to: {standing.folder}, {standing_text(standing)}")
            tell_runs(measurement.runs.get(standing.folder, ()), "  action:     ")
        if show_hash and file.synced is not None:
            say(f"  SHA-256:    {file.synced.sha256.hex()}")


def _tell_of_permission(place: Place, step: Decision) -> None:
    """Nothing has failed yet, but it will, unless another user than this one runs the daemon."""
    path = place.mapping.directory / place.path
    if not isinstance(step, Upload | Compare | Recheck):
        return
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        say("  but:        this user may not read it")
        say("  hint:       let the user that aqsync runs as read it")


def _as_json(place: Place, found: _Around) -> dict[str, Any]:
    measurement, own = found
    return {
        "measurement": measurement and standing_as_json(place.mapping, *measurement),
        "own_experiment": own and own_as_json(place.mapping, own),
    }


def _explain_directory(
    place: Place,
    summary: Summary,
    around: _Around,
    *,
    everything: bool,
    json: bool,
) -> ExitCode:
    if json:
        facts = summary_as_json(place.mapping, summary, None)
        say_json({**facts, **_as_json(place, around)})
    else:
        say(f"{place.mapping.directory / place.path}: {counts_text(summary)}")
        if (own := around.own) is not None:
            say(f"experiment of {own.folder}: {own.eid or 'not made yet'}")
            for cut in own.cuts:
                say(f"  {cut}")
        if (measurement := around.measurement) is not None:
            standing = measurement.standing
            say(f"measurement {standing.folder}: {standing_text(standing)}")
            tell_runs(measurement.runs.get(standing.folder, ()), "action: ")
        report_problems(summary.problems, everything=everything, command="aqsync why --all")
    return ExitCode.OK if summary.complete else ExitCode.INCOMPLETE


def _explain_absence(place: Place, scanner: Scanner, journal: Journal, *, json: bool) -> ExitCode:
    absolute = place.mapping.directory / place.path
    troubles = journal.mappings.troubles(journal.mappings.get(place.mapping.name).id)
    doubt = troubles.get(nearest(place.path, troubles) or "")
    if doubt is not None:
        found, state = doubt.why, "not looked at"
    elif not os.path.lexists(absolute):
        found, state = Reason.NEVER_SEEN.explain(), "not there"
    elif (said := scanner.rules.explain(place.path)) is not None:
        found, state = Reason.NOT_SELECTED.explain(said=said), "not selected"
    else:
        found, state = Reason.NOT_SEEN_BY_SCAN.explain(), "not known"
    if json:
        facts = {"path": str(absolute), "mapping": place.mapping.name, "decision": None}
        code, reason, hint = found.reason.value, found.message, found.hint
        say_json({**facts, "state": state, "code": code, "reason": reason, "hint": hint})
    else:
        say(f"{absolute}")
        never = ": it is never uploaded" if found.reason is Reason.NOT_SELECTED else ""
        say(f"  state:      {state}{never}")
        say(f"  reason:     {found.message}")
        if found.hint:
            say(f"  hint:       {found.hint}")
    return ExitCode.INCOMPLETE
