"""`aqsync retry`: tries held and failed files again, and accepts changed roots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from aqsync.clock import SystemClock
from aqsync.config import MappingConfig
from aqsync.errors import ConfigError
from aqsync.journal import Journal
from aqsync.layout.identity import is_key
from aqsync.local.accepting import as_it_stands
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.errands import Errands
from aqsync.local.locate import locate
from aqsync.model import ActionRun, FileRecord, Reason, State, Wait
from aqsync.paths import bears_on
from aqsync.sync.policies import decisions


def set_free(
    journal: Journal,
    mappings: Sequence[MappingConfig],
    paths: Sequence[Path],
    now_ns: int,
    *,
    accept_roots: bool,
    disk: Disk = REAL_DISK,
    errands: Errands | None = None,
) -> int:
    """Set files free, so that they are tried again.

    Args:
        journal: Open for writing.
        mappings: In which mappings.
        paths: Only files at and below these. An emptied file that is named is sent as it is, so is
            a file whose measurement is not complete, and named deletions are carried out. A folder
            whose experiment was removed gets a new one. None: all files but those. Lost copies of
            freed files that are named are forgotten. A file that its writer has not closed is sent
            as it is if it is itself named.
        now_ns: The wall clock, nanoseconds since 1970.
        accept_roots: Accept the mappings' directories as they are now.
        disk: Where these are.
        errands: Gives up a disk that does not answer; None: a new one.

    Returns:
        How many files.

    Raises:
        ConfigError: A path lies in none of the mappings, or nothing is known of it.
        RootUnusable: A directory that is to be accepted is not there.
        DiskHangs: Its disk does not answer.
    """
    if accept_roots:
        accept(journal, mappings, disk=disk, errands=errands)
    tops = _by_mapping(journal, mappings, paths)
    freed = 0
    for mapping in mappings:
        if paths and mapping.name not in tops:
            continue
        named = tops.get(mapping.name, [])
        stuck = list(_stuck(journal, mapping, named, now_ns))
        files = [file for file, _ in stuck]
        # Of others, such as those whose experiment cannot be seen, the copy may be there.
        journal.freed.forget(file for file, state in stuck if state is State.FREED_LOST)
        if named:
            journal.remote.unmake(_removed(journal, files))
        for as_they_are in (False, True):
            journal.outcomes.retry(
                (file.id for file in files if _is_unfinished(file, named) is as_they_are),
                as_they_are=as_they_are,
            )
        freed += len(files)
    return freed


def accept(
    journal: Journal,
    mappings: Sequence[MappingConfig],
    *,
    disk: Disk = REAL_DISK,
    errands: Errands | None = None,
) -> None:
    """Accept the mappings' directories as they are now; no file is set free.

    Args:
        journal: Open for writing.
        mappings: Which.
        disk: Where these are.
        errands: Gives up a disk that does not answer; None: a new one.

    Raises:
        RootUnusable: A directory is not there.
        DiskHangs: Its disk does not answer.
    """
    errands = Errands(SystemClock(), own_threads=True) if errands is None else errands
    for mapping in mappings:
        found = errands.ask(mapping.directory, partial(as_it_stands, mapping, journal, disk))
        journal.mappings.accept(journal.mappings.get(mapping.name).id, found)


def want_again(journal: Journal, mappings: Sequence[MappingConfig], paths: Sequence[Path]) -> int:
    """Have actions run once more that have ended and not succeeded.

    Args:
        journal: Open for writing.
        mappings: In which mappings.
        paths: Only those on measurements at, below or above these, and there also those that a
            person has left as they are; none: all.

    Returns:
        How many.

    Raises:
        ConfigError: A path lies in none of the mappings, or nothing is known of it.
    """
    found = _failed(journal, mappings, paths, left=bool(paths))
    journal.actions.again(found)
    return len(found)


def leave(
    journal: Journal, mappings: Sequence[MappingConfig], paths: Sequence[Path], now_ns: int
) -> int:
    """Leave actions as they are that have ended and not succeeded: they need nobody any more.

    Args:
        journal: Open for writing.
        mappings: In which mappings.
        paths: Only those on measurements at, below or above these; none: all.
        now_ns: The wall clock, nanoseconds since 1970.

    Returns:
        How many.

    Raises:
        ConfigError: A path lies in none of the mappings, or nothing is known of it.
    """
    found = _failed(journal, mappings, paths)
    journal.actions.leave(found, now_ns)
    return len(found)


def _failed(
    journal: Journal,
    mappings: Sequence[MappingConfig],
    paths: Sequence[Path],
    *,
    left: bool = False,
) -> list[ActionRun]:
    tops = _by_mapping(journal, mappings, paths)
    return [
        run
        for mapping in mappings
        if not paths or mapping.name in tops
        for run in journal.actions.for_a_person(journal.mappings.get(mapping.name).id, left=left)
        if not paths or bears_on(run.folder, tops[mapping.name])
    ]


def _removed(journal: Journal, files: Sequence[FileRecord]) -> set[str]:
    """The experiments of these files that made themselves and were removed on the server."""
    problems = journal.remote.problems()
    return {
        file.eid
        for file in files
        if is_key(file.eid)
        and file.eid in problems
        and problems[file.eid][0].reason is Reason.EXPERIMENT_REMOVED
    }


def _by_mapping(
    journal: Journal, mappings: Sequence[MappingConfig], paths: Sequence[Path]
) -> dict[str, list[str]]:
    """By the name of their mapping, paths relative to its root."""
    found: dict[str, list[str]] = {}
    for path in paths:
        place = locate(mappings, path)
        mapping_id = journal.mappings.get(place.mapping.name).id
        if not journal.observations.knows(mapping_id, place.path):
            troubles = journal.mappings.troubles(mapping_id)
            concerned = [path for path in troubles if bears_on(path, [place.path])]
            if concerned:
                trouble = troubles[max(concerned, key=len)]
                raise ConfigError(trouble.message, hint=trouble.hint)
            raise ConfigError(
                f"nothing is known of {place.mapping.directory / place.path}",
                hint="check the path; what no push has looked at yet needs no retry",
            )
        found.setdefault(place.mapping.name, []).append(place.path)
    return found


def _stuck(
    journal: Journal, mapping: MappingConfig, tops: Sequence[str], now_ns: int
) -> Iterator[tuple[FileRecord, State]]:
    """Held and failed files, and lost copies.

    Emptied and deleted ones, and those that wait for others of their measurement, only if their
    path was named.
    """
    for file, step in decisions(journal, mapping, now_ns, tops):
        may_go = isinstance(step, Wait) and (
            step.again
            or (bool(tops) and step.folder is not None)
            or (step.reason is Reason.BEING_WRITTEN and _is_unfinished(file, tops))
        )
        if tops and step.state is State.FREED_LOST:
            yield file, step.state
        if step.state not in {State.HELD, State.FAILED, State.DIFFERS} and not may_go:
            continue
        emptied_or_deleted = file.synced is not None and (file.local is None or not file.local.size)
        if tops or not emptied_or_deleted:
            yield file, step.state


def _is_unfinished(file: FileRecord, named: Sequence[str]) -> bool:
    """Whether a file was found unfinished and is itself named."""
    return file.unfinished is not None and file.path in named
