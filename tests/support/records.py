"""File records for tests, put together from the few things that matter in each."""

from __future__ import annotations

from dataclasses import replace

from aqsync.model import (
    EntryKind,
    FileRecord,
    RemoteView,
    SentVersion,
    Signature,
    SyncedVersion,
)
from tests.support.fake_clock import SECOND_NS, START_NS

NOW = START_NS
SETTLE = 5 * SECOND_NS
LONG_AGO = NOW - 3600 * SECOND_NS

V1 = Signature(size=10, mtime_ns=1, ctime_ns=1, inode=7)
V2 = Signature(size=20, mtime_ns=2, ctime_ns=2, inode=7)
EMPTY = Signature(size=0, mtime_ns=3, ctime_ns=3, inode=7)
OURS, THEIRS, LATER = "2026-11-23T08:00:00", "2026-11-23T08:30:00", "2026-11-23T09:00:00"

NEW = FileRecord(
    id=1,
    mapping="m",
    path="run/iq.csv",
    kind=EntryKind.FILE,
    local=V1,
    since_ns=LONG_AGO,
    eid="20261123-1",
    remote_name="run~iq.csv",
    synced=None,
    sent=None,
    remote=RemoteView(listed_sequence=5, modified_at=None),
    comparison=None,
    failure=None,
    removed_at_ns=None,
    forced=False,
    may_replace=None,
)
"""A settled file that the server has no file for."""


def synced(
    signature: Signature = V1,
    *,
    sequence: int = 3,
    modified_at: str | None = OURS,
    listed: bool = True,
) -> SyncedVersion:
    return SyncedVersion(signature, b"\1" * 32, LONG_AGO, sequence, modified_at, listed)


def listed(modified_at: str | None, sequence: int = 5) -> RemoteView:
    return RemoteView(sequence, modified_at)


SYNCED = replace(NEW, synced=synced(), remote=listed(OURS))
"""A file that is in sync."""
SENT = SentVersion(b"\2" * 32, 10)
