"""How a mapping stands, as ``status --json`` and ``why --json`` print it."""

from __future__ import annotations

from typing import Any

from aqsync.cli.output import iso_text
from aqsync.config import Mapping
from aqsync.model import State
from aqsync.sync.summary import Summary


def summary_as_json(
    mapping: Mapping, summary: Summary, complete_at_ns: int | None
) -> dict[str, Any]:
    """Show counts, sizes and problems of a mapping."""
    return {
        "directory": str(mapping.directory),
        "experiment": mapping.experiment,
        **{state.name.lower(): summary.files[state] for state in State},
        "kept": summary.kept,
        "bytes": summary.bytes[State.IN_SYNC],
        "bytes_missing": sum(summary.bytes.values()) - summary.bytes[State.IN_SYNC],
        "complete": summary.complete,
        "last_complete_sync": iso_text(complete_at_ns),
        "problems": [problem.to_dict() for problem in summary.problems],
    }
