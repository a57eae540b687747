"""How everything stands now, as the report tells it to people outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from aqsync.journal.pauses import EVERYTHING
from aqsync.model import Problem, State
from aqsync.sync.not_there import FileNotThere
from aqsync.sync.overview import Light, MappingOverview, Overview, needs_person
from aqsync.sync.problem_groups import Group
from aqsync.sync.waited_for import waited_for
from aqsync.wording import iso_text

Told = Callable[[str], str]
"""Takes the folders of this machine out of a text."""

_VERDICTS = {
    Light.GREEN: "Everything is on the server as it is here.",
    Light.BUSY: "Files are on their way to the server.",
    Light.WAITING: "Some files are not on the server yet; they go by themselves, later.",
    Light.NEEDS_YOU: "Some of it goes on only once a person has done something.",
}


def verdict_of(now: Overview, told: Told) -> tuple[str, str]:
    """How everything stands, in a word and in sentences.

    Args:
        now: How everything stands.
        told: Takes the folders of this machine out of a text.
    """
    if not now.mappings:
        return "not configured", "The mapping is no longer configured, so its files are not known."
    return now.light.value, told(" ".join(waited_for(now))) or _VERDICTS[now.light]


def now_as_json(now: Overview, told: Told, only: str | None) -> dict[str, Any]:
    """What is still to come, and what needs a person.

    Args:
        now: How everything stands.
        told: Takes the folders of this machine out of a text.
        only: Only what concerns this mapping; None: everything.
    """
    return {
        "files_to_come": now.to_come_files,
        "bytes_to_come": now.to_come_bytes,
        "files_for_person": now.files_for_person,
        "actions_for_person": now.actions_for_person,
        "complete": iso_text(now.complete_at_ns),
        "server": None
        if now.server is None
        else {
            "reason": told(now.server.message),
            "hint": told(now.server.hint),
            "since": iso_text(now.server.since_ns),
        },
        "pauses": [
            {"mapping": name or None, "since": iso_text(pause.since_ns)}
            for name, pause in now.pauses.items()
            if only is None or name in {EVERYTHING, only}
        ],
        "mappings": [_mapping(each, told) for each in now.mappings],
    }


def _mapping(each: MappingOverview, told: Told) -> dict[str, Any]:
    return {
        "mapping": each.mapping.name,
        "verdict": each.light.value,
        "in_sync": each.files[State.IN_SYNC],
        "in_sync_bytes": each.bytes[State.IN_SYNC],
        "freed": each.files[State.FREED],
        "files_to_come": each.not_there.files,
        "bytes_to_come": each.not_there.bytes,
        "oldest": _waiting(each.not_there.oldest),
        "largest": _waiting(each.not_there.largest),
        "looked_at": iso_text(each.scanned_at_ns),
        "complete": iso_text(each.complete_at_ns),
        "measurements": {state.value: count for state, count in each.measurements.items()},
        "watch": _trouble(each.watch, told),
        "folder": _trouble(each.untrusted, told),
        "groups": [_group(each, group, told) for group in each.groups],
    }


def _waiting(file: FileNotThere | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {
        "path": file.path,
        "state": file.state.value,
        "bytes": file.size,
        "since": iso_text(file.since_ns),
    }


def _trouble(why: Problem | None, told: Told) -> dict[str, Any] | None:
    if why is None:
        return None
    return {
        "reason": told(why.message),
        "hint": told(why.hint),
        "since": iso_text(why.since_ns),
    }


def _group(each: MappingOverview, group: Group, told: Told) -> dict[str, Any]:
    first = group.first
    ages = [problem.age_seconds for problem in group.problems if problem.age_seconds is not None]
    return {
        **group.to_dict(),
        "reason": told(first.text),
        "hint": told(first.why.hint),
        "below": _below(each, group.place, told),
        "needs_you": needs_person(first),
        "age_s": max(ages, default=None),
    }


def _below(each: MappingOverview, place: str, told: Told) -> str:
    """Relative to the mapping; empty: the whole of it."""
    if not place.startswith("/"):
        return told(place)
    relative = os.path.relpath(place, each.mapping.directory)
    if relative.startswith(".."):
        return told(place)
    return "" if relative == "." else relative
