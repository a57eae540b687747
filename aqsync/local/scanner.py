"""The scanner: the only part that looks at directories, and so the only local truth.

It walks a root directory by directory, compares each with what the journal last saw there,
and writes down the differences. Memory grows with the largest directory, not with the tree.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aqsync.clock import Clock
from aqsync.config import MappingConfig
from aqsync.errors import DiskHangs, RootUnusable
from aqsync.journal import Journal
from aqsync.journal.hangs import LOOK, Hanging
from aqsync.journal.mappings import MappingRecord
from aqsync.journal.measurements import OpenFiles
from aqsync.journal.observations import ONE_CHANGE_NS, Observed, Retargeted
from aqsync.layout.names import remote_name
from aqsync.local.attended import AttendedDisk
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.errands import Errands, timed
from aqsync.local.folders import folders_of
from aqsync.local.ignore_file import load_rules
from aqsync.local.made_folders import MadeFolders
from aqsync.local.open_files import OpenForWriting
from aqsync.local.owners import owners_of
from aqsync.local.recognition import Recognition
from aqsync.local.roots import StandingRoot, held_root, root_identity
from aqsync.local.rules import Rules
from aqsync.local.walk import MOST_CHANGED, Walk, WalkSource
from aqsync.model import EntryKind, Explanation, Problem, Reason, Signature, explain_error
from aqsync.paths import lies_within
from aqsync.timestamps import settle_ns


@dataclass(slots=True)
class ScanReport:
    """What one scan met."""

    entries: int = 0
    changed: int = 0
    gone: int = 0
    whole: bool = False
    """The whole root was looked at, to its end."""
    changed_paths: list[str] | None = field(default_factory=list)
    """Which were seen new, changed or gone; None where that would be more than 10,000."""
    directories: int = 0
    """How many were looked through, the root included."""
    directory_inodes: set[int] = field(default_factory=set)
    """Theirs, after a look at the whole root; else empty."""
    troubles: dict[str, Problem] = field(default_factory=dict)
    """By path; the root's own is the empty path."""
    ended: set[str] = field(default_factory=set)
    """Paths whose trouble has ended: everything below them must be decided on again."""
    asked: bool = False
    """The system was asked which files are open for writing."""
    troubles_changed: bool = False
    """Some began, ended or changed, so policies that were worked out before are out of date."""


class Scanner:
    """Looks at one mapping; usable from several threads, which then take turns.

    Args:
        mapping: Which.
        journal: Where the differences go.
        clock: For the age of entries that are seen for the first time.
        disk: Where the mapping's root is.
        errands: Give up a look that hangs; None: looks are waited for without a limit.
    """

    def __init__(
        self,
        mapping: MappingConfig,
        journal: Journal,
        clock: Clock,
        disk: Disk = REAL_DISK,
        errands: Errands | None = None,
    ) -> None:
        self.rules = Rules(mapping)
        """As of the last look at the whole root."""
        self._rules_read = False
        self._made: MadeFolders | None = None
        self._mapping = mapping
        self._journal = journal
        self._clock = clock
        self._disk = AttendedDisk(disk)
        self._errands = Errands(clock) if errands is None else errands
        self._settle_ns = mapping.settle_ns
        self._turn = threading.Lock()

    def scan(
        self,
        within: Iterable[str] = (),
        beat: Callable[[], None] = lambda: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> ScanReport:
        """Look at the whole root, or only at and below some paths of it.

        Args:
            within: Paths relative to the root; none: everything. If the root is in trouble, empty,
                or another one than before, or if the last look did not come to its end, everything
                is looked at in any case.
            beat: Called before each directory, to show that a long scan is alive.
            stop: Asked before each directory; true ends the scan, which then keeps what it
                saw, calls nothing gone, and does not count as a look at the whole root.
        """

        def goes_on() -> bool:
            beat()
            return not stop()

        paths = tuple(within)

        def look() -> ScanReport:
            with self._turn:
                return self._scan(() if "" in paths else paths, goes_on)

        try:
            return self._errands.run(self._mapping.directory, look)
        except DiskHangs as exc:
            return self._unusable(exc)
        finally:
            self._note_hangs()

    def _note_hangs(self) -> None:
        """Record what hangs in a look; hangs in jobs are recorded by others."""
        known = self._journal.hangs.of(self._mapping.name)
        hang = self._errands.hung_look(self._mapping.directory)
        if hang is None and LOOK not in known:
            return
        hanging = {path: hang for path, hang in known.items() if path != LOOK}
        if hang is not None:
            hanging[LOOK] = Hanging(hang.since_ns, blocks=False)
        self._journal.hangs.set(self._mapping.name, hanging)

    def _scan(self, paths: tuple[str, ...], goes_on: Callable[[], bool]) -> ScanReport:
        record = self._journal.mappings.get(self._mapping.name)
        accepted = self._journal.mappings.accepted(record.id)
        try:
            with timed(""):  # users may be looked up in a network
                owners = owners_of(self._mapping)
            with held_root(self._mapping.directory, self._disk, owners) as root:
                partly = record.newest_looked_at is not None
                if paths and (accepted or partly or not self._is_as_known(record, root)):
                    paths = ()
                if not paths or not self._rules_read:
                    self.rules = load_rules(self._mapping, root.disk, self.rules)
                    self._rules_read = True
                known = Recognition(
                    self._mapping, self._journal, record, accepted, root, self.rules, goes_on
                )
                # First, so that what was written before is seen by the walk.
                opened = self._asked_open(root, paths)
                report = self._walk(known, paths)
                if opened is not None:
                    self._note_open(record, *opened)
                    report.asked = True
                return report
        except RootUnusable as exc:
            return self._unusable(exc)

    def _asked_open(
        self, root: StandingRoot, within: Sequence[str]
    ) -> tuple[int, OpenForWriting | None] | None:
        """Ask which files are open for writing, where a whole measurement is looked at.

        Returns:
            When it was asked, and the answer; None: it was not.
        """
        section = self._mapping.measurement
        if section is None or not section.complete.closed:
            return None
        of = folders_of(section).of_directory
        if within and not any(of(path) == path for path in within):
            return None
        now_ns = self._clock.now_ns()
        return now_ns, root.disk.open_for_writing(self._mapping.directory)

    def _note_open(
        self, record: MappingRecord, asked_ns: int, found: OpenForWriting | None
    ) -> None:
        # A file that came between the question and the walk has a later time.
        newest = self._journal.observations.newest()
        told = OpenFiles(asked_ns, newest, None)
        if found is not None:
            told = OpenFiles(asked_ns, newest, found.paths, found.inodes)
        self._journal.measurements.set_open_files(record.id, told)

    def _unusable(self, exc: RootUnusable) -> ScanReport:
        """A report of a scan that saw nothing: only the root's problem is known."""
        record = self._journal.mappings.get(self._mapping.name)
        report = ScanReport()
        self._note(report, "", explain_error(exc))
        self._note_troubles(record.id, report)
        return report

    def _walk(self, known: Recognition, within: tuple[str, ...]) -> ScanReport:
        now_ns = self._clock.now_ns()
        directory, record, root = self._mapping.directory, known.record, known.root
        mounts = known.submounts()
        another = known.is_another(mounts)
        self._journal.observations.clock_set_back(record.id, now_ns)
        self._made = MadeFolders(
            self._mapping, record.id, self.rules, self._journal.made, root.disk, known.goes_on
        )
        if record.target_rules != self.rules.target_fingerprint:
            self._retarget(record.id)
        newest = self._journal.observations.newest()
        if another:
            self._journal.mappings.doubt_root(record.id, newest)
        walk = Walk(
            WalkSource(
                root.disk,
                directory,
                mounts,
                self.rules,
                self.observed,
                known.goes_on,
                max(ONE_CHANGE_NS, self._settle_ns),
                lambda: self._journal.mappings.looks(record.id, newest),
                self._made.meet,
            ),
            self._journal.observations,
            record.id,
            reselect=record.selection_rules != self.rules.selection_fingerprint,
        )
        walk.go(within)
        report = ScanReport(walk.entries, walk.changes, directories=walk.directories)
        report.whole = not (within or walk.stopped)
        if not walk.stopped and (walk.partly or record.newest_looked_at is not None):
            self._journal.mappings.looked(record.id)
        self._journal.observations.forget(record.id, walk.forgotten)
        judged = mounts.judge(walk.missing, whole=report.whole)
        for path, why in walk.troubles.items():
            self._note(report, path, why)
        for path, reason in judged.troubles.items():
            place = directory / path
            self._note(report, path, reason.explain(place=place, mapping=self._mapping.name))
        replaced = not root_identity(directory, self._disk).is_same(root.identity)
        if replaced:
            self._note(report, "", Reason.ROOT_REPLACED.explain(root=directory))
        else:  # only a root that stayed the same shows what is mounted in it
            self._journal.mappings.set_mounts(record.id, judged.mounts)
        gone: list[str] = []
        if walk.stopped:
            pass  # paths that it did not meet may still be there
        elif replaced or self._doubts(known, judged.gone, report, another=another):
            self._journal.mappings.doubt_root(record.id, newest)
        else:
            gone = judged.gone
            self._note_gone(known, gone, now_ns)
            self._note_empty_folders(record.id, walk, within)
        report.gone = len(gone)
        few = walk.changes + report.gone <= MOST_CHANGED
        report.changed_paths = walk.changed + gone if few else None
        if not report.whole:
            self._keep_other_troubles(record.id, () if walk.stopped else within, report)
        else:
            report.directory_inodes = walk.directory_inodes
            self._note_whole_walk(record, walk, now_ns)
        self._note_troubles(record.id, report)
        return report

    def _note_whole_walk(self, record: MappingRecord, walk: Walk, began_ns: int) -> None:
        # Unreadable directories were not selected by the new rules; the next scan must do that.
        rules = record.selection_rules if walk.troubles else self.rules.selection_fingerprint
        self._journal.mappings.scanned(record.id, rules, walk.left_out, began_ns)

    def _doubts(
        self, known: Recognition, missing: Sequence[str], report: ScanReport, *, another: bool
    ) -> bool:
        """Whether missing files may not count as gone, which the report then tells."""
        empty = report.whole and report.entries == 0
        if empty and missing:  # a root is empty too once a person has freed all of it
            freed = self._journal.freed.paths(known.record.id)
            missing = [path for path in missing if path not in freed]
        doubt = known.doubt(missing, empty=empty, another=another)
        if doubt is not None:
            self._note(report, "", explain_error(doubt))
        return doubt is not None

    def _note_gone(self, known: Recognition, gone: Sequence[str], now_ns: int) -> None:
        record, root = known.record, known.root.identity
        if record.newest_undoubted is not None:
            # Files that were only seen in the other directory were not deleted in this one.
            self._journal.observations.forget_newer(record.id, gone, record.newest_undoubted)
        if record.root != root or record.newest_undoubted is not None:
            self._journal.mappings.pin_root(record.id, root)
        if known.accepted:
            self._journal.mappings.accepted_is_known(record.id, known.accepted)
        self._journal.observations.gone(record.id, gone, now_ns)

    def _note_empty_folders(self, mapping_id: int, walk: Walk, within: tuple[str, ...]) -> None:
        kept = self._journal.empty_folders
        known = kept.among(mapping_id, walk.touched(within)) if within else kept.of(mapping_id)
        found = {path: self.target(f"{path}/file")[0] for path in walk.empty if path}
        gone = [path for path in known.keys() - found.keys() if not walk.hides(path)]
        new = {path: eid for path, eid in found.items() if known.get(path, "") != eid}
        kept.note(mapping_id, new, gone)

    def _is_as_known(self, record: MappingRecord, root: StandingRoot) -> bool:
        if record.root is not None and not root.identity.is_same(record.root):
            return False
        if "" in self._journal.mappings.troubles(record.id):
            return False
        try:
            with root.disk.listing(self._mapping.directory, "") as root_listing:
                return any(True for _ in root_listing.entries)
        except OSError:
            return False

    def _retarget(self, mapping_id: int) -> None:
        """The rules have changed: files with another target are new there."""
        moved = []
        for path, eid, name in self._journal.observations.targets(mapping_id):
            new_eid, new_name = self.target(path)
            if (eid, name) != (new_eid, new_name):
                moved.append(Retargeted(path, new_eid, new_name))
        self._journal.observations.retarget(mapping_id, moved)
        self._journal.mappings.retargeted(mapping_id, self.rules.target_fingerprint)

    def target(self, path: str) -> tuple[str | None, str]:
        """The experiment and the remote name of a path; no name where there is no experiment."""
        if self._made is not None and self._mapping.makes_experiments:
            folder = self._made.folder_of(path)
            if folder is None:
                return None, ""
            inside = path[len(folder) + 1 :]
            return self._made.key(folder), remote_name(inside, self._mapping.prefix)
        eid = self.rules.experiment_of(path)
        return eid, "" if eid is None else remote_name(path, self._mapping.prefix)

    def observed(
        self,
        path: str,
        kind: EntryKind,
        signature: Signature,
        *logs: Signature,
        is_database: bool | None = None,
        known: bool = False,
    ) -> Observed:
        """An entry seen in a state that the journal does not know.

        The file itself says how long it has been in this state, not the time of the scan, as
        events report writes late. It was last touched at the later of mtime and ctime (which
        is right on Windows too, where ctime is the time of creation). A file that was last
        written longer than the settle time ago is settled at first sight, however young its
        ctime: it was moved in, linked, or had its mtime set back. Of one that was known before, the
        ctime counts: a program may set its mtime back after each write.

        A time in the future, also after the clock was set back, counts as now and delays the file
        by one settle time at most. A clock that jumps ahead makes a file that is being written
        look old, so it may be read too early once. That costs an upload, not a wrong file: a
        file that changes during the read is not sent whole, and one that changes after it is
        sent again.

        Args:
            path: Its path.
            kind: What it is.
            signature: As it was seen.
            logs: Of a database, its log and its journal: it has been as it is since the last of
                them was written.
            is_database: Whether it is one; None: it was not looked into.
            known: The same file was there when the path was last looked at.
        """
        since_ns = max(map(self._since_ns, (signature, *logs)))
        if known and signature.ctime_ns <= self._clock.now_ns():
            since_ns = max(since_ns, signature.ctime_ns)
        eid, name = self.target(path) if kind is EntryKind.FILE else (None, "")
        return Observed(path, kind, signature, since_ns, eid, name, is_database)

    def _since_ns(self, signature: Signature) -> int:
        now_ns, since_ns = self._clock.now_ns(), signature.mtime_ns
        if since_ns + settle_ns(signature, self._settle_ns) >= now_ns:
            since_ns = min(now_ns, max(since_ns, signature.ctime_ns))
        return since_ns

    def _note(self, report: ScanReport, path: str, why: Explanation) -> None:
        report.troubles[path] = Problem(why, self._clock.now_ns())

    def _note_troubles(self, mapping_id: int, report: ScanReport) -> None:
        before = self._journal.mappings.troubles(mapping_id)
        self._journal.mappings.set_troubles(mapping_id, report.troubles)
        report.ended = before.keys() - report.troubles.keys()
        report.troubles_changed = before != self._journal.mappings.troubles(mapping_id)

    def _keep_other_troubles(
        self, mapping_id: int, within: tuple[str, ...], report: ScanReport
    ) -> None:
        """Keep the troubles of paths that were not looked at."""
        looked_at = {"", *within} if within else set()
        for path, trouble in self._journal.mappings.troubles(mapping_id).items():
            if not lies_within(path, looked_at):
                report.troubles.setdefault(path, trouble)
