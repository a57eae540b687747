"""What a report tells, made up for its page."""

from __future__ import annotations

from typing import Any

EVIL = "</style></title><script>alert(1)</script>\"' onload=x {{ 7 * 7 }} \udcff\n"


def tally(files: int = 1) -> dict[str, Any]:
    return {"files": files, "bytes": 10 * files, "median_s": 3, "slow_s": 4}


def answer(**more: Any) -> dict[str, Any]:
    """Every text in it is hostile."""
    at = "2026-11-24T10:00:00+00:00"
    file = {"path": EVIL, "state": "held", "bytes": 3, "since": at}
    upload: dict[str, Any] = {"mapping": EVIL, "path": EVIL, "experiment": EVIL, "at": at}
    upload |= {"bytes": None, "waited_s": None, "sending_s": None}
    why = {"reason": EVIL, "hint": EVIL, "since": at}
    event = {"at": at, "mapping": EVIL, "path": EVIL, "detail": EVIL}
    group = {"below": EVIL, "state": "held", "files": 2, "reason": EVIL, "hint": EVIL}
    group["actions"] = 0
    counts = ("adopted", "removed", "found_changed", "freed", "measurements", "actions_begun")
    mapping_now: dict[str, Any] = {
        "mapping": EVIL,
        "verdict": "needs you",
        "in_sync": 3,
        "files_to_come": 2,
    }
    mapping_now |= {"bytes_to_come": 6, "oldest": file, "looked_at": None}
    mapping_now |= {"watch": why, "folder": why, "measurements": {"being taken": 2}}
    return {
        "host": EVIL,
        "server": "http://server",
        "aqsync": "1",
        "mapping": EVIL,
        "at": at,
        "since": "2026-11-23T10:00:00+00:00",
        "until": at,
        "verdict": "needs you",
        "meaning": "So.",
        "uploads": tally(3),
        "waits": [[3, 2], [10**7, 1]],
        "days": [{"day": "2026-11-23", **tally()}],
        "mappings": [
            {"mapping": EVIL, "configured": False, "actions_failed": 1, **tally()}
            | dict.fromkeys(counts, 1)
        ],
        "experiments": [
            {"experiment": EVIL, "title": EVIL, "url": "http://server/x", **tally()},
            {"experiment": None, "title": None, "url": None, **tally()},
        ],
        "kinds": [{"kind": EVIL, **tally()}],
        "largest": [upload],
        "slowest": [upload],
        "failures": [
            {"mapping": EVIL, "reason": EVIL, "hint": EVIL, "times": 2, "path": EVIL, "last": at}
        ],
        "server_away": [{"since": at, "until": at, "seconds": 3.0, "over": False, "reason": EVIL}],
        "measurements": [event],
        "actions_failed": [event],
        "experiments_made": [event],
        "now": {
            "files_to_come": 2,
            "bytes_to_come": 6,
            "files_for_person": 2,
            "actions_for_person": 1,
            "server": why,
            "pauses": [{"mapping": None, "since": at}, {"mapping": EVIL, "since": at}],
            "mappings": [mapping_now | {"groups": [group | {"needs_you": True, "age_s": None}]}],
        },
    } | more
