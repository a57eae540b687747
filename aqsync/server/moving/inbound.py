"""Bringing experiments into a server's storage, so that it can be broken off and go on later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.imports import Entered, FileNote, Imports
from aqsync.server.catalog.task_records import TaskStatus
from aqsync.server.catalog.times import to_microseconds
from aqsync.server.errors import FileRefused, NotAsExpected
from aqsync.server.files.expected import ABSENT
from aqsync.server.files.store import By, listed_time
from aqsync.server.moving.moved import MOST_NAMED, ComingFile, MovedTask, MoveRefused, Whole
from aqsync.server.storage import Storage

_AT_ONCE = 200
_UNFINISHED = frozenset({TaskStatus.PENDING, TaskStatus.RECEIVED, TaskStatus.STARTED})


class Wish(Enum):
    """What is to be done about a file of the source."""

    BRING = auto()
    PRESENT = auto()
    """It is here and equal."""
    COMPARE = auto()
    """It is here, but a crash came before it was compared."""
    CHANGED_HERE = auto()
    """Something else is here, which no import has brought: it stays."""
    REMOVED_HERE = auto()
    """It was brought, and removed since."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file.

    Args:
        name: Its name.
        size: How many bytes came.
        noted: What is here now, if it was compared with what came.
        was_there: Whether it was here before.
        problem: Why it is not here as at the source; empty if it is.
        note: What is worth knowing.
    """

    name: str
    size: int = 0
    noted: FileNote | None = None
    was_there: bool = False
    problem: str = ""
    note: str = ""


@dataclass(slots=True)
class Tally:
    """What an import has done so far.

    Args:
        new: How many experiments it has entered.
        renewed: How many it has brought up to date.
        there: How many were there and are as at the source.
        files: How many files it has brought.
        bytes: How many bytes these have.
        present: How many files were there already.
        tasks: How many tasks are here as at the source.
        differences: A sentence for each thing that is here otherwise than at the source.
        difference_count: How many there are, of which `differences` has the first.
        notes: What is worth knowing, and no difference.
    """

    new: int = 0
    renewed: int = 0
    there: int = 0
    files: int = 0
    bytes: int = 0
    present: int = 0
    tasks: int = 0
    differences: list[str] = field(default_factory=list)
    difference_count: int = 0
    notes: list[str] = field(default_factory=list)

    def differ(self, sentence: str) -> None:
        """Note what is here otherwise than at the source."""
        self.difference_count += 1
        if len(self.differences) < MOST_NAMED:
            self.differences.append(sentence)

    def note(self, sentence: str) -> None:
        """Note what is worth knowing."""
        if len(self.notes) < MOST_NAMED and sentence not in self.notes:
            self.notes.append(sentence)


class Inbound:
    """Brings what comes into a storage.

    Args:
        storage: Where it is brought.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._imports = Imports(storage.database)
        self.tally = Tally()

    def require_no_clash(self, coming: Sequence[tuple[UUID, str]]) -> None:
        """Refuse experiments whose EID or UUID another one here has.

        Raises:
            MoveRefused: It names them all.
        """
        clashes = self._imports.clashes(coming)
        if clashes:
            raise MoveRefused(
                f"{len(clashes)} of the experiments cannot be imported: another one here has"
                " the EID",
                "Import into a storage of their own, or leave them out of the source.",
                tuple(
                    f"{each.eid} ({each.uuid}) meets {each.here_eid} ({each.here_uuid})"
                    for each in clashes
                ),
            )

    def left_for(self, coming: Iterable[UUID]) -> int:
        """Return how many bytes the files of some experiments may have, with those brought so far.

        Args:
            coming: The experiments.
        """
        files = self._storage.files
        here = 0
        for uuid in filter(files.has, coming):
            here += sum(filter(None, files.sizes(uuid, files.listing(uuid).names())))
        return here + files.space.left()

    def enter(self, whole: Whole) -> bool:
        """Enter an experiment with its tasks, or bring it up to date.

        Returns:
            Whether it is here, so that its files can be brought.
        """
        experiment = whole.experiment
        entered = self._imports.enter(experiment)
        if entered is Entered.TAKEN:
            self.tally.differ(f"{experiment.eid} was given to another experiment here meanwhile")
            return False
        self._storage.files.create_missing([experiment.uuid])
        self.tally.new += entered is Entered.NEW
        self.tally.renewed += entered is Entered.RENEWED
        self.tally.there += entered is Entered.SAME
        if entered is Entered.DIFFERS:
            self.tally.differ(f"{experiment.eid} was changed here, and stays as it is here")
        else:
            self._compare_fields(whole)
        tasks = [_ended(each, experiment.eid, self.tally) for each in whole.tasks]
        if tasks:
            self._imports.enter_tasks((each.task, each.out, each.err) for each in tasks)
            self._compare_tasks(experiment.uuid, experiment.eid, tasks)
        return True

    def files_of(self, uuid: UUID) -> ExperimentFiles:
        """Return what brings the files of an experiment, after it was entered."""
        experiment = self._storage.catalog.by_uuid(uuid)
        return ExperimentFiles(self._storage, self._imports, self.tally, experiment)

    def _compare_fields(self, whole: Whole) -> None:
        """Compare what is here, read again, with the source."""
        there, here = whole.experiment, self._storage.catalog.by_uuid(whole.experiment.uuid)
        spelled = dict(zip(map(str.lower, here.tags), here.tags, strict=True))
        for tag in there.tags:
            ours = spelled.get(tag.lower())
            if ours is not None and ours != tag:
                self.tally.note(f"the tag {tag!r} is spelled {ours!r} here, as it was before")
        same_tags = {tag.lower() for tag in there.tags} == set(spelled)
        if not same_tags or replace(here, tags=()) != replace(there, tags=()):
            self.tally.differ(f"{there.eid} is not here as it is at the source")

    def _compare_tasks(self, uuid: UUID, eid: str, tasks: Sequence[MovedTask]) -> None:
        records = self._storage.tasks
        here = {task.uuid: task for task in records.of_experiment(uuid)}
        for each in tasks:
            task = each.task
            if here.get(task.uuid) == task and records.output(task.uuid) == (each.out, each.err):
                self.tally.tasks += 1
            else:
                self.tally.differ(f"task {task.uuid} of {eid} is not here as it is at the source")


class ExperimentFiles:
    """Brings the files of one experiment; its `bring` and `compare` may run in several threads.

    Args:
        storage: Where they are brought.
        imports: The notes of what was brought.
        tally: Takes what becomes of them.
        experiment: The experiment. Who made it owns the files that come.
    """

    def __init__(
        self, storage: Storage, imports: Imports, tally: Tally, experiment: Experiment
    ) -> None:
        self._files = storage.files
        self._imports = imports
        self._tally = tally
        self._uuid = experiment.uuid
        self._eid = experiment.eid
        self._by = By(experiment.created_by)
        self._noted = imports.files(experiment.uuid)
        columns = self._files.listing(experiment.uuid).columns()
        self._there = dict(zip(columns.names, columns.times, strict=True))
        self._compared: list[tuple[str, FileNote]] = []

    def wish(self, name: str, modified_at: int) -> Wish:
        """Say what is to be done about a file.

        Args:
            name: Its name.
            modified_at: Its time at the source, in microseconds since 1970.
        """
        noted, there = self._noted.get(name), self._there.get(name)
        if there is None:
            return Wish.REMOVED_HERE if noted is not None and noted.compared else Wish.BRING
        if not self._is_as_noted(name):
            return Wish.BRING if there == listed_time(modified_at) else Wish.CHANGED_HERE
        if noted is None or noted.modified_at != modified_at:
            return Wish.BRING
        return Wish.PRESENT if noted.compared else Wish.COMPARE

    def _is_as_noted(self, name: str) -> bool:
        """Whether what stands here is what an import has put here, as far as its time tells."""
        noted = self._noted.get(name)
        return noted is not None and self._there.get(name) == listed_time(noted.kept_at)

    def bring(self, coming: ComingFile) -> Brought:
        """Put a file into its place, and compare what stands there with what came.

        Raises:
            MoveRefused: There is no room for it.
            OSError: The disk failed.
        """
        there = self._there.get(coming.name)
        replaces = self._is_as_noted(coming.name)
        incoming = self._files.new_file(hashed=True)
        size = 0
        try:
            for chunk in coming.chunks:
                size += len(chunk)
                incoming.write([chunk])
            sha256 = incoming.sha256
            assert sha256 is not None  # noqa: S101 - it was asked for
            if coming.sha256 not in {None, sha256}:
                return Brought(coming.name, problem="did not come as the source says that it is")
            note = FileNote(coming.modified_at, coming.modified_at, sha256, compared=False)
            if there is not None and not replaces:
                return self._compared_with(coming.name, note, size)
            if not replaces:  # else the note of what stands here must last until it is replaced
                self._imports.note_files(self._uuid, [(coming.name, note)])
            expected = there or ABSENT
            kept = self._files.keep(
                incoming, self._uuid, coming.name, expected, by=self._by, time=coming.modified_at
            )
        except NotAsExpected:
            return Brought(coming.name, problem="was changed here meanwhile, and stays")
        except FileRefused as exc:
            raise MoveRefused(
                f"{coming.name!r} of {self._eid} cannot be stored: {exc.detail}",
                "The same command goes on when that has been seen to.",
            ) from exc
        finally:
            incoming.discard()
        said = ""
        if kept != listed_time(coming.modified_at):
            note = replace(note, kept_at=to_microseconds(datetime.fromisoformat(kept)))
            said = "the store cannot hold the times of some files as they were"
        if self._digest(coming.name) != note.sha256:
            return Brought(coming.name, size, problem="does not stand here as it came")
        return Brought(coming.name, size, replace(note, compared=True), note=said)

    def compare(self, name: str) -> Brought | None:
        """Compare a file with the note of what came; None: it is to be brought again."""
        noted = self._noted[name]
        if self._digest(name) != noted.sha256:
            return None
        return Brought(name, noted=replace(noted, compared=True), was_there=True)

    def _compared_with(self, name: str, note: FileNote, size: int) -> Brought:
        if self._digest(name) != note.sha256:
            return Brought(name, size, problem="is another file here, and stays")
        return Brought(name, size, replace(note, compared=True), was_there=True)

    def _digest(self, name: str) -> bytes:
        """SHA-256 of what stands here."""
        digest = hashlib.sha256()
        with closing(self._files.open_for_reading(self._uuid, name)) as stored:
            while piece := stored.next_piece():
                digest.update(piece)
        return digest.digest()

    def take(self, brought: Brought) -> None:
        """Count what became of a file."""
        if brought.problem:
            self._tally.differ(f"{brought.name!r} of {self._eid} {brought.problem}")
        elif brought.was_there:
            self._tally.present += 1
        else:
            self._tally.files += 1
            self._tally.bytes += brought.size
        if brought.note:
            self._tally.note(brought.note)
        if brought.noted is not None:
            self._compared.append((brought.name, brought.noted))
            if len(self._compared) >= _AT_ONCE:
                self._note_compared()

    def leave(self, name: str, wish: Wish) -> None:
        """Count a file of which nothing is to be done."""
        if wish is Wish.PRESENT:
            self._tally.present += 1
        elif wish is Wish.CHANGED_HERE:
            self._tally.differ(f"{name!r} of {self._eid} was changed here, and stays")
        else:
            self._tally.differ(f"{name!r} of {self._eid} was removed here, and stays away")

    def end(self, listed: Iterable[str]) -> None:
        """Compare what was brought once with what the source lists now.

        Args:
            listed: The names that the source has.
        """
        self._note_compared()
        for name in sorted(self._noted.keys() - set(listed)):
            if name in self._there:
                self._tally.note(f"{name!r} of {self._eid} is not at the source any more; it stays")

    def _note_compared(self) -> None:
        if self._compared:
            self._imports.note_files(self._uuid, self._compared)
            self._compared = []


def _ended(moved: MovedTask, eid: str, tally: Tally) -> MovedTask:
    """Return a task as it is entered: nothing that waits or runs elsewhere may ever run here."""
    task = moved.task
    if task.ended_at is not None and task.status not in _UNFINISHED:
        return moved
    status = TaskStatus.REVOKED if task.status in _UNFINISHED else task.status
    if task.status in _UNFINISHED:
        tally.note(
            f"task {task.uuid} of {eid} had not ended at the source ({task.status.value}): here it"
            " is REVOKED, until the end comes with another import"
        )
    ended = replace(task, status=status, ended_at=task.ended_at or task.received_at)
    return replace(moved, task=ended)
