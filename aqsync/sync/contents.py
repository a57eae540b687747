"""What a job reads of its file: the file as it is, or a snapshot of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from aqsync.errors import FileChanged
from aqsync.journal import Journal
from aqsync.local.attended import AttendedDisk
from aqsync.local.content import Held
from aqsync.local.disk import Disk
from aqsync.local.found_databases import first_bytes
from aqsync.local.reader import GuardedFile
from aqsync.local.snapshot import Snapshots
from aqsync.local.sqlite_files import HEADER, PAGE, begins_database
from aqsync.log import Log
from aqsync.model import Databases, Signature, Upload
from aqsync.sync.jobs import Job

log = Log(__name__)


class Contents:
    """Gives a job what it is to read; usable from several threads.

    Args:
        journal: Is told which files are databases.
        disk: Where the files are.
        snapshots: Makes snapshots.
    """

    def __init__(self, journal: Journal, disk: Disk, snapshots: Snapshots) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self.disk = AttendedDisk(disk)
        """The same disk, its calls timed."""

    @contextmanager
    def of(self, job: Job, goes_on: Callable[[], None]) -> Iterator[Held]:
        """The content of a job's file, as it was decided on.

        Args:
            job: Which.
            goes_on: Called often while a snapshot is made; it raises to break off.

        Raises:
            FileChanged: The file is no longer that version.
            LocalError: It cannot be read, or no snapshot could be made.
        """
        file, local = job.file, job.file.local
        assert local is not None  # noqa: S101 - only what is here is read
        if job.databases is Databases.FILE or not (
            file.is_database or self._is_found_to_be_one(job, local)
        ):
            yield Held(partial(GuardedFile, job.root, file.path, local, self.disk), local.size)
            return
        # What is sent may be newer than what was decided on: a database whose writer never rests
        # would never be sent else. The outcome says of which state it is.
        expected = None if isinstance(job.step, Upload) else local
        made = self._snapshots.of(self.disk, job.root, file.path, expected, goes_on)
        with made as held:
            if held.damage is not None:
                place = str(job.root / file.path)
                log.warning(
                    "a database is damaged, and sent as it is", path=place, reason=held.damage
                )
            yield held

    def _is_found_to_be_one(self, job: Job, local: Signature) -> bool:
        """Whether a file that nothing lies beside is a database; the journal learns it.

        Raises:
            FileChanged: It is one, and databases are not sent.
        """
        file = job.file
        if local.size < PAGE or local.size % PAGE:
            return False
        try:
            if not begins_database(first_bytes(self.disk, job.root, file.path, HEADER)):
                return False
        except OSError:
            return False  # then it cannot be read either, and the reader says why
        mapping_id = self._journal.mappings.get(file.mapping).id
        self._journal.observations.found_database(mapping_id, file.path)
        if job.databases is Databases.IGNORE:
            raise FileChanged(f"{job.root / file.path} is found to be a database")
        return True
