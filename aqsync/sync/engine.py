"""The engine: scanning, mirroring, doing jobs and tagging, as functions that the loops call.

One engine serves one session. Several threads may call it at once: what must not interleave holds
a lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial
from math import inf
from typing import TypeVar
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.config import MappingConfig
from aqsync.errors import (
    AccessDenied,
    ExperimentNotFound,
    FileForbidden,
    Forbidden,
    HeaderDropped,
    Interrupted,
    RemoteError,
    ServerFailed,
)
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.folder_facts import FactsReader
from aqsync.local.scanner import Scanner, ScanReport
from aqsync.log import Log
from aqsync.model import (
    Adopted,
    ChangedMeanwhile,
    Compare,
    Decision,
    Failed,
    FileRecord,
    FoundDifferent,
    FoundOurOwn,
    MadeWords,
    Outcome,
    Policy,
    Problem,
    Reason,
    Removed,
    RemoveRemote,
    Touched,
    Upload,
    Uploaded,
    Wait,
    explain_error,
)
from aqsync.sync.actions import Actions
from aqsync.sync.backoff import search_pause_ns
from aqsync.sync.contents import Contents
from aqsync.sync.experiment_maker import ExperimentMaker
from aqsync.sync.jobs import Job, Progress, ready, unwatched
from aqsync.sync.known_manifests import KnownManifests
from aqsync.sync.lists import Lists
from aqsync.sync.manifests import ManifestWriter
from aqsync.sync.measurement_watch import MeasurementWatch
from aqsync.sync.mirror import Mirror
from aqsync.sync.planner import decide
from aqsync.sync.policies import experiments_known_of, experiments_of
from aqsync.sync.rechecks import Rechecks
from aqsync.sync.refusing import Refusing
from aqsync.sync.remote_check import RemoteCheck
from aqsync.sync.shared import Shared
from aqsync.sync.size_limiting import SizeLimiting
from aqsync.sync.tagger import Tagger
from aqsync.sync.turn import turn
from aqsync.sync.uploader import Uploader

NEWEST_S = 3.0
"""A file that waits for a newer list causes no request if the known list is younger than this."""

T = TypeVar("T")

log = Log(__name__)


class Engine:
    """The steps of syncing some mappings with one server.

    Args:
        mappings: Which.
        server: Where to.
        shared: What all sessions of the process share.
        aborted: Asked between chunks; true breaks every transfer off. Errors after that count as
            broken off too, since the session that aborts also closes the connections.
        disk: Where the mappings' roots are.
    """

    def __init__(
        self,
        mappings: Iterable[MappingConfig],
        server: Client,
        shared: Shared,
        *,
        aborted: Callable[[], bool] = lambda: False,
        disk: Disk = REAL_DISK,
    ) -> None:
        self.mappings = tuple(mappings)
        self.journal = journal = shared.journal
        self.clock = clock = shared.clock
        self.disk = disk
        self._errands = errands = shared.errands
        self._by_name = {mapping.name: mapping for mapping in self.mappings}
        self._server = server
        facts = FactsReader(disk, shared.snapshots, errands)
        self._maker = ExperimentMaker(server, journal, clock, self.mappings, facts)
        self._mirror = Mirror(server, journal, clock, self._maker)
        self._tagger = Tagger(server, journal, clock)
        self._lists = Lists(self._mirror, clock)
        self.known_manifests = KnownManifests(server, journal, aborted=aborted, rate=shared.rate)
        self.retired: Callable[[], bool] = lambda: False
        """Whether the session begins nothing new: a manifest that is being sent is broken off, as
        that of another session may follow at once."""
        check = RemoteCheck(server, journal, self._lists, self.known_manifests, clock)
        contents = Contents(journal, disk, shared.snapshots)
        self._manifests = ManifestWriter(
            server,
            journal,
            clock,
            self.mappings,
            self._lists,
            aborted=lambda: aborted() or self.retired(),
            rate=shared.rate,
        )
        self._uploader = Uploader(
            server,
            journal,
            clock,
            check,
            contents,
            aborted=aborted,
            rate=shared.rate,
        )
        self.rechecks = Rechecks(journal, clock, disk, shared.queue, errands, aborted)
        self._aborted = aborted
        self._scanners = {m.name: Scanner(m, journal, clock, disk, errands) for m in self.mappings}
        self.changes_seen = 0
        """How many scans have found something new, changed, gone, open or closed."""
        self.outlook = 0
        """A count that grows whenever policies computed before may be outdated."""
        self.outlook_changed: Callable[[], None] = lambda: None
        """Called, from any thread, when `outlook` has grown."""
        self._tagging = threading.Lock()
        self._refusing = Refusing(
            journal, clock, server.check_file_name_header, self._change_outlook
        )
        self._limiting = SizeLimiting(journal, clock, self._change_outlook)
        self._state = shared.state
        self.measurements = {
            m.name: MeasurementWatch(m, m.measurement, journal, clock, self._change_outlook)
            for m in self.mappings
            if m.measurement is not None
        }
        """By mapping, what sees its measurements become complete."""
        self.actions = Actions(self.mappings, server, journal, clock, shared.acting)
        for watch in self.measurements.values():
            watch.told = self.actions.look

    def scan(
        self,
        mapping: MappingConfig,
        within: Iterable[str] = (),
        *,
        beat: Callable[[], None] = lambda: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> ScanReport:
        """Scan a mapping's root, or only some paths of it.

        Args:
            mapping: Which.
            within: Paths relative to its root; none: everything.
            beat: Called before each directory, to show progress.
            stop: Asked before each directory; true ends the scan, which then reports nothing gone.
        """
        report = self._scanners[mapping.name].scan(within, beat, stop)
        if report.changed or report.gone or report.asked:
            self.changes_seen += 1
        if mapping.name in self.measurements:
            # What cannot be looked at as a whole is not complete, whichever files have changed.
            changed = None if report.troubles_changed else report.changed_paths
            self.measurements[mapping.name].changed(changed)
        if report.troubles_changed:
            self._change_outlook()
        return report

    def ask(self, mapping: MappingConfig, question: Callable[[], T]) -> T:
        """Ask a mapping's disk something that a system call answers.

        Raises:
            DiskHangs: It does not answer.
        """
        return self._errands.ask(mapping.directory, question)

    @property
    def lists_fetched(self) -> int:
        """How many lists were fetched; what was read before the last one may be outdated."""
        return self._lists.fetched

    @property
    def usable(self) -> bool:
        """Whether the server could be used when last tried."""
        return self._state.problem is None

    def eids(self) -> set[str]:
        """Every experiment that files of these mappings belong to."""
        return experiments_of(self.journal, self.mappings)

    def refresh(self, eids: Collection[str], beat: Callable[[], None] = lambda: None) -> bool:
        """Fetch the file lists of these experiments; false if the server cannot be used.

        Args:
            eids: Which.
            beat: Called for each request, to show progress.
        """
        unusable = self.journal.remote.unusable().keys()
        try:
            self._lists.fetch(eids, beat)
        except RemoteError as exc:
            self._server_failed(exc)
            return False
        if self.journal.remote.unusable().keys() != unusable:
            self._change_outlook()
        self._state.answered()
        return True

    def answers(self) -> bool:
        """Ask the server for next to nothing; false if it cannot be used."""
        try:
            self._server.find(limit=1)
        except RemoteError as exc:
            self._server_failed(exc)
            return False
        return True

    def probe(self, beat: Callable[[], None] = lambda: None) -> bool:
        """Find out whether the server can be used, uploads included.

        Args:
            beat: Called for each request, to show progress.
        """
        try:
            # If the probe itself is not allowed, a file finds out whether uploads are.
            with contextlib.suppress(Forbidden):
                self._server.check_file_name_header()
        except RemoteError as exc:
            self._server_failed(exc)
            return False
        if not self.refresh(self.eids(), beat):
            return False
        self._state.works()
        return True

    def decide(
        self, file: FileRecord, policy_of: Callable[[FileRecord], Policy]
    ) -> tuple[FileRecord, Decision] | None:
        """The next step of a file; if it waits for a newer list, that is fetched.

        If it is the first file of an experiment that makes itself, that is made.

        The worker checks just before it changes something whether the list is still right.

        Returns:
            The record, renewed if a list was fetched, and the decision; None if the server cannot
            be asked.
        """
        step = decide(file, policy_of(file), self.clock.now_ns())
        eid = str(file.eid)
        if isinstance(step, Upload) and step.makes:
            if not self._made(eid):
                return None
        else:
            waits = isinstance(step, Wait) and step.until_ns is None and step.folder is None
            waits = waits or step.reason is Reason.EXPERIMENT_ASKED_FOR
            waits = waits and policy_of(file).blocked is None
            if not waits or self._lists.age(eid) <= NEWEST_S:
                return file, step
            if not self.refresh({eid}):
                return None
        file = self.again(file)
        return file, decide(file, policy_of(file), self.clock.now_ns())

    def would_make(self, key: str) -> tuple[str, MadeWords] | None:
        """The folder that an experiment would be made for, and what it would be called."""
        return self._maker.would_make(key)

    def _made(self, key: str) -> bool:
        """Make an experiment, and fetch its list; false if the server cannot be asked."""
        try:
            made = self._maker.make(key)
        except RemoteError as exc:
            self._server_failed(exc)
            return False
        self._change_outlook()
        return not made or self.refresh({key})

    def again(self, file: FileRecord) -> FileRecord:
        """The record as it is now."""
        [now] = self.journal.observations.records([file.id]) or [file]
        return now

    def job(
        self,
        file: FileRecord,
        step: Upload | Compare | RemoveRemote,
        progress: Progress = unwatched,
    ) -> Job:
        """The job for a decided step.

        The caller must `perform` it or drop its errand.

        Args:
            file: Which file.
            step: What to do.
            progress: Called with the number of bytes just sent or compared, on the worker's
                thread.
        """
        assert file.eid is not None  # noqa: S101 - the planner decides nothing for unmapped files
        uuid = UUID(self.journal.remote.uuid(file.eid))
        self._refusing.trying(file, step)
        self._limiting.trying(file, step)
        mapping = self._by_name[file.mapping]
        errand = self._errands.job(mapping.directory, file.path)
        is_ready = ready
        if mapping.name in self.measurements and isinstance(step, Upload):
            is_ready = partial(self.measurements[mapping.name].is_ready, file)
        root = mapping.directory
        return Job(file, step, root, uuid, progress, errand, mapping.databases, is_ready)

    # Disks that do not answer

    def admits(self, mapping: str) -> bool:
        """Whether a job on a file of this mapping may begin: see `Errands.admits`."""
        return self._errands.admits(self._by_name[mapping].directory)

    def gave_up(self, job: Job) -> Failed:
        """Note that a job's disk does not answer."""
        place = job.root / job.file.path
        failed = Failed(Reason.DISK_HANGS.explain(place=place), permanent=False)
        self.journal.outcomes.ended(job.file)
        self.journal.outcomes.record(job.file, failed, self.clock.now_ns())
        self.note_hangs()
        return failed

    def note_hangs(self) -> None:
        """Write down what hangs now."""
        something = self._errands.anything_hangs
        for mapping in self.mappings:
            if something or self.journal.hangs.of(mapping.name):
                hanging = self._errands.hanging(mapping.directory)
                self.journal.hangs.set(mapping.name, hanging)

    def perform(self, job: Job) -> Outcome:
        """Do a job and record its outcome; usable from several threads.

        Raises:
            Interrupted: Aborted, or given up; there is no outcome.
            JournalError: The outcome cannot be recorded.
        """
        try:
            with job.errand:
                return self._perform(job)
        finally:
            self.journal.outcomes.ended(job.file)

    def _perform(self, job: Job) -> Outcome:
        if (problem := self._state.problem) is not None:
            # The job had waited for a worker before that. The file is not marked as failed.
            return Failed(problem.why, permanent=False, asked_to_wait=problem.ordered)
        began_ns = self.clock.now_ns()
        try:
            outcome = self._uploader.do(job)
        except ExperimentNotFound as exc:
            self._experiment_vanished(str(job.file.eid), exc)
            return Failed(explain_error(exc), permanent=False)
        except Forbidden as exc:
            outcome = self._forbidden(job, exc)
        except RemoteError as exc:
            self._server_failed(exc)
            asked = isinstance(exc, ServerFailed) and exc.retry_after_s is not None
            outcome = Failed(explain_error(exc), permanent=False, asked_to_wait=asked)
            if isinstance(exc, AccessDenied | HeaderDropped | ServerFailed):
                return outcome  # not the file's fault: it is not marked as failed
        if isinstance(outcome, Uploaded | Adopted | FoundOurOwn | FoundDifferent | Removed):
            self._refusing.accepted(job.file, job.step)
        if str(job.uuid) != self.journal.remote.uuid(str(job.file.eid)):
            return ChangedMeanwhile()  # the EID was given to another experiment meanwhile
        if isinstance(outcome, Failed) and self._limiting.refused(job.file, outcome):
            return outcome
        if isinstance(outcome, Uploaded):
            self._limiting.accepted(outcome.size)
        tags = self._scanners[job.file.mapping].rules.tags_of(job.file.path)
        mapping = self._by_name[job.file.mapping]
        recheck_at_ns = self.rechecks.needed(mapping, job.file, outcome, began_ns)
        self.journal.outcomes.record(job.file, outcome, self.clock.now_ns(), tags, recheck_at_ns)
        self._tell_measurement(job.file, outcome)
        return outcome

    def _tell_measurement(self, file: FileRecord, outcome: Outcome) -> None:
        there = isinstance(outcome, Uploaded | Touched | Adopted | FoundOurOwn)
        if there and file.mapping in self.measurements:
            self.measurements[file.mapping].sent(file.path)

    def explains(self, job: Job) -> bool:
        """Whether the cause of a failed job concerns more than this file, and is logged already."""
        if self._state.problem is not None or self._refusing.explains(job.file, job.step):
            return True
        return self._limiting.explains(job.file)

    def _forbidden(self, job: Job, exc: Forbidden) -> Failed:
        if isinstance(exc, FileForbidden):
            # Nothing that happens by itself makes it ours, and it says nothing of other files.
            return Failed(explain_error(exc), permanent=True)
        try:
            self._refusing.refused(job.file, job.step, exc)
        except RemoteError as probe:
            self._server_failed(probe)
        return Failed(explain_error(exc), permanent=False)

    def tag(self, beat: Callable[[], None] = lambda: None) -> int:
        """Apply the tags that were earned; returns how many.

        Args:
            beat: Called for each experiment, to show progress.
        """
        with turn(self._tagging, beat):
            for name, scanner in self._scanners.items():
                self._tagger.reconsider(name, scanner.rules)
            try:
                self._maker.reword(beat)
                among = experiments_known_of(self.journal, self.mappings)
                return self._tagger.apply(self._experiment_vanished, among, beat)
            except RemoteError as exc:
                self._server_failed(exc)
                return 0

    def act(self) -> None:
        """Begin the actions of what has arrived, and ask how those are that were begun.

        Where a loop does it, that is only woken.
        """
        self.actions.look()
        if self.actions.woken is None:
            self.actions.step()

    def write_manifests(
        self, *, at_end: bool = False, beat: Callable[[], None] = lambda: None
    ) -> float:
        """Write the manifests that are due; returns the seconds until the next one is.

        Args:
            at_end: Nothing more is expected now: it is the end of a push.
            beat: Called often, to show progress.
        """
        try:
            return self._manifests.write_due(self._experiment_vanished, at_end=at_end, beat=beat)
        except RemoteError as exc:
            self._server_failed(exc)
            return inf

    def _experiment_vanished(self, eid: str, exc: ExperimentNotFound) -> None:
        now_ns = self.clock.now_ns()
        advice = exc.hint or "was it removed? else correct `experiment` in the configuration"
        gone = Reason.EXPERIMENT_GONE.explain(eid=self.journal.remote.shown(eid), advice=advice)
        problem = Problem(gone, now_ns)
        self.journal.remote.not_found({eid: problem}, {eid: now_ns + search_pause_ns(1)})
        self._change_outlook()

    def _change_outlook(self) -> None:
        self.outlook += 1
        self.outlook_changed()

    def _server_failed(self, exc: RemoteError) -> None:
        """Note that the server cannot be used: it is probed with growing pauses, and files wait.

        Raises:
            Interrupted: This side has aborted.
        """
        if self._aborted():
            raise Interrupted("interrupted") from exc
        self._state.failed(exc)
