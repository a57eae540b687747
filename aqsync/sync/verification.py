"""Whether disk, manifest and server agree: each difference, with its meaning.

Nothing is changed. What is read is the journal after a look at the disk and at the server's lists,
the manifests, and, where every byte is asked for, the files themselves on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from threading import Event
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.hashing import measured
from aqsync.aqueduct.side_by_side import side_by_side
from aqsync.config import MappingConfig
from aqsync.errors import Interrupted, LocalError, RemoteFileNotFound, RemoteOperationError
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK
from aqsync.journal.manifest_lines import ManifestLine
from aqsync.journal.manifests import SentFile
from aqsync.layout.manifest import is_manifest_name
from aqsync.local.reader import GuardedFile
from aqsync.model import Databases, FileRecord, State
from aqsync.paths import bears_on, is_chosen
from aqsync.sync.known_manifests import KnownManifests
from aqsync.sync.policies import decisions, experiments_known_of, records_of
from aqsync.sync.summary import NOT_IN_SYNC


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two sides differ."""

    code: str
    """Stays the same from release to release."""
    eid: str
    name: str
    """On the server."""
    place: str
    """The file here, or where it came from; empty: unknown."""
    meaning: str
    hint: str = ""
    """What a person can do."""


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file whose bytes were read."""

    eid: str
    name: str
    place: str
    size: int
    sha256: str
    """Hexadecimal, as it is on the server."""


@dataclass(slots=True)
class Verification:
    """What was found."""

    files: int = 0
    """On the server, known by the journal or a manifest."""
    bytes: int = 0
    freed: int = 0
    """Of them, those whose only copy is on the server, since a person freed them."""
    gone: int = 0
    """Of them, those that were deleted here, and are kept there."""
    others: int = 0
    """On the server, and known by neither: people or other programs put them there."""
    left_out: int = 0
    """Here, and never sent: no experiment is meant for them, or they are skipped."""
    differences: list[Difference] = field(default_factory=list)
    read: list[VerifiedFile] = field(default_factory=list)


_SEND_AGAIN = (
    "if the one here is right: `aqsync files remove {eid} {name}`, then `aqsync retry PATH` and"
    " `aqsync push` send it again"
)
_WHICH_IS_RIGHT = (
    "`aqsync files get {eid} {name} --to DIR` fetches the server's; if the one here is right, touch"
    " it, and it is sent"
)


class _Known(NamedTuple):
    """What a file on the server must be."""

    size: int
    sha256: bytes
    place: str
    here: bool = False
    """Whether a file is at its place on this PC."""


class Verifier:
    """Compares the three sides of some mappings and experiments.

    Args:
        server: Asked for manifests, and for bytes; closed if reading these is broken off.
        journal: What is known, after a look at both sides.
        mappings: The configured ones.
        now_ns: The wall clock, nanoseconds since 1970.
        within: By mapping, the only paths that count; a mapping that is not among them does not.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        mappings: Sequence[MappingConfig],
        now_ns: int,
        within: Mapping[str, Sequence[str]],
    ) -> None:
        self._server = server
        self._journal = journal
        self._mappings = {mapping.name: mapping for mapping in mappings}
        self._now_ns = now_ns
        self._within = within
        self._manifests = KnownManifests(server, journal)
        self.found = Verification()
        self._known: dict[tuple[str, str], _Known] = {}
        """By EID and name, what stands on the server by journal or manifest."""
        self._said: set[tuple[str, str]] = set()
        """EIDs as people know them, and names, of which a difference was noted."""
        self._stop = Event()

    def close(self) -> None:
        """Forget what manifests say."""
        self._manifests.close()

    def experiments(self, eids: Sequence[str], *, only: str | None, whole: bool) -> None:
        """Compare lists, sizes and times of experiments.

        Args:
            eids: Those that can be used.
            only: Only files of this experiment count; None: all of the mappings.
            whole: Also what other PCs' manifests say; else only what came from the mappings here.

        Raises:
            RemoteError: The server cannot be asked.
        """
        for name in self._within:
            self._by_journal(self._mappings[name], only)
        for eid in eids:
            self._by_manifests(eid, whole=whole)

    def _by_journal(self, mapping: MappingConfig, only: str | None) -> None:
        """What is not as it should be by journal, disk and list."""
        within = self._within[mapping.name]
        self._not_looked_at(mapping, only)
        for file, step in decisions(self._journal, mapping, self._now_ns, within):
            if only is None and step.state in {State.SKIPPED, State.UNMAPPED}:
                self.found.left_out += file.local is not None
            if step.state in NOT_IN_SYNC and only in {None, file.eid}:
                place = str(mapping.directory / file.path)
                meaning = f"{step.state}: {step.message}"
                self._add(step.reason.value, str(file.eid_shown), file.remote_name, place, meaning)

    def _not_looked_at(self, mapping: MappingConfig, only: str | None) -> None:
        """Places on the disk of which nothing is known now, so that nothing there is equal."""
        mapping_id, within = self._journal.mappings.get(mapping.name).id, self._within[mapping.name]
        if only is not None and only not in experiments_known_of(self._journal, [mapping]):
            return
        for path, trouble in self._journal.mappings.troubles(mapping_id).items():
            if bears_on(path, within):
                place = str(mapping.directory / path)
                self._add("not-looked-at", only or "", "", place, trouble.message)
        if LOOK in self._journal.hangs.of(mapping.name):
            why = "its disk does not answer, so it was not looked at"
            self._add("not-looked-at", only or "", "", str(mapping.directory), why)

    def _by_manifests(self, eid: str, *, whole: bool) -> None:
        listed = self._journal.remote.names(eid)
        sent = {
            file.remote_name: file
            for file in self._journal.manifests.files(eid)
            if self._counts(file.mapping, file.path)
        }
        told = self._told(eid, listed, sent, whole=whole)
        shown = self._journal.remote.shown(eid)
        for name, file in sent.items():
            if listed.get(name) != file.modified_at or file.modified_at is None:
                continue  # the journal has said so
            mapping = self._mappings.get(file.mapping)
            place = self._place(file)
            line = told.get(name)
            self._expect(
                eid, name, _Known(file.size, file.sha256, place, file.here), freed=file.freed_ns
            )
            self.found.gone += not file.here and file.freed_ns is None
            if line is None:
                if mapping is not None and mapping.manifest and (shown, name) not in self._said:
                    why = "in sync, and no manifest on the server has this version yet"
                    self._add("not-in-manifest", eid, name, place, why)
            elif (line.sha256, line.size) != (file.sha256, file.size):
                why = "the manifest says that other content was sent than the journal does"
                self._add("manifest-differs", eid, name, place, why)
        if whole:
            known = sent.keys() | told.keys()
            manifests = sum(map(is_manifest_name, listed))
            self.found.others += len(listed.keys() - known) - manifests

    def _told(
        self, eid: str, listed: Mapping[str, str], sent: Mapping[str, SentFile], *, whole: bool
    ) -> dict[str, ManifestLine]:
        """By name, the lines that hold for what is listed; what contradicts the list is noted."""
        found: dict[str, ManifestLine] = {}
        lost: dict[str, tuple[str, str]] = {}
        shown = self._journal.remote.shown(eid)
        for source, line in self._lines(eid):
            at, is_ours = listed.get(line.name), line.name in sent
            place = f"{source}/{line.path}" if source else line.path
            if at is not None and at == line.modified_at:
                found[line.name] = line
                if whole and not is_ours:
                    known = _Known(line.size, line.sha256, place)
                    self._expect(eid, line.name, known, freed=line.freed_at)
            elif whole and not is_ours and line.modified_at:
                lost[line.name] = place, "removed" if at is None else "replaced"
        for name, (place, what) in lost.items():
            if name not in found and (shown, name) not in self._said:
                why = f"put there from {place} by its manifest, and {what} on the server since"
                self._add(f"{what}-on-server", eid, name, place, why)
        return found

    def _lines(self, eid: str) -> Iterator[tuple[str, ManifestLine]]:
        """Every line of every manifest, with the directory that it is of."""
        for manifest in self._manifests.manifests(eid):
            if manifest.header is not None:
                for line in self._manifests.lines(manifest):
                    yield manifest.header.sources[line.source].directory, line
            elif manifest.problem:
                self._add("manifest-unreadable", eid, manifest.name, "", manifest.problem)

    def _counts(self, mapping: str, path: str) -> bool:
        return mapping in self._within and is_chosen(path, self._within[mapping])

    def _place(self, file: SentFile) -> str:
        mapping = self._mappings.get(file.mapping)
        return file.path if mapping is None else f"{mapping.directory}/{file.path}"

    def _expect(self, eid: str, name: str, known: _Known, *, freed: object) -> None:
        if (eid, name) in self._known:
            return
        self._known[eid, name] = known
        self.found.files += 1
        self.found.bytes += known.size
        self.found.freed += freed is not None

    def _add(self, code: str, eid: str, name: str, place: str, meaning: str) -> None:
        shown = self._journal.remote.shown(eid)
        self._said.add((shown, name))
        self.found.differences.append(Difference(code, shown, name, place, meaning))

    # Every byte

    def read_all(self) -> None:
        """Read what was found equal so far, on both sides; what differs is noted.

        Raises:
            RemoteError: The server cannot be asked.
        """
        there = side_by_side(
            self._known.items(), self._there, stop=self._stop, abort=self._server.close
        )
        self._note([*there])
        here = side_by_side(self._files_here(), self._here, stop=self._stop)
        self._note([found for found in here if found is not None])

    def _note(self, found: Sequence[Difference | VerifiedFile]) -> None:
        for each in sorted(found, key=lambda each: (each.eid, each.name, each.place)):
            if isinstance(each, Difference):
                self.found.differences.append(each)
            else:
                self.found.read.append(each)

    def _watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._stop.is_set():
                raise Interrupted("interrupted")
            yield chunk

    def _there(self, item: tuple[tuple[str, str], _Known]) -> Difference | VerifiedFile:
        (eid, name), known = item
        shown = self._journal.remote.shown(eid)
        try:
            with self._server.download(UUID(self._journal.remote.uuid(eid)), name) as coming:
                sha256, size = measured(self._watched(coming.chunks()))
        except RemoteFileNotFound:
            meaning = "removed on the server just now"
            return Difference("removed-on-server", shown, name, known.place, meaning)
        except RemoteOperationError as exc:
            return Difference("unreadable-on-server", shown, name, known.place, exc.message)
        if (sha256, size) != (known.sha256, known.size):
            meaning = (
                f"its content on the server is not what was sent: {size} bytes with SHA-256"
                f" {sha256.hex()}, where {known.sha256.hex()} was sent"
            )
            hint = _SEND_AGAIN.format(eid=shown, name=quote(name)) if known.here else ""
            return Difference("other-bytes-on-server", shown, name, known.place, meaning, hint)
        return VerifiedFile(shown, name, known.place, size, sha256.hex())

    def _files_here(self) -> Iterator[FileRecord]:
        for name, within in self._within.items():
            mapping_id = self._journal.mappings.get(name).id
            here = self._journal.observations.here(mapping_id)
            for file in records_of(self._journal, here):
                if file.is_as_sent and is_chosen(file.path, within):
                    yield file

    def _here(self, file: FileRecord) -> Difference | None:
        """A database is compared by its snapshot on the server alone: its own bytes are others."""
        mapping = self._mappings[file.mapping]
        if file.is_database and mapping.databases is Databases.SNAPSHOT:
            return None
        assert file.local is not None  # noqa: S101 - it is here
        assert file.synced is not None  # noqa: S101 - it is as it was sent
        place = str(mapping.directory / file.path)
        eid = str(file.eid_shown)
        try:
            with GuardedFile(mapping.directory, file.path, file.local) as source:
                sha256, _ = measured(self._watched(source.chunks()))
        except LocalError as exc:
            return Difference("unreadable-here", eid, file.remote_name, place, exc.message)
        if sha256 == file.synced.sha256:
            return None
        meaning = "its content here is not what was sent, although its size and times are"
        hint = _WHICH_IS_RIGHT.format(eid=eid, name=quote(file.remote_name))
        return Difference("other-bytes-here", eid, file.remote_name, place, meaning, hint)
