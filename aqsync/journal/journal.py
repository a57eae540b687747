"""The journal: one SQLite file of observations, opened for writing, reading or trying out."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from aqsync.errors import JournalBroken
from aqsync.journal.action_runs import ActionRuns
from aqsync.journal.backlog import Backlog
from aqsync.journal.comparison import Comparisons
from aqsync.journal.database import (
    Database,
    connect,
    connect_beside,
    connect_read_only,
    connect_to_copy,
    set_aside,
    translated,
)
from aqsync.journal.durable import Durable
from aqsync.journal.empty_folders import EmptyFolders
from aqsync.journal.files_in_use import FilesInUse
from aqsync.journal.fleet import Fleet
from aqsync.journal.freed import FreedCopies
from aqsync.journal.hangs import Hangs
from aqsync.journal.history import History
from aqsync.journal.limits import Limits
from aqsync.journal.lock import JournalLock
from aqsync.journal.made import MadeExperiments
from aqsync.journal.manifests import Manifests
from aqsync.journal.mappings import Mappings
from aqsync.journal.measurements import Measurements
from aqsync.journal.notices import Notices
from aqsync.journal.observations import Observations
from aqsync.journal.outcomes import Outcomes
from aqsync.journal.pauses import Pauses
from aqsync.journal.rechecks import Rechecks
from aqsync.journal.refusals import Refusals
from aqsync.journal.remote import Remote
from aqsync.journal.removals import Removals
from aqsync.journal.search import Search
from aqsync.journal.tags import Tags
from aqsync.journal.trusted import require_trusted
from aqsync.journal.versions import Versions


class Journal:
    """What was observed; each method of its parts is one transaction, callable from any thread.

    Opened by `open_for_writing`, `open_for_reading` or `copy_in_memory`.
    """

    def __init__(self, database: Database, lock: JournalLock | None, broken: Path | None) -> None:
        self.mappings = Mappings(database)
        self.observations = Observations(database)
        self.made = MadeExperiments(database)
        self.measurements = Measurements(database)
        self.actions = ActionRuns(database)
        self.outcomes = Outcomes(database)
        self.rechecks = Rechecks(database)
        self.removals = Removals(database)
        self.remote = Remote(database)
        self.refusals = Refusals(database)
        self.limits = Limits(database)
        self.tags = Tags(database)
        self.manifests = Manifests(database)
        self.freed = FreedCopies(database)
        self.empty_folders = EmptyFolders(database)
        self.pauses = Pauses(database)
        self.hangs = Hangs(database)
        self.history = History(database)
        self.backlog = Backlog(database)
        self.notices = Notices(database)
        self.fleet = Fleet(database)
        self.comparisons = Comparisons(database)
        self.search = Search(database)
        self.versions = Versions(database)
        self.broken_set_aside = broken
        """Where the damaged journal was moved that this one replaces."""
        self.path = database.path
        self.is_written = lock is not None
        """This process alone writes it; else it was opened for reading, or is a copy."""
        self._database = database
        self._lock = lock
        self._durable = None if lock is None else Durable(database.path)
        self._files = None if lock is None else FilesInUse(database.path, lock)

    @classmethod
    def open_for_writing(cls, path: Path, now_ns: int) -> Self:
        """Open or create the journal, as its only writer.

        A damaged journal is set aside and a new one created: scans and file lists fill it again.

        Raises:
            JournalInUse: Another process writes it.
            JournalTooNew: A newer release wrote it.
            JournalError: It cannot be opened, other users could have changed it, or its disk is
                full. It is left as it is.
        """
        with translated(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_trusted(path)
            lock = JournalLock(path)
        broken = None
        try:
            if lock.damaged:
                broken = set_aside(path, now_ns)
            try:
                database = connect(path, now_ns, known_good=lock.untouched)
            except JournalBroken:
                broken = set_aside(path, now_ns)
                database = connect(path, now_ns, known_good=False)
        except BaseException:
            lock.release()
            raise
        lock.opened()
        journal = cls(database, lock, broken)
        journal.hangs.clear()  # these were hangs of another process
        return journal

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open an existing journal; another process may write it meanwhile.

        Raises:
            JournalError: There is none, or it cannot be read.
        """
        return cls(connect_read_only(path), None, None)

    @classmethod
    def copy_in_memory(cls, path: Path, now_ns: int) -> Self:
        """A private copy, for a dry run: nothing reaches the disk.

        Raises:
            JournalError: The original cannot be read.
        """
        return cls(connect_to_copy(path, now_ns), None, None)

    def beside(self) -> Journal:
        """The same journal by a connection of its own, which only reads; the caller closes it.

        What takes long there holds up no thread that writes. It costs a millisecond.

        Raises:
            JournalError: It cannot be opened.
        """
        return Journal(connect_beside(self.path), None, None)

    def checkpoint(self) -> bool:
        """Move what was written from the write-ahead log into the file, and empty the log.

        Returns:
            False if only a part could be moved, as another process reads the journal.
        """
        return self._database.checkpoint()

    def make_durable(self, *, at_once: bool) -> None:
        """Make what was written so far survive a power loss; threads share the work.

        Args:
            at_once: If false, it is skipped if it was done within the last second.

        Raises:
            JournalError: The disk cannot write it.
        """
        if self._durable is not None and (at_once or self._durable.is_due()):
            self._database.commit()
            with translated(self._database.path):
                self._durable.sync()

    def damage(self) -> str | None:
        """What is wrong in the file, by every check that reads it through; None: nothing.

        It takes a second for 100,000 files, holds no writer up, and changes nothing.

        Raises:
            JournalError: It cannot be read.
        """
        return self._database.damage()

    @property
    def met_damage(self) -> bool:
        """Whether damage was found; the next opening sets the journal aside."""
        return self._database.met_damage

    @property
    def changes(self) -> int:
        """A count that grows with every write of this process."""
        return self._database.changes

    def displaced(self) -> str | None:
        """How its files were deleted or replaced; None if they still stand under their paths.

        After that, everything that is written is lost, and another process may write beside this
        one. The check costs a few system calls.
        """
        if self._files is None:
            return None
        try:
            return self._files.problem(self._database.changes)
        except OSError:
            return None  # its disk has a problem, which every use of the journal reports

    def close(self) -> None:
        """Close the file and let others write."""
        # A file that has taken its place is not closed in good order: its next opening checks it.
        ours = self.displaced() is None
        try:
            self._database.close()
        except BaseException:
            self._release(in_good_order=False)
            raise
        self._release(in_good_order=ours, ours=ours)

    def _release(self, *, in_good_order: bool, ours: bool = True) -> None:
        if self._lock is not None:
            damaged = self.met_damage and ours
            self._lock.release(in_good_order=in_good_order, damaged=damaged)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
