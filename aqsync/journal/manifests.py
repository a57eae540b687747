"""The manifests of experiments: ours, what they are made of, and those that the lists show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.rows import explained, joined
from aqsync.layout.manifest import is_manifest_name
from aqsync.model import Failure, explanation_of

_FIRST, _LAST = "aqsync=manifest.", "aqsync=manifest/"
"""Bounds of their names."""
_BATCH = 1000
_NO_FAILURE = """
    failure_code = NULL, failure_message = NULL, failure_hint = NULL, failure_count = 0,
    failure_at_ns = NULL
"""
_AWAITED = """
    EXISTS (SELECT 1 FROM file f WHERE f.eid = m.eid AND f.synced_listed = 0
        AND f.synced_sequence >= coalesce(
            (SELECT listed_sequence FROM experiment e WHERE e.eid = m.eid), 0))
"""
"""Whether a file of the experiment was sent that no list could have shown yet."""
LOST = """
    m.size IS NOT NULL
    AND (SELECT listed_sequence FROM experiment e WHERE e.eid = m.eid) > m.sequence
    AND NOT EXISTS (SELECT 1 FROM remote_file r WHERE r.eid = m.eid AND r.name = m.name
        AND r.modified_at = coalesce(m.modified_at, r.modified_at))
"""
"""Whether a list does not show the last one any more."""
_UNPROVED = """
    m.size IS NOT NULL AND m.modified_at IS NULL AND m.changes = m.has_changes AND NOT m.waits
    AND (SELECT listed_sequence FROM experiment e WHERE e.eid = m.eid) > m.sequence
    AND EXISTS (SELECT 1 FROM remote_file r WHERE r.eid = m.eid AND r.name = m.name)
"""
"""Whether a list shows what may be the last one: the server has not told its time."""
_COLUMNS = f"""
    m.eid, m.changes, m.bytes, m.uuid, m.name, m.size, m.sha256, m.at_ns, m.sequence, m.modified_at,
    m.has_changes, m.has_bytes, m.waits, m.spare_bytes, m.sent_sha256,
    ({_UNPROVED}),
    EXISTS (SELECT 1 FROM freed d JOIN experiment e ON e.uuid = d.uuid
        WHERE e.eid = m.eid AND d.changes > m.has_changes),
    m.failure_code, m.failure_message, m.failure_hint, m.failure_count, m.failure_at_ns
"""
_NEVER = ""
"""No server's time: none stands there."""


class WrittenManifest(NamedTuple):
    """A version of a manifest that the server has."""

    size: int
    sha256: bytes
    at_ns: int
    modified_at: str | None
    """The server's time of it; None until it is known."""


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """What is known of the manifest of one experiment."""

    eid: str
    changes: int
    """A count that grows with each change of what it would say."""
    sent_bytes: int
    """What was ever sent to the experiment."""
    uuid: str | None
    """Of the experiment that its name was drawn for."""
    name: str | None
    """None: it was never written."""
    written: WrittenManifest | None
    sequence: int
    """Lists that were asked for later show it."""
    has_changes: int
    """What `changes` was when the written one was begun."""
    has_bytes: int
    waits: bool
    """It lacks times of files that no list has shown yet."""
    spare_bytes: int
    """See `manifest_rules.Outdated`."""
    sent_sha256: bytes | None
    """Of one whose last bytes were about to be sent: the server may have it, answer or not."""
    lacks_freed: bool
    """It does not say yet that a file was freed."""
    unproved: bool
    """A list shows what may be the written one, or one of others: only its content tells."""
    failure: Failure | None

    @property
    def is_outdated(self) -> bool:
        """Whether it lacks something."""
        return self.waits or self.changes != self.has_changes


class SentFile(NamedTuple):
    """A file that stands on the server, as far as is known."""

    mapping: str
    path: str
    remote_name: str
    size: int
    sha256: bytes
    mtime_ns: int
    at_ns: int
    modified_at: str | None
    provisional: bool
    unfinished: bool
    freed_ns: int | None
    """When a person removed it here to free space; None: nobody has."""
    here: bool
    """Whether a file is at its path."""


class Manifests:
    """The table of manifests, and questions that they are made of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self, eid: str) -> dict[str, str]:
        """The manifests that an experiment's newest list shows: names, and the server's times."""
        rows = self._database.rows(
            "SELECT name, modified_at FROM remote_file"
            " WHERE eid = ? AND name >= ? AND name < ? ORDER BY name",
            (eid, _FIRST, _LAST),
        )
        return {name: at for name, at in rows if is_manifest_name(name)}

    def own(self, eid: str) -> str | None:
        """The name of our manifest, if the list shows just the version that we wrote last."""
        name: str | None = self._database.value(
            "SELECT m.name FROM manifest m JOIN remote_file r ON r.eid = m.eid AND r.name = m.name"
            " WHERE m.eid = ? AND r.modified_at = m.modified_at",
            (eid,),
        )
        return name

    def name(self, eid: str) -> str | None:
        """The name of our manifest in an experiment; None: there is none."""
        name: str | None = self._database.value("SELECT name FROM manifest WHERE eid = ?", (eid,))
        return name

    def outdated(self) -> list[ManifestRecord]:
        """Those that lack something that they can have now, or may be lost on the server."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM manifest m WHERE changes <> has_changes"
            f" OR waits AND NOT {_AWAITED} OR {LOST} OR {_UNPROVED}"
        )
        return list(map(_record, rows))

    def all(self) -> list[ManifestRecord]:
        """Those that have a name, by EID."""
        question = f"SELECT {_COLUMNS} FROM manifest m WHERE name IS NOT NULL"
        return list(map(_record, self._database.rows(question)))

    def awaits_list(self, eid: str) -> bool:
        """Whether a file was sent to an experiment that no list could have shown yet."""
        return bool(
            self._database.value(f"SELECT {_AWAITED} FROM manifest m WHERE eid = ?", (eid,))
        )

    def of(self, eid: str) -> ManifestRecord | None:
        """The manifest of an experiment; None: the experiment is not known."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM manifest m WHERE eid = ?", (eid,))
        return None if row is None else _record(row)

    def named(self, eid: str, uuid: str, name: str) -> None:
        """A name was drawn for a new manifest of an experiment."""
        self._database.write(
            "UPDATE manifest SET uuid = ?, name = ?, size = NULL, sha256 = NULL, at_ns = NULL,"
            " modified_at = NULL, sequence = 0, sent_sha256 = NULL WHERE eid = ?",
            (uuid, name, eid),
        )

    def about_to_send(self, eid: str, sha256: bytes) -> None:
        """Before the last bytes of a manifest go out: from now on the server may hold it."""
        self._database.write("UPDATE manifest SET sent_sha256 = ? WHERE eid = ?", (sha256, eid))

    def recognised(self, eid: str, version: WrittenManifest) -> None:
        """One of ours was found under its name: the last, or one whose answer was lost."""
        self._database.write(
            "UPDATE manifest SET size = ?, sha256 = ?, at_ns = coalesce(at_ns, ?), modified_at = ?,"
            f" sent_sha256 = NULL, {_NO_FAILURE} WHERE eid = ?",
            (*version, eid),
        )

    def replaced(self, eid: str) -> None:
        """Something else than the last one was found under its name: that is lost."""
        self._database.write("UPDATE manifest SET modified_at = ? WHERE eid = ?", (_NEVER, eid))

    def is_listed_since(self, manifest: ManifestRecord) -> bool:
        """Whether a list was asked for since a manifest was written."""
        return bool(
            self._database.value(
                "SELECT listed_sequence > ? FROM experiment WHERE eid = ?",
                (manifest.sequence, manifest.eid),
            )
        )

    def written(
        self, begun: ManifestRecord, version: WrittenManifest, spare_bytes: int, *, waits: bool
    ) -> None:
        """The server has a new version.

        Args:
            begun: The record from before it was made.
            version: The version.
            spare_bytes: What the next one may cost besides.
            waits: It lacks times that no list has shown yet.
        """
        with self._database.writing() as connection:
            connection.execute("UPDATE counter SET value = value + 1")
            connection.execute(
                "UPDATE manifest SET size = ?, sha256 = ?, at_ns = ?, modified_at = ?,"
                " sequence = (SELECT value FROM counter), has_changes = ?, has_bytes = ?,"
                f" waits = ?, spare_bytes = ?, sent_sha256 = NULL, {_NO_FAILURE} WHERE eid = ?",
                (*version, begun.changes, begun.sent_bytes, waits, spare_bytes, begun.eid),
            )

    def failed(self, eid: str, failure: Failure) -> None:
        """An attempt to write it has failed."""
        self._database.write(
            "UPDATE manifest SET failure_code = ?, failure_message = ?, failure_hint = ?,"
            " failure_count = ?, failure_at_ns = ? WHERE eid = ?",
            (*explained(failure.why), failure.count, failure.at_ns, eid),
        )

    def mappings(self, eid: str) -> list[str]:
        """The names of the mappings whose files were sent to an experiment."""
        rows = self._database.rows(
            "SELECT name FROM mapping m WHERE EXISTS (SELECT 1 FROM file f WHERE f.eid = ?"
            " AND f.mapping_id = m.id AND f.synced_at_ns IS NOT NULL) ORDER BY name",
            (eid,),
        )
        return [name for (name,) in rows]

    def freed(self, eid: str) -> dict[str, list[tuple[str, str]]]:
        """By mapping, the paths and names of its files whose copies are the only ones."""
        rows = self._database.rows(
            "SELECT m.name, f.directory, f.name, f.remote_name FROM freed d"
            " JOIN experiment e ON e.uuid = d.uuid"
            " JOIN file f ON f.eid = e.eid AND f.remote_name = d.name"
            " JOIN mapping m ON m.id = f.mapping_id"
            " WHERE e.eid = ? AND f.synced_at_ns IS NOT NULL ORDER BY f.remote_name",
            (eid,),
        )
        found: dict[str, list[tuple[str, str]]] = {}
        for mapping, directory, name, remote_name in rows:
            found.setdefault(mapping, []).append((joined(directory, name), remote_name))
        return found

    def files(self, eid: str) -> Iterator[SentFile]:
        """Every file that was sent to an experiment and stands there, by its name there.

        A file that nobody has listed yet counts; one that a list does not show does not. Of a freed
        one it tells what was freed, which may be newer than what an old journal has sent.
        """
        name, identity = "", 0
        while True:
            rows = self._database.rows(
                "SELECT f.id, m.name, f.directory, f.name, f.remote_name,"
                " coalesce(only.size, f.synced_bytes, f.synced_size),"
                " coalesce(only.sha256, f.synced_sha256),"
                " coalesce(f.synced_content_ns, nullif(f.synced_mtime_ns, 0), f.synced_at_ns),"
                " f.synced_at_ns, coalesce(only.modified_at, f.synced_modified_at),"
                " only.at_ns IS NULL AND f.synced_provisional,"
                " only.at_ns IS NULL AND f.synced_unfinished IS NOT NULL,"
                " d.at_ns, f.size IS NOT NULL"
                " FROM file f JOIN mapping m ON m.id = f.mapping_id"
                " LEFT JOIN experiment e ON e.eid = f.eid"
                " LEFT JOIN freed d ON d.uuid = e.uuid AND d.name = f.remote_name"
                " LEFT JOIN freed only ON only.uuid = d.uuid AND only.name = d.name"
                " AND (f.size IS NULL OR only.sha256 <> f.synced_sha256)"
                " WHERE f.eid = ? AND (f.remote_name, f.id) > (?, ?)"
                " AND f.synced_at_ns IS NOT NULL AND ("
                " EXISTS (SELECT 1 FROM remote_file r"
                " WHERE r.eid = f.eid AND r.name = f.remote_name)"
                " OR f.synced_sequence >= coalesce("
                " (SELECT listed_sequence FROM experiment e WHERE e.eid = f.eid), 0))"
                " ORDER BY f.remote_name, f.id LIMIT ?",
                (eid, name, identity, _BATCH),
            )
            for _, mapping, directory, base, *rest, provisional, unfinished, freed_ns, here in rows:
                states = bool(provisional), bool(unfinished), freed_ns, bool(here)
                yield SentFile._make((mapping, joined(directory, base), *rest, *states))
            if len(rows) < _BATCH:
                return
            identity, name = rows[-1][0], rows[-1][4]


def _record(row: tuple[Any, ...]) -> ManifestRecord:
    eid, changes, sent, uuid, name, size, sha256, at_ns, sequence, modified_at, *rest = row
    has_changes, has_bytes, waits, spare_bytes, sent_sha256, *rest = rest
    unproved, lacks_freed, *failure = rest
    written = None if size is None else WrittenManifest(size, sha256, at_ns, modified_at)
    return ManifestRecord(
        eid,
        changes,
        sent,
        uuid,
        name,
        written,
        sequence,
        has_changes,
        has_bytes,
        bool(waits),
        spare_bytes,
        sent_sha256,
        bool(lacks_freed),
        bool(unproved),
        _failure(failure),
    )


def _failure(columns: list[Any]) -> Failure | None:
    code, message, hint, count, at_ns = columns
    if message is None:
        return None
    return Failure(explanation_of(code, message, hint), permanent=False, count=count, at_ns=at_ns)
