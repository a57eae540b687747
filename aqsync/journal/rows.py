"""Between table rows and the types of `aqsync.model`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from aqsync.layout.identity import is_key
from aqsync.model import (
    Beginning,
    Comparison,
    EntryKind,
    Explanation,
    Failure,
    FileRecord,
    Finding,
    Freed,
    Growth,
    RemoteView,
    Resends,
    SentVersion,
    Signature,
    SyncedVersion,
    Unfinished,
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
    """A text for people as the tables keep it: bytes that are no UTF-8 become visible escapes."""
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
    """Bounds of the paths below a directory, which lie between the parts of one of the pairs.

    "0" is the character after "/". SQLite compares blobs with blobs only, text with text.
    """
    first, last = f"{directory}/", f"{directory}0"
    return [(stored(first), stored(last)), (os.fsencode(first), os.fsencode(last))]


def marks(values: Collection[object]) -> str:
    """A question mark for each value, for ``IN (...)``."""
    return ",".join("?" * len(values))


INSISTED, AS_IT_IS = 1, 2
"""A person wants the file tried again; or sent even if its writer has not closed it."""

SQLITE, OTHER_FORMAT = "sqlite", ""
"""What the column `format` says of a file that was looked into; NULL: it was not."""

AT_PATH = "mapping_id = ? AND directory = ? AND name = ?"

UNCHANGED = """
    f.size = f.synced_size AND f.mtime_ns = f.synced_mtime_ns
    AND f.ctime_ns = f.synced_ctime_ns AND f.inode = f.synced_inode AND f.log = f.synced_log
"""

UNSYNCED = """
    (f.synced_size IS NOT f.size OR f.synced_mtime_ns IS NOT f.mtime_ns
    OR f.synced_ctime_ns IS NOT f.ctime_ns OR f.synced_inode IS NOT f.inode
    OR f.synced_log IS NOT f.log)
"""
"""The version last seen is not the synced one, or there is none."""

NO_FAILURE = """
    failure_code = NULL, failure_message = NULL, failure_hint = NULL, failure_permanent = NULL,
    failure_count = 0, failure_at_ns = NULL
"""
"""Assignments that forget a failure."""

FINISHED = "unfinished_format = NULL, unfinished_at_ns = NULL"
"""Assignments that forget that a file was found unfinished."""

NOT_COMPARED = "compared_modified_at = NULL, compared_at_ns = NULL"
NOT_SENT = "sent_sha256 = NULL, sent_size = NULL, sent_provisional = 0"
NOT_RESENT = "resends = 0, resends_since_ns = NULL"
NOT_READ = "begun_size = NULL, begun_sha256 = NULL, tried_at_ns = NULL"
"""Assignments that forget a comparison, what was sent, how often it was sent again, and what was
read without being sent."""

LISTED = "coalesce(e.listed_sequence, 0)"
"""When the list of a file's experiment was last asked for; 0: never."""

# A file that is here, unchanged since its upload, and listed by the server with the time of our
# version. The planner calls every such file in sync, and a test compares the two. Leaving these
# files out in SQL makes a pass over 100,000 of them fast.
#
# Files that are to be hashed again are quiet too: nearly all of 100,000 files that were just
# uploaded are, and `rechecks.py` finds those that are due.
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
    LEFT JOIN freed d ON d.uuid = e.uuid AND d.name = f.remote_name
"""

FREED = """(
    f.size IS NULL AND e.problem_message IS NULL AND r.modified_at IS NOT NULL
    AND d.modified_at = r.modified_at
)"""
"""A person freed the file, and its copy is on the server: nothing is to be done."""

_LOG_BYTES = f"""
    CASE WHEN f.format = '{SQLITE}' THEN (
        SELECT p.size FROM file p WHERE p.mapping_id = f.mapping_id AND p.directory = f.directory
            AND p.name IN (f.name || '-wal', CAST(f.name || '-wal' AS BLOB))
    ) END
"""

RECORD = f"""
    SELECT f.id, m.name, f.directory, f.name, f.kind,
        f.size, f.mtime_ns, f.ctime_ns, f.inode, f.log, f.since_ns, f.eid,
        f.remote_name,
        f.synced_size, f.synced_mtime_ns, f.synced_ctime_ns, f.synced_inode, f.synced_log,
        f.synced_sha256, f.synced_at_ns, f.synced_sequence, f.synced_modified_at,
        f.synced_listed, f.recheck_at_ns, f.synced_unfinished, f.synced_bytes, f.synced_damage,
        f.sent_sha256, f.sent_size, {LISTED}, r.modified_at,
        f.compared_modified_at, f.compared_at_ns, f.compared_finding, f.compared_size,
        f.compared_sha256,
        f.failure_code, f.failure_message, f.failure_hint, f.failure_permanent, f.failure_count,
        f.failure_at_ns,
        f.removed_at_ns, f.insisted, f.may_replace, f.changing_since_ns, f.removing,
        f.resends, f.resends_since_ns, f.format, f.unfinished_format, f.unfinished_at_ns,
        f.synced_provisional, f.sent_provisional, f.only_grown, f.begun_size, f.begun_sha256,
        f.tried_at_ns, f.spent_bytes, {_LOG_BYTES},
        d.at_ns, d.sha256, d.size, d.modified_at,
        e.uuid, e.asked_at_ns, e.shown_eid, f.synced_claimed
    FROM {JOINED} JOIN mapping m ON m.id = f.mapping_id
"""
_HERE, _SYNCED, _SENT, _COMPARED, _FAILURE, _REST, _PROVISIONAL, _GROWTH = (
    slice(0, 13),
    slice(13, 27),
    slice(27, 31),
    slice(31, 36),
    slice(36, 42),
    slice(42, 52),
    slice(52, 54),
    slice(54, 59),
)
_LOG, _FREED, _UUID, _MAKING = 59, slice(60, 64), 64, slice(65, 67)
_CLAIMED = 67
"""Which columns of `RECORD` belong together."""


_KINDS = {kind.value: kind for kind in EntryKind}
"""Any other number is damage: such a file is not opened, and the next scan finds what it is."""
_FINDINGS = {finding.value: finding for finding in Finding}
"""Any other number is damage: then nothing on the server is replaced."""


def file_record(row: tuple[Any, ...]) -> FileRecord:
    """One row of `RECORD`."""
    identity, mapping, directory, name, kind, *local, since_ns, eid, remote_name = row[_HERE]
    sent_sha256, sent_size, listed_sequence, listed_modified_at = row[_SENT]
    removed_at_ns, insisted, may_replace, changing_since_ns, removing, *rest = row[_REST]
    resends, since, known_format, unfinished_format, unfinished_at_ns = rest
    synced_provisional, sent_provisional = map(bool, row[_PROVISIONAL])
    return FileRecord(
        id=identity,
        mapping=mapping,
        path=joined(directory, name),
        kind=_KINDS.get(kind, EntryKind.SPECIAL),
        local=None if local[0] is None else Signature(*local),
        since_ns=since_ns,
        eid=eid,
        remote_name=remote_name,
        synced=_synced_version(
            row[_SYNCED], provisional=synced_provisional, claimed=bool(row[_CLAIMED])
        ),
        sent=None if sent_sha256 is None else SentVersion(sent_sha256, sent_size, sent_provisional),
        remote=RemoteView(
            listed_sequence,
            listed_modified_at,
            row[_UUID] is None and is_key(eid),
            *row[_MAKING],
        ),
        comparison=_comparison(row[_COMPARED]),
        failure=_failure(row[_FAILURE]),
        removed_at_ns=removed_at_ns,
        forced=bool(insisted),
        as_it_is=insisted == AS_IT_IS,
        may_replace=may_replace,
        changing_since_ns=changing_since_ns,
        removing=bool(removing),
        resends=None if since is None else Resends(resends, since),
        is_database=known_format == SQLITE,
        log_bytes=row[_LOG] or 0,
        is_whole_or_nothing=known_format not in {None, OTHER_FORMAT, SQLITE},
        unfinished=None
        if unfinished_at_ns is None
        else Unfinished(unfinished_format, unfinished_at_ns),
        growth=_growth(row[_GROWTH]),
        freed=None if row[_FREED][0] is None else Freed(*row[_FREED]),
    )


def _growth(columns: tuple[Any, ...]) -> Growth:
    only, begun_size, begun_sha256, tried_at_ns, spent_bytes = columns
    begun = None if begun_sha256 is None else Beginning(begun_size, begun_sha256)
    return Growth(bool(only), begun, tried_at_ns, spent_bytes)


def _synced_version(
    columns: tuple[Any, ...], *, provisional: bool, claimed: bool
) -> SyncedVersion | None:
    signature, rest = Signature(*columns[:5]), columns[5:]
    sha256, at_ns, sequence, modified_at, listed, *others = rest
    if at_ns is None:
        return None
    version = SyncedVersion(signature, sha256, at_ns, sequence, modified_at, bool(listed), *others)
    if provisional or claimed:
        return replace(version, provisional=provisional, claimed=claimed)
    return version


def _comparison(columns: tuple[Any, ...]) -> Comparison | None:
    modified_at, at_ns, finding, size, sha256 = columns
    if modified_at is None:
        return None
    return Comparison(
        modified_at, at_ns, _FINDINGS.get(finding, Finding.OTHERS), size, sha256 or b""
    )


def _failure(columns: tuple[Any, ...]) -> Failure | None:
    code, message, hint, permanent, count, at_ns = columns
    if message is None:
        return None
    return Failure(explanation_of(code, message, hint), bool(permanent), count, at_ns)
