"""Files whose own format says that their writer has not closed them: how long they wait. Pure."""

from __future__ import annotations

from dataclasses import replace

from aqsync.model import SECOND_NS, Decision, FileRecord, Policy, Reason, Upload, Wait
from aqsync.wording import duration

FIRST_PAUSE_NS = 5 * SECOND_NS
LONGEST_PAUSE_NS = 300 * SECOND_NS
"""A writer may let go of a file without changing it, so it is looked into again. The pauses grow
with the time for which it has not changed."""


def finished_or_not(file: FileRecord, policy: Policy, step: Decision, now_ns: int) -> Decision:
    """The step, which may send the file unfinished where it has waited for long enough.

    That is so where it has not changed for so long that its writer has died, or that it only looks
    like a file of its format; and where a person asked for it.
    """
    if isinstance(step, Upload) and _may_go_unfinished(file, policy, now_ns):
        return replace(step, unfinished=True)
    return step


def being_written(file: FileRecord, policy: Policy, step: Decision, now_ns: int) -> Wait | None:
    """The wait of a file that was found unfinished; None: it may be looked into now."""
    found = file.unfinished
    if found is None or not isinstance(step, Upload) or _may_go_unfinished(file, policy, now_ns):
        return None
    unchanged_ns = found.at_ns - file.since_ns
    again_ns = found.at_ns + max(FIRST_PAUSE_NS, min(unchanged_ns, LONGEST_PAUSE_NS))
    if not found.at_ns <= now_ns < again_ns:  # before: the clock was set back since
        return None
    give_up = duration(policy.give_up_ns / SECOND_NS)
    why = Reason.BEING_WRITTEN.explain(format=found.format, give_up=give_up)
    return Wait(why, file.since_ns, min(again_ns, _given_up_ns(file, policy, now_ns)))


def _may_go_unfinished(file: FileRecord, policy: Policy, now_ns: int) -> bool:
    return file.as_it_is or now_ns >= _given_up_ns(file, policy, now_ns)


def _given_up_ns(file: FileRecord, policy: Policy, now_ns: int) -> int:
    # A state that was first seen "in the future": the clock was set back since.
    return min(file.since_ns, now_ns) + policy.give_up_ns
