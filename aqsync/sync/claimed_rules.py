"""Versions that were not read, but are ours as a manifest says: what must happen before it counts.

Anybody can write a manifest. So such a version may be in sync, and is compared before it is
replaced or removed. Pure.
"""

from __future__ import annotations

from aqsync.model import Compare, Explanation, FileRecord, InSync, Reason, SyncedVersion


def why_in_sync(synced: SyncedVersion) -> Explanation:
    """Why a file is in sync whose version the server lists."""
    return (Reason.CLAIMED if synced.claimed else Reason.ON_SERVER).explain()


def to_compare(file: FileRecord, synced: SyncedVersion) -> Compare | None:
    """The comparison that comes before a version is replaced or removed; None: none need come."""
    listed = file.remote.modified_at
    if not synced.claimed or listed is None or file.may_replace == listed:
        return None
    if file.comparison is not None and file.comparison.modified_at == listed:
        return None
    return Compare(Reason.CLAIMED_TO_COMPARE.explain(), file.since_ns)


def is_ours(file: FileRecord, synced: SyncedVersion) -> bool:
    """Whether the listed version is the synced one, by more than the word of a manifest."""
    return file.remote.modified_at == synced.modified_at and not synced.claimed


def before_removal(file: FileRecord, synced: SyncedVersion) -> Compare | InSync | None:
    """What comes before the copy of a deleted file is removed; None: nothing."""
    if not synced.claimed:
        return None
    kept = InSync(Reason.DELETED_COPY_CHANGED.explain(), file.since_ns)
    return to_compare(file, synced) or kept
