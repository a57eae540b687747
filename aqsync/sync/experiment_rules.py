"""Rules of experiments that are not made yet, or cannot be used. Pure."""

from __future__ import annotations

from aqsync.model import SECOND_NS, FileRecord, Hold, Policy, Reason, State, Upload, Wait

LATE_NS = 30 * SECOND_NS
"""A server may still do what it was asked for this long ago, though its answer was lost."""
LOOK_AGAIN_NS = 60 * SECOND_NS
"""So long after it was made, an experiment is looked for once more: another PC, or a request that
came late, may have made an older one."""
LONGEST_NOT_MADE_NS = 60 * SECOND_NS


def first_of_experiment(file: FileRecord, now_ns: int) -> Upload | Wait:
    """The step for a new file whose experiment makes itself and is not made yet."""
    asked_ns = file.remote.asked_at_ns
    if asked_ns is not None and 0 <= now_ns - asked_ns < LATE_NS:
        return Wait(Reason.EXPERIMENT_ASKED_FOR.explain(), file.since_ns, asked_ns + LATE_NS)
    return Upload(Reason.NEW_EXPERIMENT.explain(), file.since_ns, replaces=False, makes=True)


def held_by_experiment(policy: Policy, now_ns: int) -> Hold | Wait | None:
    """What follows from an experiment that cannot be used; None: it can, or may be tried again."""
    problem, again_ns = policy.experiment_problem, policy.experiment_again_ns
    if problem is None:
        return None
    if problem.reason is not Reason.EXPERIMENT_NOT_MADE:
        return Hold(problem.why, problem.since_ns, next_ns=again_ns)
    # A try that lies further ahead was planned before the clock was set back.
    if again_ns is None or not 0 < again_ns - now_ns <= LONGEST_NOT_MADE_NS:
        return None
    return Wait(problem.why, problem.since_ns, again_ns, State.FAILED)
