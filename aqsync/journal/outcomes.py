"""What came of the jobs done on files, and what people decided about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import NamedTuple

from aqsync.journal import freed as freed_copies
from aqsync.journal.database import Database
from aqsync.journal.history import Event, HistoryKind, note
from aqsync.journal.observations import FORGET_REMOTE_SIDE
from aqsync.journal.outcome_events import earns_tags, event_of, is_provisional, known_version
from aqsync.journal.removals import AT_ONCE_NS
from aqsync.journal.rows import (
    AS_IT_IS,
    AT_PATH,
    FINISHED,
    INSISTED,
    NO_FAILURE,
    NOT_COMPARED,
    NOT_READ,
    NOT_RESENT,
    NOT_SENT,
    SQLITE,
    explained,
    split,
)
from aqsync.model import (
    RESENDS_WITHIN_NS,
    SECOND_NS,
    Adopted,
    BeginningRead,
    BeingWritten,
    ChangedMeanwhile,
    EntryKind,
    Explanation,
    Failed,
    FileRecord,
    FoundDifferent,
    FoundFreed,
    FoundOurOwn,
    Outcome,
    Removed,
    Signature,
    Touched,
    Uploaded,
)

_VERSION = f"""
    synced_size = ?, synced_mtime_ns = ?, synced_ctime_ns = ?, synced_inode = ?,
    synced_log = ?, synced_bytes = ?, synced_sha256 = ?, synced_at_ns = ?,
    synced_claimed = 0,
    {NOT_SENT}, {NOT_COMPARED}, {NOT_READ}, removing = 0, {NO_FAILURE}, {FINISHED}
"""
_SYNCED = f"{_VERSION}, synced_provisional = 0, changing_since_ns = NULL"
_PROVISIONAL = f"{_VERSION}, synced_provisional = 1"
"""The file keeps changing, since when it did before."""

_OF_A_DATABASE = f"CASE WHEN format = '{SQLITE}' THEN synced_content_ns END"
_RECHECK = f"CASE WHEN format = '{SQLITE}' THEN NULL ELSE ? END"
"""SQLite never stores through mmap into what a database's signature is made from."""

# A version that is sent again counts within a day of the first time; the limit is the planner's.
_LATELY_RESENT = f"? - resends_since_ns BETWEEN 0 AND {RESENDS_WITHIN_NS - 1}"
_RESENT = f"""
    resends = CASE WHEN {_LATELY_RESENT} THEN resends + 1 ELSE 1 END,
    resends_since_ns = CASE WHEN {_LATELY_RESENT} THEN resends_since_ns ELSE ? END
"""

AT = "id = ? AND eid IS ? AND remote_name = ?"
"""Conditions: the outcome of a job does not count if its file has another target by then."""

MAY_ARRIVE_NS = 3600 * SECOND_NS
"""How long an upload without an answer may still arrive, from a proxy that held it back. Its
time may then lie within the bounds of a later upload, and only its content shows which it is."""
_UNLESS_ONE_MAY_ARRIVE = (
    f"CASE WHEN ? - unanswered_ns BETWEEN 0 AND {MAY_ARRIVE_NS} THEN NULL ELSE ? END"
)

_AS_LISTED = (
    "(SELECT modified_at FROM remote_file r WHERE r.eid = file.eid AND r.name = file.remote_name)"
    " IS ?"
)


_UPLOADED = """
    UPDATE file SET {version}, synced_damage = ?, recheck_at_ns = {recheck},
        synced_unfinished = ?, spent_bytes = ?, synced_content_ns = ?,
        synced_sequence = (SELECT value FROM counter), synced_listed = 0, synced_modified_at = ?,
        synced_not_before = {time}, synced_not_after = {time},
        synced_replaced = ?, insisted = 0, may_replace = NULL, removed_at_ns = NULL
    WHERE {at}
"""
_UPLOADED_WHOLE, _UPLOADED_PROVISIONAL = (
    _UPLOADED.format(version=version, recheck=_RECHECK, time=_UNLESS_ONE_MAY_ARRIVE, at=AT)
    for version in (_SYNCED, _PROVISIONAL)
)
_ABOUT_TO_SEND = (
    "UPDATE file SET sent_sha256 = ?, sent_size = ?, sent_provisional = ?"
    f" WHERE {AT} AND {_AS_LISTED}"
)
_LOOK_NOW = "unfinished_at_ns = 0 WHERE unfinished_at_ns IS NOT NULL"
_ENDS_SOON_BYTES = 8 << 20
"""An upload up to this size is over soon after its last bytes were sent."""


def next_sequence(connection: Connection) -> int:
    """The next number of the counter; inside a transaction."""
    connection.execute("UPDATE counter SET value = value + 1")
    return int(connection.execute("SELECT value FROM counter").fetchone()[0])


class TimeOfUpload(NamedTuple):
    """Which time on the server's clock an upload got, as far as is known before a list shows it."""

    not_before: float
    """Seconds since 1970."""
    not_after: float
    replaced: str | None
    """The time of the version that it replaced, which is not its own."""


class Outcomes:
    """The remote side of the table of files.

    While several uploads are in flight, the outcome of one is committed together with what the next
    one notes before its last bytes: a transaction for each file, and not two. What a crash undoes
    by that is like an answer that was lost, since the digest was noted before. A lone upload's
    outcome, and that of the last one in flight, is committed at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_flight: set[int] = set()
        """Files whose last bytes are being sent, but for large ones, which may take long to end."""

    def about_to_send(
        self, file: FileRecord, sha256: bytes, size: int, *, provisional: bool = False
    ) -> bool:
        """Before the last bytes of a file go out: from now on the server may hold them.

        Args:
            file: As it was when the job began.
            sha256: Of what is sent.
            size: In bytes.
            provisional: The file keeps changing.

        Returns:
            False: the file is not known any more, leads elsewhere, or a list has shown that
            something else stands under its name than when it was decided on.
        """
        values = (sha256, size, provisional, *at(file), file.remote.modified_at)
        changed = self._database.write(_ABOUT_TO_SEND, values)
        if size <= _ENDS_SOON_BYTES:
            self._in_flight.add(file.id)
        return changed > 0

    def ended(self, file: FileRecord) -> None:
        """A job has ended, with or without an outcome, or was given up.

        To be called after every `about_to_send`.
        """
        self._in_flight.discard(file.id)
        if not self._in_flight:
            self._database.commit()

    def time_of_upload(self, file: FileRecord) -> TimeOfUpload | None:
        """What bounds the time that a file's last upload got; None: nothing does."""
        row = self._database.row(
            "SELECT synced_not_before, synced_not_after, synced_replaced FROM file"
            f" WHERE {AT} AND synced_not_before IS NOT NULL AND synced_not_after IS NOT NULL",
            at(file),
        )
        return None if row is None else TimeOfUpload(*row)

    def about_to_remove(self, file: FileRecord) -> bool:
        """Before the server is asked to remove a file: from now on we may be why it is missing.

        Returns:
            As `about_to_send`.
        """
        changed = self._database.write(
            f"UPDATE file SET removing = 1 WHERE {AT} AND {_AS_LISTED}",
            (*at(file), file.remote.modified_at),
        )
        return changed > 0

    def record(
        self,
        file: FileRecord,
        outcome: Outcome,
        now_ns: int,
        tags: Sequence[str] = (),
        recheck_at_ns: int | None = None,
    ) -> None:
        """One job's outcome.

        Args:
            file: As it was when the job began.
            outcome: What came of it.
            now_ns: When it ended.
            tags: What the file earns for its experiment by being synced.
            recheck_at_ns: When a version that is now synced must be hashed again; None: never.
        """
        others = file.id in self._in_flight and len(self._in_flight) > 1
        with self._database.writing(waits=others) as connection:
            if file.sent is not None and isinstance(outcome, Uploaded | Adopted | FoundOurOwn):
                connection.execute(
                    f"UPDATE file SET unanswered_ns = ? WHERE {AT}", (now_ns, *at(file))
                )
            self._record(connection, file, outcome, now_ns, recheck_at_ns)
            if file.freed is not None and isinstance(outcome, Uploaded | Touched | Adopted):
                freed_copies.forget(connection, file)
            if (event := event_of(file, outcome, now_ns)) is not None:
                note(connection, event)
            if tags and earns_tags(file, outcome):
                earn(connection, ((file.eid, tag) for tag in tags), now_ns)

    def _record(
        self,
        connection: Connection,
        file: FileRecord,
        outcome: Outcome,
        now_ns: int,
        recheck_at_ns: int | None,
    ) -> None:
        match outcome:
            case Uploaded():
                self._uploaded(connection, file, outcome, now_ns, recheck_at_ns)
            case BeginningRead() | BeingWritten():
                self._not_sent(connection, file, outcome, now_ns)
            case Touched(signature, sha256, size):
                connection.execute(
                    f"UPDATE file SET {_SYNCED}, recheck_at_ns = {_RECHECK}, insisted = 0,"
                    f" synced_content_ns = {_OF_A_DATABASE} WHERE {AT}",
                    (*signature, size, sha256, now_ns, recheck_at_ns, *at(file)),
                )
            case Adopted(signature, sha256, modified_at, size, damage, content_ns, claimed, name):
                connection.execute(  # of two values for one column the later counts
                    f"UPDATE file SET {_SYNCED}, synced_damage = ?, synced_content_ns = ?,"
                    " synced_claimed = ?,"
                    f" recheck_at_ns = {_RECHECK}, synced_sequence = 0,"
                    " synced_unfinished = coalesce(?, unfinished_format),"
                    " synced_listed = 1, synced_modified_at = ?, insisted = 0, may_replace = NULL,"
                    f" removed_at_ns = NULL WHERE {AT}",
                    (
                        *(*signature, size, sha256, now_ns, damage, content_ns, claimed),
                        *(recheck_at_ns, name, modified_at, *at(file)),
                    ),
                )
            case FoundOurOwn(size, sha256, modified_at):
                self._found_our_own(connection, file, size, sha256, modified_at, now_ns)
            case FoundDifferent(modified_at, finding, size, sha256):
                unchanged, then = _unchanged_since(file)
                connection.execute(
                    "UPDATE file SET compared_modified_at = ?, compared_at_ns = ?,"
                    " compared_finding = ?, compared_size = ?, compared_sha256 = ?,"
                    f" insisted = 0, {NO_FAILURE} WHERE {AT} AND {unchanged}",
                    (modified_at, now_ns, finding, size, sha256, *at(file), *then),
                )
            case FoundFreed() | Removed() | Failed():
                self._ended_otherwise(connection, file, outcome, now_ns)
            case ChangedMeanwhile():
                pass  # the scanner looks again; nothing was learned about the remote side

    def _ended_otherwise(
        self,
        connection: Connection,
        file: FileRecord,
        outcome: FoundFreed | Removed | Failed,
        now_ns: int,
    ) -> None:
        match outcome:
            case FoundFreed(freed):
                freed_copies.note(connection, file, freed)
                # Who allowed it did not know that this copy is the only one.
                connection.execute(f"UPDATE file SET may_replace = NULL WHERE {AT}", at(file))
            case Removed():
                self._removed(connection, file, now_ns)
            case Failed():
                self._failed(connection, file, outcome, now_ns)

    @staticmethod
    def _not_sent(
        connection: Connection,
        file: FileRecord,
        outcome: BeginningRead | BeingWritten,
        now_ns: int,
    ) -> None:
        match outcome:
            case BeginningRead(grows, beginning, known_format):
                connection.execute(
                    "UPDATE file SET tried_at_ns = ?, only_grown = only_grown AND ?,"
                    " begun_size = coalesce(?, begun_size),"
                    " begun_sha256 = coalesce(?, begun_sha256), format = coalesce(?, format)"
                    f" WHERE {AT}",
                    (now_ns, grows, *(beginning or (None, None)), known_format, *at(file)),
                )
            case BeingWritten(name):
                unchanged, then = _unchanged_since(file)
                connection.execute(
                    "UPDATE file SET unfinished_format = ?, unfinished_at_ns = ?"
                    f" WHERE {AT} AND {unchanged}",
                    (name, now_ns, *at(file), *then),
                )

    @staticmethod
    def _uploaded(
        connection: Connection,
        file: FileRecord,
        outcome: Uploaded,
        now_ns: int,
        recheck_at_ns: int | None,
    ) -> None:
        not_before, not_after = outcome.accepted_between or (None, None)
        connection.execute("UPDATE counter SET value = value + 1")
        connection.execute(
            _UPLOADED_PROVISIONAL if outcome.provisional else _UPLOADED_WHOLE,
            (
                *outcome.signature,
                outcome.bytes,
                outcome.sha256,
                now_ns,
                outcome.damage,
                recheck_at_ns,
                outcome.unfinished,
                outcome.spent_bytes,
                outcome.content_ns,
                outcome.modified_at,
                now_ns,
                not_before,
                now_ns,
                not_after,
                file.remote.modified_at,
                *at(file),
            ),
        )
        if outcome.again:
            connection.execute(
                f"UPDATE file SET {_RESENT} WHERE {AT}", (now_ns, now_ns, now_ns, *at(file))
            )

    @staticmethod
    def _removed(connection: Connection, file: FileRecord, now_ns: int) -> None:
        if not file.forced:
            around = (now_ns - AT_ONCE_NS, now_ns + AT_ONCE_NS)
            connection.execute("DELETE FROM removal WHERE at_ns NOT BETWEEN ? AND ?", around)
            connection.execute(
                f"INSERT INTO removal SELECT mapping_id, ? FROM file WHERE {AT}",
                (now_ns, *at(file)),
            )
        connection.execute(f"DELETE FROM file WHERE {AT} AND size IS NULL", at(file))
        connection.execute(  # what is still here is a part of a database
            f"UPDATE file SET {FORGET_REMOTE_SIDE} WHERE {AT}", at(file)
        )
        connection.execute(
            "DELETE FROM remote_file WHERE eid = ? AND name = ?", (file.eid, file.remote_name)
        )

    @staticmethod
    def _found_our_own(
        connection: Connection,
        file: FileRecord,
        size: int,
        sha256: bytes,
        modified_at: str,
        now_ns: int,
    ) -> None:
        known = known_version(file, sha256)
        signature, at_ns, spent = Signature.unknown(size), now_ns, size
        unfinished = damage = None
        if known is not None:  # else it was sent, but the answer was lost
            at_ns, spent, unfinished, damage = known.at_ns, 0, known.unfinished, known.damage
            # The file as it was compared has other content: its signature cannot vouch for this.
            if known.signature != file.local:
                signature = known.signature
        version = _PROVISIONAL if is_provisional(file, sha256) else _SYNCED
        connection.execute(
            f"UPDATE file SET {version}, synced_sequence = 0, synced_listed = 1,"
            " synced_modified_at = ?, synced_unfinished = ?, synced_damage = ?,"
            " synced_content_ns = CASE WHEN ? THEN synced_content_ns END,"
            f" spent_bytes = spent_bytes + ? WHERE {AT}",
            (
                *(*signature, _unlike(size, signature), sha256, at_ns),
                *(modified_at, unfinished, damage, known is not None, spent, *at(file)),
            ),
        )

    @staticmethod
    def _failed(connection: Connection, file: FileRecord, failed: Failed, now_ns: int) -> None:
        unchanged, then = _unchanged_since(file)
        connection.execute(
            "UPDATE file SET failure_code = ?, failure_message = ?, failure_hint = ?,"
            " failure_permanent = ?,"
            f" failure_at_ns = ?, failure_count = failure_count + 1 WHERE {AT} AND {unchanged}",
            (*explained(failed.why), failed.permanent, now_ns, *at(file), *then),
        )
        # A change ends the failure, but not the pause before a file that keeps changing is tried.
        if file.changing_since_ns is not None:
            connection.execute(f"UPDATE file SET tried_at_ns = ? WHERE {AT}", (now_ns, *at(file)))

    def too_large(self, file: FileRecord, why: Explanation, now_ns: int) -> None:
        """The server does not take so large a file.

        That is the server's limit, so the file keeps no failure. A person's wish to try it in
        spite of the limit is fulfilled and ends.
        """
        with self._database.writing() as connection:
            connection.execute(f"UPDATE file SET insisted = 0, {NO_FAILURE} WHERE {AT}", at(file))
            event = Event(
                now_ns, HistoryKind.FAILED, file.mapping, file.path, why.message, why.reason
            )
            note(connection, event)

    def retry(self, identities: Iterable[int], *, as_they_are: bool = False) -> None:
        """A person wants these files tried again: failures are forgotten, removed ones sent.

        Comparisons are repeated, and the count of repeated uploads starts at zero.

        Args:
            identities: Their ids.
            as_they_are: Even if their writers have not closed them.
        """
        wish = AS_IT_IS if as_they_are else INSISTED
        self._database.write_each(
            f"UPDATE file SET insisted = ?, {NO_FAILURE},"
            f" {NOT_COMPARED}, {NOT_RESENT} WHERE id = ?",
            ((wish, identity) for identity in identities),
        )

    def look_into_again(self, mapping_id: int, paths: Iterable[str]) -> None:
        """Files whose writer has let go of them now, if it was that what they waited for."""
        self._database.write_each(
            f"UPDATE file SET {_LOOK_NOW} AND {AT_PATH}",
            ((mapping_id, *split(path)) for path in paths),
        )

    def end_pauses(self, mapping_id: int) -> None:
        """End the pauses after earlier looks and failures, as a person asked: try once more now."""
        self._database.write(
            f"UPDATE file SET {_LOOK_NOW} AND mapping_id = ?",
            (mapping_id,),
        )
        self._database.write(
            "UPDATE file SET failure_at_ns = 0 WHERE mapping_id = ?"
            " AND failure_message IS NOT NULL AND NOT failure_permanent",
            (mapping_id,),
        )

    def tidy(self, leftovers: Iterable[FileRecord]) -> None:
        """A person wants the copies of these parts of databases removed from the server."""
        self._database.write_each(
            f"UPDATE file SET insisted = 1, {NO_FAILURE}"
            f" WHERE id = ? AND kind = {EntryKind.DATABASE_PART:d}",
            ((file.id,) for file in leftovers),
        )

    def allow_replacing(self, files: Iterable[FileRecord]) -> None:
        """A person wants these conflicts ended in favour of the local file, as listed now."""
        self._database.write_each(
            "UPDATE file SET may_replace = ? WHERE id = ?",
            ((f.remote.modified_at, f.id) for f in files),
        )


def at(file: FileRecord) -> tuple[int, str | None, str]:
    """The values of `AT`."""
    return file.id, file.eid, file.remote_name


def _unlike(size: int, signature: Signature) -> int | None:
    """A number of bytes, if it is another than the signature says."""
    return None if size == signature.size else size


def _unchanged_since(file: FileRecord) -> tuple[str, tuple[int, ...]]:
    """A condition: what was learned about an old version must not be stored with a newer one."""
    if file.local is None:
        return "size IS NULL", ()
    here = "size = ? AND mtime_ns = ? AND ctime_ns = ? AND inode = ? AND log = ?"
    return here, tuple(file.local)


def earn(connection: Connection, tags: Iterable[tuple[str | None, str]], now_ns: int) -> None:
    """Note what experiments have earned; inside a transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO tag (eid, tag, earned_at_ns) VALUES (?, ?, ?)",
        ((eid, tag, now_ns) for eid, tag in tags if eid is not None),
    )


def plausible(modified_at: str, not_before: float | None, not_after: float | None) -> bool:
    """Whether a listed version's time fits an upload; without bounds nobody can say so."""
    if not_before is None or not_after is None:
        return False
    try:
        listed = datetime.fromisoformat(modified_at).timestamp()
    except (ValueError, OverflowError):
        return False
    return not_before <= listed <= not_after
