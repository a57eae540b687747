"""Between table rows and the types of `aqsync.model`."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from aqsync.model import (
    Comparison,
    EntryKind,
    Explanation,
    Failure,
    FileRecord,
    Finding,
    RemoteView,
    Resends,
    SentVersion,
    Signature,
    SyncedVersion,
    explanation_of,
)


def stored(name: str) -> str | bytes:
    """A name as the tables keep it: text, or raw bytes where it is no UTF-8."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name


def loaded(name: str | bytes) -> str:
    """The inverse of `stored`."""
    return name if isinstance(name, str) else os.fsdecode(name)


def words(text: str) -> str:
    """A text for people as the tables keep it: what is no UTF-8 in it becomes visible escapes."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def explained(why: Explanation) -> tuple[str, str, str]:
    """An explanation as the tables keep it: code, message and hint; `explanation_of` loads it."""
    return why.reason.value, words(why.message), words(why.hint)


def split(path: str) -> tuple[str | bytes, str | bytes]:
    """A path's directory and name, as the tables keep them."""
    directory, _, name = path.rpartition("/")
    return stored(directory), stored(name)


def joined(directory: str | bytes, name: str | bytes) -> str:
    """The inverse of `split`."""
    return f"{loaded(directory)}/{loaded(name)}" if directory else loaded(name)


def below(directory: str) -> list[tuple[str | bytes, str | bytes]]:
    """What lies below a directory: after the first and before the second of either pair.

    "0" is the character after "/". SQLite compares blobs with blobs only, text with text.
    """
    first, last = f"{directory}/", f"{directory}0"
    return [(stored(first), stored(last)), (os.fsencode(first), os.fsencode(last))]


def marks(values: Collection[object]) -> str:
    """A question mark for each value, for ``IN (...)``."""
    return ",".join("?" * len(values))


AT_PATH = "mapping_id = ? AND directory = ? AND name = ?"

UNCHANGED = """
    f.size = f.synced_size AND f.mtime_ns = f.synced_mtime_ns
    AND f.ctime_ns = f.synced_ctime_ns AND f.inode = f.synced_inode
"""

UNSYNCED = """
    (f.synced_size IS NOT f.size OR f.synced_mtime_ns IS NOT f.mtime_ns
    OR f.synced_ctime_ns IS NOT f.ctime_ns OR f.synced_inode IS NOT f.inode)
"""
"""The version last seen is not the synced one, or there is none."""

NO_FAILURE = """
    failure_code = NULL, failure_message = NULL, failure_hint = NULL, failure_permanent = NULL,
    failure_count = 0, failure_at_ns = NULL
"""
"""Assignments that forget a failure."""

NOT_COMPARED = "compared_modified_at = NULL, compared_at_ns = NULL"
NOT_SENT = "sent_sha256 = NULL, sent_size = NULL"
NOT_RESENT = "resends = 0, resends_since_ns = NULL"
"""Assignments that forget a comparison, what was sent, and how often it was sent again."""

LISTED = "coalesce(e.listed_sequence, 0)"
"""When the list of a file's experiment was last asked for; 0: never."""

# A file that is here, unchanged since its upload, and listed by the server with the very
# time that our version got. The planner calls every such file in sync (a test holds the two
# together); leaving them out in SQL is what makes a pass over 100,000 of them cheap.
#
# Whether a version must be hashed again does not matter to it: nearly all of 100,000 files that
# were just uploaded must, and it is found out elsewhere which of them are due (`rechecks.py`).
QUIET = f"""(
    {UNCHANGED}
    AND r.modified_at = f.synced_modified_at
    AND f.kind = 0 AND e.problem_message IS NULL
    AND e.listed_sequence > f.synced_sequence
)"""

JOINED = """
    file f
    LEFT JOIN experiment e ON e.eid = f.eid
    LEFT JOIN remote_file r ON r.eid = f.eid AND r.name = f.remote_name
"""

RECORD = f"""
    SELECT f.id, m.name, f.directory, f.name, f.kind,
        f.size, f.mtime_ns, f.ctime_ns, f.inode, f.since_ns, f.eid, f.remote_name,
        f.synced_size, f.synced_mtime_ns, f.synced_ctime_ns, f.synced_inode,
        f.synced_sha256, f.synced_at_ns, f.synced_sequence, f.synced_modified_at,
        f.sent_sha256, f.sent_size,
        {LISTED}, r.modified_at,
        f.compared_modified_at, f.compared_at_ns, f.compared_finding, f.compared_size,
        f.compared_sha256,
        f.failure_code, f.failure_message, f.failure_hint, f.failure_permanent, f.failure_count,
        f.failure_at_ns, f.removed_at_ns, f.insisted, f.may_replace, f.changing_since_ns,
        f.removing, f.synced_listed, f.resends, f.resends_since_ns,
        f.recheck_at_ns
    FROM {JOINED} JOIN mapping m ON m.id = f.mapping_id
"""


_KINDS = {kind.value: kind for kind in EntryKind}
"""Any other number is damage: such a file is not opened, and the next scan finds what it is."""
_FINDINGS = {finding.value: finding for finding in Finding}
"""Any other number is damage: then nothing on the server is replaced."""


def file_record(row: tuple[Any, ...]) -> FileRecord:
    """One row of `RECORD`."""
    (
        identity,
        mapping,
        directory,
        name,
        kind,
        size,
        mtime_ns,
        ctime_ns,
        inode,
        since_ns,
        eid,
        remote_name,
        synced_size,
        synced_mtime_ns,
        synced_ctime_ns,
        synced_inode,
        synced_sha256,
        synced_at_ns,
        synced_sequence,
        synced_modified_at,
        sent_sha256,
        sent_size,
        listed_sequence,
        listed_modified_at,
        compared_modified_at,
        compared_at_ns,
        compared_finding,
        compared_size,
        compared_sha256,
        failure_code,
        failure_message,
        failure_hint,
        failure_permanent,
        failure_count,
        failure_at_ns,
        removed_at_ns,
        insisted,
        may_replace,
        changing_since_ns,
        removing,
        synced_listed,
        resends,
        resends_since_ns,
        recheck_at_ns,
    ) = row
    synced = None
    if synced_at_ns is not None:
        signature = Signature(synced_size, synced_mtime_ns, synced_ctime_ns, synced_inode)
        synced = SyncedVersion(
            signature,
            synced_sha256,
            synced_at_ns,
            synced_sequence,
            synced_modified_at,
            bool(synced_listed),
            recheck_at_ns,
        )
    comparison = None
    if compared_modified_at is not None:
        comparison = Comparison(
            compared_modified_at,
            compared_at_ns,
            _FINDINGS.get(compared_finding, Finding.OTHERS),
            compared_size,
            compared_sha256 or b"",
        )
    failure = None
    if failure_message is not None:
        why = explanation_of(failure_code, failure_message, failure_hint)
        failure = Failure(why, bool(failure_permanent), failure_count, failure_at_ns)
    return FileRecord(
        id=identity,
        mapping=mapping,
        path=joined(directory, name),
        kind=_KINDS.get(kind, EntryKind.SPECIAL),
        local=None if size is None else Signature(size, mtime_ns, ctime_ns, inode),
        since_ns=since_ns,
        eid=eid,
        remote_name=remote_name,
        synced=synced,
        sent=None if sent_sha256 is None else SentVersion(sent_sha256, sent_size),
        remote=RemoteView(listed_sequence, listed_modified_at),
        comparison=comparison,
        failure=failure,
        removed_at_ns=removed_at_ns,
        forced=bool(insisted),
        may_replace=may_replace,
        changing_since_ns=changing_since_ns,
        removing=bool(removing),
        resends=None if resends_since_ns is None else Resends(resends, resends_since_ns),
    )
