"""The one decision: from everything observed of a file to its next step.

`decide` is pure. The engine acts on what it returns; ``aqsync status`` and ``aqsync why``
print it.
"""

from __future__ import annotations

from dataclasses import replace

from aqsync.model import (
    RESENDS_WITHIN_NS,
    SECOND_NS,
    Action,
    Compare,
    Comparison,
    Databases,
    Decision,
    EntryKind,
    Explanation,
    FileRecord,
    Finding,
    Hold,
    InSync,
    OnLocalDelete,
    Policy,
    Problem,
    Reason,
    Recheck,
    Refusal,
    RemoveRemote,
    Signature,
    State,
    SyncedVersion,
    Twin,
    Unready,
    Upload,
    Wait,
)
from aqsync.sync.backoff import LONGEST_BACKOFF_NS, backoff_ns
from aqsync.sync.claimed_rules import before_removal, is_ours, to_compare, why_in_sync
from aqsync.sync.experiment_rules import first_of_experiment, held_by_experiment
from aqsync.sync.freed_rules import freed
from aqsync.sync.growing_rules import paced
from aqsync.sync.size_rules import too_large
from aqsync.sync.unfinished_rules import being_written, finished_or_not
from aqsync.timestamps import settle_ns
from aqsync.wording import duration

LONG_CHANGING_NS = 60 * SECOND_NS
"""A file that changes for longer than this and several settle times is reported."""
LONG_CHANGING_SETTLES = 5
LONG_RENAMED_NS = 10 * 60 * SECOND_NS
"""After this time, a deleted file that waits for its renamed copy is held instead."""

RESENDS_AFTER_NS = (0, 60 * SECOND_NS, 600 * SECOND_NS)
"""When a version that the server did not keep is sent again, counted from the first time. After
the last of these it is not sent again that day, since something keeps replacing it there."""


def removal_barrier(gone: int, known: int, share: float) -> Explanation | None:
    """Why so many files must not be removed from the server at once; None if they may.

    Args:
        gone: Files of the mapping whose remote copy would be removed, or was a short time ago.
        known: Files of the mapping that were ever synced and not removed before, `gone` included.
        share: The largest share that may be removed at once, 0 to 1.
    """
    if gone <= known * share:
        return None
    return Reason.TOO_MANY_GONE.explain(gone=gone, known=known, share=f"{share:.0%}")


def decide(file: FileRecord, policy: Policy, now_ns: int) -> Decision:
    """The next step of one file.

    Args:
        file: Everything observed of it.
        policy: What besides the file bears on it.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    tidied = file.kind is EntryKind.DATABASE_PART and file.forced
    if file.local is None or tidied:
        step = _wanted_of_leftover(file) if tidied else _wanted_when_gone(file, policy, now_ns)
        problem = policy.experiment_problem
        waits = isinstance(step, RemoveRemote | Wait | Compare) or step.state in _ONLY_COPY
        if waits and problem is not None:
            return Hold(problem.why, problem.since_ns, next_ns=policy.experiment_again_ns)
    elif (skipped := _skipped(file, policy)) is not None:
        return skipped
    elif file.eid is None:
        return Hold(Reason.UNMAPPED.explain(), file.since_ns, State.UNMAPPED)
    elif (held := held_by_experiment(policy, now_ns)) is not None:
        return held
    else:
        step = _wanted(file, file.local, now_ns)
        if isinstance(step, InSync):
            return _vouched_for(file, step, policy, now_ns)
    if isinstance(step, InSync | Hold):
        return _being_rewritten(file, policy, step, now_ns) or step
    if policy.place_problem is not None:
        return _held_by(policy.place_problem)
    if policy.root_problem is not None:
        return _held_by(policy.root_problem)
    return finished_or_not(file, policy, _unless_hindered(file, policy, step, now_ns), now_ns)


_ONLY_COPY = frozenset({State.FREED, State.FREED_LOST})
"""Of them the copy on the server is the only one, of which nothing is known without its list."""
_SKIPPED = {
    EntryKind.SYMLINK: Reason.SYMBOLIC_LINK,
    EntryKind.SPECIAL: Reason.SPECIAL_FILE,
    EntryKind.OTHERS: Reason.FILE_OF_OTHERS,
    EntryKind.SENTINEL: Reason.SENTINEL_LEFT_OUT,
}


def _held_by(problem: Problem) -> Hold:
    return Hold(problem.why, problem.since_ns)


def _skipped(file: FileRecord, policy: Policy) -> Hold | None:
    """Why an entry is never sent; None: it may be."""
    if file.kind is EntryKind.FILE:
        if not (file.is_database and policy.databases is Databases.IGNORE):
            return None
        why = Reason.DATABASE_IGNORED.explain()
    elif file.kind is EntryKind.DATABASE_PART:
        return _part_of_database(file)
    else:
        why = _SKIPPED[file.kind].explain()
    return Hold(why, file.since_ns, State.SKIPPED)


def _part_of_database(file: FileRecord) -> Hold:
    name = file.path.rpartition("/")[2].rpartition("-")[0]
    return Hold(Reason.DATABASE_PART.explain(name=name), file.since_ns, State.SKIPPED)


def _wanted_of_leftover(file: FileRecord) -> Decision:
    """The step for the copy of a database's part that a person wants to be removed."""
    synced, listed = file.synced, file.remote.modified_at
    if synced is None:
        return _part_of_database(file)
    if file.remote.listed_sequence <= synced.sequence:
        return Wait(Reason.LIST_NOT_FETCHED_SINCE.explain(), file.since_ns, None)
    if listed is None or listed != synced.modified_at:
        return _part_of_database(file)  # it is gone, or others have replaced it
    return RemoveRemote(Reason.LEFTOVER.explain(), file.since_ns)


def _wanted(file: FileRecord, local: Signature, now_ns: int) -> Decision:
    """The step for a file that is here, if nothing stood in its way."""
    if (step := freed(file)) is not None:
        return step
    if file.synced is None:
        return _wanted_when_new(file, now_ns)
    if file.synced.signature == local:
        return _wanted_when_unchanged(file, file.synced, now_ns)
    return _wanted_when_changed(file, file.synced, now_ns)


def _wanted_when_new(file: FileRecord, now_ns: int) -> Decision:
    if file.remote.unmade:
        return first_of_experiment(file, now_ns)
    if file.remote.listed_sequence == 0:
        return Wait(Reason.LIST_NOT_FETCHED.explain(), file.since_ns, None)
    if file.remote.modified_at is None:
        return Upload(Reason.NEW.explain(), file.since_ns, replaces=False)
    return _wanted_when_foreign(file, file.remote.modified_at, Reason.CONFLICT_NAME_TAKEN, now_ns)


def _wanted_when_unchanged(file: FileRecord, synced: SyncedVersion, now_ns: int) -> Decision:
    if file.remote.listed_sequence <= synced.sequence:
        return InSync(Reason.ACCEPTED.explain(), synced.at_ns)
    listed = file.remote.modified_at
    if listed is None:
        return _wanted_when_missing(file, synced, now_ns)
    if listed == synced.modified_at:
        return InSync(why_in_sync(synced), synced.at_ns)
    if file.may_replace == listed:
        return Upload(Reason.OVERWRITE_ALLOWED.explain(), synced.at_ns, True)
    compared = _compared(file, listed)
    if compared is None:
        return Compare(Reason.OTHER_VERSION_LISTED.explain(), synced.at_ns, background=True)
    if compared.finding is not Finding.OLDER:
        reason = Reason.DIFFERS
    elif (at_ns := _sent_again_at(file, now_ns)) is not None:
        why = Reason.OLDER_ON_SERVER_AGAIN.explain()
        return _sent_again(Upload(why, compared.at_ns, True, again=True), at_ns, now_ns)
    else:
        reason = Reason.OLDER_PUT_BACK
    return Hold(reason.explain(), compared.at_ns, State.DIFFERS, overwritable=True)


def _compared(file: FileRecord, listed: str) -> Comparison | None:
    """What a comparison with the version that is listed now has found."""
    compared = file.comparison
    return compared if compared is not None and compared.modified_at == listed else None


def _sent_again_at(file: FileRecord, now_ns: int) -> int | None:
    """When a version that the server did not keep may be sent again; None: not today."""
    resends = file.resends
    if resends is None or not 0 <= now_ns - resends.since_ns < RESENDS_WITHIN_NS:
        return now_ns
    if resends.count >= len(RESENDS_AFTER_NS):
        return None
    return resends.since_ns + RESENDS_AFTER_NS[resends.count]


def _sent_again(step: Upload, at_ns: int, now_ns: int) -> Upload | Wait:
    if now_ns >= at_ns:
        return step
    state = State.DIFFERS if step.replaces else State.WAITING
    return Wait(step.why, step.since_ns, at_ns, state, again=True)


def _wanted_when_changed(file: FileRecord, synced: SyncedVersion, now_ns: int) -> Decision:
    listed_since = file.remote.listed_sequence > synced.sequence
    listed = file.remote.modified_at
    if listed_since and listed is None:
        return _wanted_when_missing(file, synced, now_ns)
    if _is_emptied(file):
        return Hold(Reason.EMPTIED.explain(), file.since_ns)
    if not listed_since or listed is None:
        return Upload(Reason.CHANGED.explain(), file.since_ns, replaces=True)
    if (compare := to_compare(file, synced)) is not None:
        return compare
    if is_ours(file, synced):
        return Upload(Reason.CHANGED.explain(), file.since_ns, replaces=True)
    return _wanted_when_foreign(file, listed, Reason.CONFLICT_BOTH_CHANGED, now_ns)


def _being_rewritten(file: FileRecord, policy: Policy, step: Decision, now_ns: int) -> Wait | None:
    """Most programs that rewrite a file empty it first, so an empty file must settle first."""
    return _settling(file, policy, now_ns) if isinstance(step, Hold) and _is_emptied(file) else None


def _is_emptied(file: FileRecord) -> bool:
    """Whether an uploaded file is empty now, and no person asked to send it so."""
    if file.local is None or file.synced is None or file.forced:
        return False
    return file.local.size == 0 < file.synced.signature.size


def _vouched_for(file: FileRecord, step: InSync, policy: Policy, now_ns: int) -> Decision:
    """The step for a file that is in sync by its signature, which may not prove it yet.

    A version that was very young when it was read may have been written to since, through mmap,
    without a change of its signature. So it is hashed again once any such write would show.
    """
    if file.synced is not None and file.synced.damage is not None:
        damaged = Reason.DAMAGED_AS_SENT.explain(now=step.message, said=file.synced.damage)
        return InSync(damaged, step.since_ns)
    at_ns = None if file.synced is None else file.synced.recheck_at_ns
    if at_ns is None or not policy.recheck:
        return step
    if now_ns < at_ns:
        seconds = -(-(at_ns - now_ns) // SECOND_NS)
        later = Reason.RECHECK_AT.explain(now=step.message, pause=duration(seconds))
        return InSync(later, step.since_ns)
    for obstacle in (policy.place_problem, policy.root_problem, policy.blocked):
        if obstacle is not None:
            later = Reason.RECHECK_AFTER.explain(now=step.message, obstacle=obstacle.message)
            return InSync(later, step.since_ns)
    due = Reason.RECHECK_DUE.explain(now=step.message)
    return _failing(file, now_ns) or Recheck(due, step.since_ns)


def _wanted_when_missing(file: FileRecord, synced: SyncedVersion, now_ns: int) -> Decision:
    """The step for a file that the server accepted and does not list."""
    if file.forced:
        return Upload(Reason.FORCED.explain(), file.since_ns, False)
    if file.removing:
        return Upload(Reason.BACK_AFTER_REMOVAL.explain(), file.since_ns, replaces=False)
    if not synced.listed:
        if (at_ns := _sent_again_at(file, now_ns)) is not None:
            lost = Upload(Reason.LOST_BY_SERVER.explain(), synced.at_ns, False, again=True)
            return _sent_again(lost, at_ns, now_ns)
        return Hold(Reason.NEVER_KEPT.explain(), synced.at_ns)
    since_ns = file.since_ns if file.removed_at_ns is None else file.removed_at_ns
    return Hold(Reason.REMOVED_ON_SERVER.explain(), since_ns)


def _wanted_when_foreign(file: FileRecord, listed: str, conflict: Reason, now_ns: int) -> Decision:
    """The step for a remote version that is not known to be ours."""
    if file.may_replace == listed:
        return Upload(Reason.OVERWRITE_ALLOWED.explain(), file.since_ns, True)
    compared = _compared(file, listed)
    if compared is None:
        return Compare(Reason.NAME_ON_SERVER.explain(), file.since_ns)
    if compared.finding is Finding.BEGINNING:
        return Upload(Reason.BEGINNING_ON_SERVER.explain(), file.since_ns, replaces=True)
    if compared.finding is Finding.OLDER:
        at_ns = _sent_again_at(file, now_ns)
        if at_ns is not None:
            older = Upload(Reason.OLDER_ON_SERVER.explain(), file.since_ns, True, again=True)
            return _sent_again(older, at_ns, now_ns)
    return Hold(conflict.explain(), compared.at_ns, overwritable=True)


def _wanted_when_gone(file: FileRecord, policy: Policy, now_ns: int) -> Decision:
    if (step := freed(file)) is not None:
        return step
    if file.synced is None:
        return InSync(Reason.GONE_BEFORE_UPLOAD.explain(), file.since_ns)
    listed = file.remote.listed_sequence > file.synced.sequence
    if listed and file.remote.modified_at is None:
        return InSync(Reason.DELETED_ON_BOTH_SIDES.explain(), file.since_ns)
    if policy.on_local_delete is OnLocalDelete.KEEP:
        kept = Reason.DELETED_PROVISIONAL if file.synced.provisional else Reason.DELETED_COPY_KEPT
        return InSync(kept.explain(), file.since_ns)
    if not listed:
        return Wait(Reason.LIST_NOT_FETCHED_SINCE.explain(), file.since_ns, None)
    if file.remote.modified_at != file.synced.modified_at:
        return InSync(Reason.DELETED_COPY_CHANGED.explain(), file.since_ns)
    if policy.twin is not None and not file.forced:
        return _kept_for(policy.twin, file, now_ns)
    if policy.removal_barrier is not None and not file.forced:
        return Hold(policy.removal_barrier, file.since_ns)
    remove = RemoveRemote(Reason.DELETED_HERE.explain(), file.since_ns)
    return before_removal(file, file.synced) or remove


def _kept_for(twin: Twin, file: FileRecord, now_ns: int) -> Wait | Hold:
    """The copy stays until the file that it may have been renamed to is on the server."""
    place = twin.path if twin.mapping == file.mapping else f"{twin.path} of {twin.mapping}"
    failure = f": {twin.failure}" if twin.failure else ""
    why = Reason.PERHAPS_RENAMED.explain(place=place, failure=failure)
    if 0 <= now_ns - file.since_ns < LONG_RENAMED_NS:
        return Wait(why, file.since_ns, None)
    return Hold(why, file.since_ns)


def _unless_hindered(file: FileRecord, policy: Policy, step: Decision, now_ns: int) -> Decision:
    """The step, or what keeps it from being taken now."""
    failure = file.failure
    if failure is not None and failure.permanent:
        return Hold(failure.why, failure.at_ns)
    if isinstance(step, Upload) and (held := too_large(file, policy.size_limit, now_ns)):
        return held
    if policy.blocked is not None:
        return Wait(policy.blocked.why, policy.blocked.since_ns, policy.blocked.until_ns)
    settling = _settling(file, policy, now_ns)
    if settling is not None and policy.unready and settling.reason is Reason.KEEPS_CHANGING:
        settling = replace(settling, why=policy.unready.why)  # no version of it may go meanwhile
    if isinstance(step, Upload | Compare):
        growing = policy.growing if policy.unready is None else None
        step = paced(file, growing, step, settling, now_ns)
        if isinstance(step, Wait):
            return step
    elif settling is not None:
        return settling
    if isinstance(step, Upload) and policy.unready is not None and not file.forced:
        return _not_ready(policy.unready)
    return _pause(file, policy, step, now_ns) or step


def _pause(file: FileRecord, policy: Policy, step: Decision, now_ns: int) -> Decision | None:
    """What keeps a step from being taken now whose time has come."""
    pause = _failing(file, now_ns) or being_written(file, policy, step, now_ns)
    if pause is not None:
        return pause
    server = policy.server_problem
    if server is not None:
        return Wait(server.why, server.since_ns, server.probe_at_ns)
    if policy.refusals and isinstance(step, Upload | Compare | RemoveRemote):
        return _refused(file, policy.refusals.get(action_of(step)), now_ns)
    return None


def _not_ready(unready: Unready) -> Wait:
    """A wait for other files of the same measurement, or for the end of it."""
    why, since_ns, until_ns = unready.why, unready.since_ns, unready.until_ns
    return Wait(why, since_ns, until_ns, folder=unready.folder, last=unready.last)


def _refused(file: FileRecord, refusal: Refusal | None, now_ns: int) -> Hold | None:
    """Where the server refuses all files, one file at a time tries; a try delays the next."""
    if refusal is None or file.forced:
        return None
    # Files that were refused themselves come last: they may be the cause.
    pause_ns = 0 if file.failure is None else backoff_ns(refusal.tries, 0)
    may_ns = refusal.again_ns + pause_ns
    # If the try lies further ahead, it was planned before the clock was set back.
    if now_ns >= may_ns or may_ns - now_ns > 2 * LONGEST_BACKOFF_NS:
        return None
    return Hold(refusal.why, refusal.since_ns, State.FAILED, may_ns)


def action_of(step: Upload | Compare | RemoveRemote) -> Action:
    """What a step asks of the server."""
    match step:
        case Upload():
            return Action.SEND
        case Compare():
            return Action.COMPARE
        case RemoveRemote():
            return Action.REMOVE


def _failing(file: FileRecord, now_ns: int) -> Decision | None:
    """The step after a failed attempt; None: nothing failed, or it may be tried now."""
    failure = file.failure
    if failure is None:
        return None
    if failure.permanent:
        return Hold(failure.why, failure.at_ns)
    again_ns = failure.at_ns + backoff_ns(failure.count, file.id)
    if failure.at_ns <= now_ns < again_ns:
        return Wait(failure.why, failure.at_ns, again_ns, State.FAILED)
    return None


def _settling(file: FileRecord, policy: Policy, now_ns: int) -> Wait | None:
    """A wait until the file has not changed for the settle time; None: it has not."""
    if file.kind is EntryKind.DATABASE_PART:
        return None  # what it holds does not matter to its leftover on the server
    wanted_ns = policy.settle_ns
    still_ns = wanted_ns if file.local is None else settle_ns(file.local, wanted_ns)
    # A state that was first seen "in the future": the clock was set back since.
    settled_ns = min(file.since_ns, now_ns) + still_ns
    if now_ns >= settled_ns:
        return None
    if file.local is None:
        return Wait(Reason.GONE_JUST_NOW.explain(), file.since_ns, settled_ns)
    changing_ns = file.changing_since_ns
    longest_ns = max(LONG_CHANGING_NS, LONG_CHANGING_SETTLES * still_ns)
    if changing_ns is None or now_ns - changing_ns <= longest_ns:
        return Wait(Reason.SETTLING.explain(), file.since_ns, settled_ns)
    why = Reason.KEEPS_CHANGING.explain(settle=duration(still_ns / SECOND_NS))
    return Wait(why, changing_ns, settled_ns)
