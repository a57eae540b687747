"""Which files a person may free, and the proof that each is on the server.

Nothing is changed here. What is proved is noted by a push (`Limits.freed`), and then removed by
`aqsync.local.removal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.hashing import measured
from aqsync.config import MappingConfig
from aqsync.errors import FileChanged, RemoteFileNotFound
from aqsync.journal import Journal
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.open_files import OpenForWriting
from aqsync.local.reader import GuardedFile
from aqsync.model import (
    SECOND_NS,
    EntryKind,
    FileRecord,
    Freed,
    InSync,
    Recheck,
)
from aqsync.sync.known_manifests import KnownManifests
from aqsync.sync.measured import Measured, measured_of
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies, records_of
from aqsync.sync.remote_check import was_listed


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is old enough and stays all the same."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be freed of a mapping, before any of it is proved."""

    files: list[FileRecord]
    refused: list[Refused]
    kept: int
    """Files that stay as they are among the last ones."""


def plan(
    journal: Journal,
    mapping: MappingConfig,
    now_ns: int,
    older_than_s: float,
    keep_last: int,
    disk: Disk = REAL_DISK,
) -> Plan:
    """Choose the files of a mapping that may be freed, as far as the journal and the disk tell.

    Args:
        journal: What is known, after a look at the disk and at the server's lists.
        mapping: Which mapping.
        now_ns: The wall clock, nanoseconds since 1970.
        older_than_s: Only files that have not changed for so many seconds.
        keep_last: So many of the newest stay: measurements, where the mapping has any, else files.
        disk: Where the files are.
    """
    mapping_id = journal.mappings.get(mapping.name).id
    measurements = measured_of(journal, mapping, now_ns)
    opened = disk.open_for_writing(mapping.directory)
    policy_of = policies(journal, mapping, now_ns)
    files, refused, newest = list[FileRecord](), list[Refused](), dict[str, int]()
    for file in records_of(journal, journal.observations.here(mapping_id)):
        if file.kind is not EntryKind.FILE:
            continue
        if measurements is None or measurements.folders.of(file.path) is not None:
            unit = _unit(file, measurements)
            newest[unit] = max(newest.get(unit, 0), _changed_ns(file))
        if now_ns - _changed_ns(file) < older_than_s * SECOND_NS:
            continue
        step = decide(file, policy_of(file), now_ns)
        in_sync = isinstance(step, InSync | Recheck)
        why = _why_not(file, opened, measurements) if in_sync else step.message
        if why is None:
            files.append(file)
        else:
            refused.append(Refused(file.path, why))
    last = set(sorted(newest, key=lambda unit: newest[unit])[-keep_last:]) if keep_last else set()
    kept = [file for file in files if _unit(file, measurements) in last]
    rest = [file for file in files if _unit(file, measurements) not in last]
    return Plan(rest, refused, len(kept))


def _changed_ns(file: FileRecord) -> int:
    """When its content has changed; a new name, mode or link does not make it young.

    A command that could not remove it has changed its name for a moment, and the next one may.
    """
    return file.since_ns if file.local is None else min(file.since_ns, file.local.mtime_ns)


def _unit(file: FileRecord, measurements: Measured | None) -> str:
    folder = None if measurements is None else measurements.folders.of(file.path)
    return file.path if folder is None else f"{folder}/"


def _why_not(
    file: FileRecord, opened: OpenForWriting | None, measurements: Measured | None
) -> str | None:
    """Why a file that is in sync is not freed; None: it may be."""
    assert file.local is not None  # noqa: S101 - it is in sync
    if file.local.log:
        return "it is a database with a log"
    if file.synced is None or file.synced.provisional or file.synced.unfinished:
        return "its writer had not closed it when it was sent"
    if file.unfinished is not None:
        return "its writer has not closed it"
    if opened and (file.path in opened.paths or file.local.inode in opened.inodes):
        return "a program has it open for writing"
    folder = None if measurements is None else measurements.folders.of(file.path)
    if measurements is not None and folder is not None:
        found = measurements.completeness(folder)
        if not found.complete:
            return f"its measurement is not complete: {found.message}"
    return None


class Prover:
    """Proves that a file is whole here, in a manifest, and on the server, by the same bytes.

    Args:
        server: Where the copies are.
        journal: Knows the lists, which were fetched just before.
        disk: Where the files are.
    """

    def __init__(self, server: Client, journal: Journal, disk: Disk = REAL_DISK) -> None:
        self._disk = disk
        self._server = server
        self._journal = journal
        self._manifests = KnownManifests(server, journal)

    def close(self) -> None:
        """Forget what manifests say."""
        self._manifests.close()

    def prove(self, mapping: MappingConfig, file: FileRecord) -> Freed | str:
        """Read the file, its line in a manifest, and its copy.

        Returns:
            What is proved, the time left open; or why the file may not go.

        Raises:
            RemoteError: The server cannot be asked.
            LocalError: A disk failed.
        """
        assert file.local is not None  # noqa: S101 - only what is here is freed
        assert file.synced is not None  # noqa: S101 - it is in sync
        listed = file.remote.modified_at
        if listed is None or file.eid is None:
            return "the server does not list it"
        line = self._manifests.line(file.eid, file.remote_name, listed)
        if line is None:
            return "no manifest on the server has this version of it"
        try:
            with GuardedFile(mapping.directory, file.path, file.local, self._disk) as source:
                here, _ = measured(source.chunks())
        except FileChanged:
            return "it has changed just now"
        if here != file.synced.sha256 and file.is_database:
            return "the server has a snapshot of this database, not these very bytes"
        if here != file.synced.sha256:
            return "its content here is not what was sent, although its size and times are"
        if (line.sha256, line.size) != (here, file.size):
            return "the manifest says that other content was sent"
        if not self._is_there(file, listed, here):
            return "the server has other content under its name"
        return Freed(0, here, file.size, listed)

    def _is_there(self, file: FileRecord, listed: str, sha256: bytes) -> bool:
        uuid = UUID(self._journal.remote.uuid(str(file.eid)))
        try:
            with self._server.download(uuid, file.remote_name) as coming:
                if not was_listed(coming.modified_second, listed):
                    return False
                return measured(coming.chunks(), file.size) == (sha256, file.size)
        except RemoteFileNotFound:
            return False


def why_not_noted(journal: Journal, file: FileRecord, proof: Freed) -> str | None:
    """Why a file stays that was proved; None: it may go.

    Args:
        journal: What is known after a push that was to note it.
        file: It, as it was proved.
        proof: What was proved.
    """
    mapping_id = journal.mappings.get(file.mapping).id
    now = journal.observations.record_at(mapping_id, file.path)
    if now is None or now.freed is None or now.freed[1:] != proof[1:]:
        return "it has changed just now, here or on the server"
    if not journal.freed.is_told(now):
        return _why_not_told(journal, now)
    return None


def _why_not_told(journal: Journal, file: FileRecord) -> str:
    """Why no manifest on the server calls a file freed."""
    manifest = journal.manifests.of(str(file.eid))
    failure = None if manifest is None else manifest.failure
    if failure is not None:
        return f"the manifest that says so could not be written: {failure.why.message}"
    return "the manifest that says so was not written; while everything is paused, none is"
