"""Hashes files again whose unchanged signature does not yet prove that they are unchanged.

If a version is very young when it is read, or a program that could write closes the file, a store
through mmap may have changed bytes but not size or times. So the file is read once more when the
kernel has written all dirty pages back; from then on, any store shows. This needs no server, and
uploads do not wait for it. A disk that hangs is given up, as in a job.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from aqsync.clock import Clock
from aqsync.config import MappingConfig, Windows
from aqsync.errors import DiskHangs, FileChanged, FileVanished, LocalError
from aqsync.journal import Journal
from aqsync.journal.rechecks import Pending
from aqsync.local.attended import AttendedDisk
from aqsync.local.disk import Disk
from aqsync.local.errands import Errands
from aqsync.local.reader import GuardedFile
from aqsync.log import Log
from aqsync.model import (
    SECOND_NS,
    Adopted,
    ChangedMeanwhile,
    Failed,
    FileRecord,
    Outcome,
    Policy,
    Recheck,
    SyncedVersion,
    Touched,
    Uploaded,
    explain_error,
)
from aqsync.paths import is_chosen
from aqsync.sync.in_vain import InVain
from aqsync.sync.planner import decide
from aqsync.sync.policies import ALWAYS, policies
from aqsync.sync.rate import RateLimit
from aqsync.sync.work_queue import WorkQueue
from aqsync.timestamps import recheck_at_ns

READ_RATE = 64 * 1024 * 1024
"""Bytes per second that are read again, for all mappings together: a third of what a hard disk
delivers, so that measurements are not disturbed. Transfers have a limit of their own."""
NOTED_AT_ONCE = 200
"""Unchanged files noted in one transaction at most."""
NOTED_AFTER_S = 1.0
JUMP_NS = SECOND_NS
"""Seconds by which a wall clock may drift from the monotonic one unnoticed."""

log = Log(__name__)


class Rechecks:
    """Plans when versions are hashed again, and does it; usable from several threads.

    Args:
        journal: Has the plan.
        clock: The time.
        disk: Where the files are.
        queue: Which files are in hand.
        errands: Gives up a disk that does not answer.
        aborted: Asked between chunks; true breaks off.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        disk: Disk,
        queue: WorkQueue,
        errands: Errands,
        aborted: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._disk = AttendedDisk(disk)
        self._queue = queue
        self._errands = errands
        self._aborted = aborted
        self._rate = RateLimit(READ_RATE, clock)
        self._in_vain = InVain()
        self._write_back_ns = disk.write_back_ns()
        self._lock = threading.Lock()
        self._ahead_ns: int | None = None
        """By how much the wall clock was ahead of the monotonic one when last asked."""
        self._all_young_until = 0.0
        """Until then, by the monotonic clock, every file counts as young."""

    # Planning

    def needed(
        self, mapping: MappingConfig, file: FileRecord, outcome: Outcome, began_ns: int
    ) -> int | None:
        """When the version of an outcome must be hashed again; None: it need not be.

        Args:
            mapping: Whose file it is.
            file: As it was when the job began.
            outcome: What came of the job.
            began_ns: The wall clock before anything of the file was read.
        """
        if not (mapping.recheck and isinstance(outcome, Uploaded | Touched | Adopted)):
            return None
        if isinstance(outcome, Uploaded) and outcome.provisional:
            return None  # it does not count as in sync
        now_ns = self._attend_to_clock()
        signature, synced = outcome.signature, file.synced
        if self._clock.monotonic() < self._all_young_until:
            return now_ns + self._write_back_ns  # the clock may have been set since the job began
        planned_ns = recheck_at_ns(signature, began_ns, self._write_back_ns)
        if planned_ns is not None or synced is None or synced.recheck_at_ns is None:
            return planned_ns
        if synced.signature.is_unknown:
            return began_ns + self._write_back_ns  # it was changed unseen before, and may be again
        return synced.recheck_at_ns if synced.signature == signature else None

    def closed(self, mapping: MappingConfig, paths: Iterable[str]) -> None:
        """Programs that could write have closed these files, and they show no change."""
        if mapping.recheck:
            at_ns = self._clock.now_ns() + self._write_back_ns
            self._journal.rechecks.closed(self._id(mapping), paths, at_ns)

    def _attend_to_clock(self) -> int:
        """The wall clock. If it was set, everything planned is postponed by the write-back time.

        Until then every file counts as young. The journal keeps the difference of the clocks for
        the next process. After a start of the machine the difference is another one; that
        postpones too, and does no harm.
        """
        with self._lock:
            now_ns, now = self._clock.now_ns(), self._clock.monotonic()
            ahead_ns = now_ns - int(now * SECOND_NS)
            if self._ahead_ns is None:
                self._ahead_ns = self._journal.rechecks.clock_ahead_ns()
            before_ns = self._ahead_ns
            if before_ns is None or abs(ahead_ns - before_ns) > JUMP_NS:
                self._journal.rechecks.put_off(now_ns + self._write_back_ns)
                self._journal.rechecks.note_clock_ahead(ahead_ns)
                self._ahead_ns = ahead_ns
                if before_ns is not None:
                    self._all_young_until = now + self._write_back_ns / SECOND_NS
            return now_ns

    # Doing

    def pending(self, mapping: MappingConfig) -> Pending:
        """What is due in a mapping now."""
        if not mapping.recheck:
            return Pending(0, 0, None)
        return self._journal.rechecks.pending(self._id(mapping), self._attend_to_clock())

    def seconds_to_next(self, mapping: MappingConfig) -> float | None:
        """Seconds until a file that is not due yet will be; None: there is none."""
        now_ns = self._attend_to_clock()
        next_ns = self._journal.rechecks.next_ns(self._id(mapping), now_ns)
        return None if next_ns is None else (next_ns - now_ns) / SECOND_NS

    def run(
        self,
        mapping: MappingConfig,
        *,
        windows: Windows = ALWAYS,
        at_once: bool = False,
        within: Sequence[str] = (),
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _size: None,
    ) -> Iterator[FileRecord]:
        """Hash again what is due, one file after the other.

        Args:
            mapping: Whose files.
            windows: When files may be sent; outside of them nothing is read again either.
            at_once: Ignore them, and pauses.
            within: Only files at and below these paths; none, or an empty path: all.
            stop: Asked between chunks; true ends it.
            progress: Called with the number of bytes just read.

        Returns:
            Files that must be scanned and decided on, as they were: their content is not the
            synced one, or they changed or vanished meanwhile. If their disk hangs, they stay due.

        Raises:
            Interrupted: All transfers are broken off.
            JournalError: What was found cannot be noted.
        """
        if not mapping.recheck:
            return
        now_ns = self._attend_to_clock()
        policy_of = policies(self._journal, mapping, now_ns, windows, at_once=at_once)
        passed, note_at = list[FileRecord](), self._clock.monotonic() + NOTED_AFTER_S
        try:
            for file in self._due(mapping, now_ns, policy_of):
                if stop() or not self._errands.admits(mapping.directory):
                    return
                if not (is_chosen(file.path, within) and self._queue.claim(file.id)):
                    continue
                try:
                    # While the disk does not answer, the file stays claimed.
                    errand = self._errands.job(mapping.directory, file.path)
                    errand.when_over(partial(self._queue.release, file.id))
                    check = partial(self._check, mapping, file, stop, progress)
                    same = self._errands.attend(errand, check)
                except DiskHangs as exc:
                    self._queue.lose(file.id)
                    place = mapping.directory / file.path
                    log.error("a file system does not answer", path=place, hint=exc.hint)
                    return
                if same:
                    passed.append(file)
                elif same is False:
                    yield file
                now = self._clock.monotonic()
                if len(passed) >= NOTED_AT_ONCE or now >= note_at:
                    self._note(passed)
                    passed, note_at = [], now + NOTED_AFTER_S
        finally:
            self._note(passed)

    def _due(
        self, mapping: MappingConfig, now_ns: int, policy_of: Callable[[FileRecord], Policy]
    ) -> Iterator[FileRecord]:
        for identities in self._journal.rechecks.due(self._id(mapping), now_ns):
            for file in self._journal.observations.records(identities):
                if isinstance(decide(file, policy_of(file), now_ns), Recheck):
                    yield file

    def _note(self, passed: list[FileRecord]) -> None:
        if passed:
            again_ns = self._clock.now_ns() + self._write_back_ns
            self._journal.rechecks.passed(passed, again_ns)

    def _check(
        self,
        mapping: MappingConfig,
        file: FileRecord,
        stop: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> bool | None:
        """Whether a file still has its synced content; None: that is unknown."""
        assert file.local is not None  # noqa: S101 - it is in sync
        assert file.synced is not None  # noqa: S101 - it is in sync
        digest = hashlib.sha256()
        try:
            with GuardedFile(mapping.directory, file.path, file.local, self._disk) as source:
                for chunk in source.chunks():
                    if stop():
                        return None
                    self._rate.pay(len(chunk), self._aborted)
                    digest.update(chunk)
                    progress(len(chunk))
        except (FileChanged, FileVanished):
            failed = self._in_vain.add(file, ChangedMeanwhile())
        except LocalError as exc:
            failed = Failed(explain_error(exc), exc.permanent)
        else:
            self._in_vain.forget(file.id)
            return self._is_synced(mapping, file, file.synced, digest.digest())
        if failed is None:
            return False
        self._journal.outcomes.record(file, failed, self._clock.now_ns())
        return None

    def _is_synced(
        self, mapping: MappingConfig, file: FileRecord, synced: SyncedVersion, sha256: bytes
    ) -> bool | None:
        """Whether what was read is the synced version; None: that is another one by now."""
        if sha256 == synced.sha256:
            return True
        if not self._journal.rechecks.found_changed(file, synced, self._clock.now_ns()):
            return None
        log.warning(
            "content changed with the same size and times; it is sent again",
            path=str(mapping.directory / file.path),
            mapping=mapping.name,
        )
        return False

    def _id(self, mapping: MappingConfig) -> int:
        return self._journal.mappings.get(mapping.name).id
