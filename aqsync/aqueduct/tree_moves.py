"""What becomes of the files of a tree that is moved to or from a server."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple

from aqsync.errors import (
    AlreadyThere,
    AqsyncError,
    ExperimentNotFound,
    HeaderDropped,
    LocalError,
    NameNotSendable,
    RemoteFileNotFound,
    RemoteOperationError,
    TreeIncomplete,
)
from aqsync.layout.tree import Tree

_NO_FILE_FITS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class Moved(NamedTuple):
    """What became of one file."""

    path: str
    """In the tree."""
    name: str
    """On the server."""
    size: int = 0
    """The bytes that were moved."""
    was_there: bool = False
    """It was there already, and equal: nothing was moved."""
    problem: AqsyncError | None = None
    """Why it was not moved."""
    note: str = ""
    """What is worth knowing of a file that was moved."""


class TreeReport(NamedTuple):
    """What became of a tree; paths are relative to its directory."""

    moved: list[str]
    """What came, or was sent."""
    was_there: list[str]
    """Equal on both sides already."""
    notes: list[str]
    """What is worth knowing: links that were left out, versions whose time is not known."""


def concerns_one_file(exc: AqsyncError) -> bool:
    """Tell whether other files may be moved all the same."""
    if isinstance(exc, HeaderDropped | ExperimentNotFound):
        return False
    if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in _NO_FILE_FITS:
        return False
    return isinstance(exc, AlreadyThere | LocalError | NameNotSendable | RemoteOperationError)


def of_one_file(work: Callable[[], Moved], path: str, name: str) -> Moved:
    """Do something to a file; errors that concern no other file become its problem.

    Raises:
        AqsyncError: Other files would fail in the same way.
    """
    try:
        return work()
    except AqsyncError as exc:
        if not concerns_one_file(exc):
            raise
        return Moved(path, name, problem=exc)


def no_name(name: str) -> LocalError:
    """The error of a name on the server that would lead elsewhere, or nowhere."""
    return LocalError(f"{name!r} cannot be the name of a file on this machine")


def lacking(tree: Tree) -> Iterator[Moved]:
    """What of a tree cannot come at all, each with its problem."""
    for name in tree.refused:
        yield Moved(name, name, problem=no_name(name))
    for name, problem in tree.unread:
        yield Moved(name, name, problem=problem)
    for file in tree.missing:
        missing = RemoteFileNotFound(
            f"{file.path!r} is not on the server, though a manifest has it",
            hint="see whether somebody removed it; where it came from it may still be",
            status=HTTPStatus.NOT_FOUND,
        )
        yield Moved(file.path, file.name, problem=missing)


class Reporter:
    """Puts a report together, for scripts.

    Args:
        eid: The experiment, as errors name it.
        overwrite: What the script could do about a file that stands in the way.
        notes: What is worth knowing so far.
    """

    def __init__(self, eid: str, overwrite: str, notes: Iterable[str]) -> None:
        self._eid = eid
        self._overwrite = overwrite
        self._report = TreeReport([], [], [*notes])
        self._problems: dict[str, AqsyncError] = {}

    def note(self, path: str, note: str) -> None:
        """Add what is worth knowing of a file."""
        self._report.notes.append(f"{path!r}: {note}")

    def take(self, moved: Moved) -> None:
        """Add what became of a file."""
        if moved.problem is not None:
            if isinstance(moved.problem, AlreadyThere):
                moved.problem.hint = self._overwrite
            self._problems[moved.path] = moved.problem
        elif moved.was_there:
            self._report.was_there.append(moved.path)
        else:
            self._report.moved.append(moved.path)
        if moved.note:
            self.note(moved.path, moved.note)

    def whole(self) -> TreeReport:
        """Return the report.

        Raises:
            TreeIncomplete: Not every file was moved.
        """
        report = self._report
        for paths in (report.moved, report.was_there, report.notes):
            paths.sort()
        if not self._problems:
            return report
        first = min(self._problems)
        files = len(self._problems) + len(report.moved) + len(report.was_there)
        raise TreeIncomplete(
            f"{len(self._problems)} of {files} files of {self._eid} were not moved; the first is"
            f" {first!r}: {self._problems[first].message}",
            hint=self._problems[first].hint,
            problems=self._problems,
            notes=report.notes,
        )
