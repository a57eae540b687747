"""When the manifest of an experiment is written. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SOON_S = 10.0
"""It is written so long after the last change ..."""
LATER_S = 60.0
"""... or so long after the first one, while more follow ..."""
RESTS = 50.0
"""... but while more follow, the pause is at least this many times as long as writing it took."""
SHARE = 10
"""Its own bytes are at most one in so many of those that were sent since the last one ..."""
SPARE_BYTES = 256 * 1024
"""... plus so many an hour. Unused ones add up to as many at most: a small one never waits."""
AT_LATEST_S = 3600.0
"""It is written if the last one is so old, whatever it costs."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """How a manifest stands that lacks something."""

    first_s: float
    """Seconds since the first change that it lacks was noticed."""
    last_s: float
    """Seconds since the last one was."""
    sent_bytes: int
    """What was sent to the experiment since the last one."""
    size: int | None
    """Bytes of the last one; None: there is none."""
    written_s: float
    """Seconds since the last one was written, by the wall clock."""
    spare_bytes: int
    """What it was allowed to cost besides when the last one was written."""
    took_s: float = 0.0
    """Seconds that writing the last one took."""
    lacks_freed: bool = False
    """It does not say yet that a file was freed: a person waits for that, and removes none before.
    """
    lost: bool = False
    """It lacks nothing, but the server does not have it any more."""


def due_in(manifest: Outdated, *, at_end: bool = False) -> float:
    """Seconds until a manifest is written that lacks something; 0: now.

    Args:
        manifest: How it stands.
        at_end: Nothing more is expected now: it is the end of a push.
    """
    if manifest.lacks_freed:
        return 0.0
    if manifest.lost:  # a server that never keeps it does not get it again and again
        return max(0.0, AT_LATEST_S - manifest.written_s) if manifest.written_s >= 0 else 0.0
    rests = RESTS * manifest.took_s - manifest.written_s
    more_follow = max(LATER_S - manifest.first_s, rests)
    wait_s = 0.0 if at_end else min(SOON_S - manifest.last_s, more_follow)
    return max(0.0, wait_s, _afforded_in(manifest))


def spare_after(manifest: Outdated, size: int) -> int:
    """What the next one may cost besides, now that one of this size was written."""
    left = _spare(manifest) + manifest.sent_bytes // SHARE - size
    return min(SPARE_BYTES, max(0, left))


def _afforded_in(manifest: Outdated) -> float:
    if manifest.size is None or manifest.written_s < 0:  # the clock was set back
        return 0.0
    missing = manifest.size - manifest.sent_bytes // SHARE - _spare(manifest)
    left_s = AT_LATEST_S - manifest.written_s
    if missing > SPARE_BYTES - _spare(manifest):
        return left_s
    return min(left_s, missing * AT_LATEST_S / SPARE_BYTES)


def _spare(manifest: Outdated) -> int:
    if manifest.size is None:
        return SPARE_BYTES
    hours = max(0.0, manifest.written_s) / AT_LATEST_S
    return min(SPARE_BYTES, manifest.spare_bytes + int(hours * SPARE_BYTES))
