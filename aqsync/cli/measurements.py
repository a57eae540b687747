"""How measurements are printed: counted, one by one, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from aqsync.cli.action_runs import Runs, run_as_json, run_text
from aqsync.cli.output import say
from aqsync.cli.tables import say_table
from aqsync.config import MappingConfig
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS, MeasurementState
from aqsync.sync.explained import standing_text
from aqsync.sync.measured import Standing
from aqsync.wording import iso_text, size_text

_SHOWN = 5
"""So many that are not on the server are named by `status`."""


def tell_measurements(standings: Sequence[Standing]) -> None:
    """How many stand how, and the first of those that are not on the server."""
    if not standings:
        return
    counts = Counter(each.state for each in standings)
    words = ", ".join(f"{counts[state]} {state}" for state in MeasurementState if counts[state])
    say(f"  measurements: {words}")
    others = [each for each in standings if each.state is not MeasurementState.ON_SERVER]
    for each in others[-_SHOWN:]:
        say(f"    {each.folder}: {standing_text(each)}")
    if len(others) > _SHOWN:
        say(f"    and {len(others) - _SHOWN} more; `aqsync ls --measurements` shows every one")


def standing_as_json(mapping: MappingConfig, standing: Standing, runs: Runs) -> dict[str, Any]:
    """The same as JSON, with the actions that ran on it."""
    return {
        "folder": str(mapping.directory / standing.folder),
        "mapping": mapping.name,
        "state": standing.state.value,
        "code": standing.why.reason.value,
        "reason": standing.words,
        "files": standing.files,
        "not_there": standing.not_there,
        "bytes": standing.bytes,
        "changed": iso_text(standing.since_ns),
        "actions": [run_as_json(run) for run in runs.get(standing.folder, ())],
    }


def say_measurements(found: Iterator[tuple[MappingConfig, Standing, Runs]]) -> None:
    """A line for each measurement, with the actions on it."""
    rows = [
        (
            each.state.value,
            str(each.files),
            str(each.not_there or ""),
            size_text(each.bytes),
            local_text(each.since_ns / SECOND_NS),
            "; ".join(
                [
                    f"{mapping.directory / each.folder} ({each.words})",
                    *map(run_text, runs.get(each.folder, ())),
                ]
            ),
        )
        for mapping, each, runs in found
    ]
    say_table(("STATE", "FILES", "TO COME", "SIZE", "CHANGED", "FOLDER"), rows)
    if not rows:
        say("no measurements: no mapping names any, or no folder of theirs has a file")
