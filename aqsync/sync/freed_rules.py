"""What follows for a file that a person has freed. Pure.

The copy on the server is the only one. So it is never removed, and never replaced unless a person
says so of this file; and if it is lost, that is said until a person says that they know.
"""

from __future__ import annotations

from aqsync.model import (
    Compare,
    Decision,
    FileRecord,
    Freed,
    Hold,
    InSync,
    Reason,
    State,
    Upload,
)


def freed(file: FileRecord) -> Decision | None:
    """The step for a file whose copy on the server is the only one.

    Returns:
        None: no person has freed it, or it is still here as it was sent, so that it has two copies.
    """
    found = file.freed
    if found is None:
        return None
    if file.local is None:
        return _gone(file, found)
    if file.is_as_sent:
        return None
    return _here_again(file)


def _gone(file: FileRecord, found: Freed) -> Decision:
    listed = file.remote.modified_at
    if file.remote.listed_sequence == 0 or listed == found.modified_at:
        return InSync(Reason.FREED.explain(), found.at_ns, State.FREED)
    if listed is None:
        return Hold(Reason.FREED_GONE.explain(), found.at_ns, State.FREED_LOST)
    if file.comparison is None or file.comparison.modified_at != listed:
        return Compare(Reason.FREED_TO_COMPARE.explain(), found.at_ns, background=True)
    return Hold(Reason.FREED_REPLACED.explain(), file.comparison.at_ns, State.FREED_LOST)


def _here_again(file: FileRecord) -> Decision | None:
    listed = file.remote.modified_at
    if file.remote.listed_sequence == 0 or listed is None:
        return None  # nothing stands there that could be lost
    if file.may_replace == listed:
        return Upload(Reason.OVERWRITE_ALLOWED.explain(), file.since_ns, replaces=True)
    if file.comparison is None or file.comparison.modified_at != listed:
        return Compare(Reason.FREED_TO_COMPARE.explain(), file.since_ns)
    return Hold(Reason.CONFLICT_FREED.explain(), file.comparison.at_ns, overwritable=True)
