"""The name that a file of a root has while it is being removed, and its way back.

A note beside the journal tells which files a process is about to remove. The process holds it
locked. So a note that nobody holds is that of a process that was killed, which may have left a file
under the other name: it is found by that note, and put back by the next `aqsync free`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TextIO

from aqsync.errors import LocalError
from aqsync.journal.lock import try_lock
from aqsync.layout.own_files import freeing_name
from aqsync.local.handles import HeldRoot
from aqsync.local.reader import explained

_DIGITS = 16
_NEW = ".new"
_LOCK = "lock"


class LeftAside(NamedTuple):
    """A file that a killed process has left under another name."""

    place: Path
    """Where it was."""
    aside: str
    """Its name now, in the same folder."""
    why: str = ""
    """Why it stays so; empty: it has its name again, or may get it."""


def aside_name(name: str) -> str:
    """The name that a file has while it is being removed; the same one each time."""
    return freeing_name(hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGITS])


def put_back(place: Path, folder: int, aside: str, name: str) -> None:
    """Give a file its name again.

    Args:
        place: Its path, for messages.
        folder: A handle of its folder.
        aside: The name that it has.
        name: The name that it gets.

    Raises:
        LocalError: Another file has the name by now; both stay as they are.
        OSError: It cannot be renamed.
    """
    try:
        os.link(aside, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as exc:
        if not os.path.samestat(_look(aside, folder), _look(name, folder)):
            raise LocalError(
                f"a new file came to {place} meanwhile; what was there before is beside it, as"
                f" {aside}",
                hint="rename one of them",
            ) from exc
    except OSError:  # a file system without hard links
        os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    os.unlink(aside, dir_fd=folder)


def _look(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


@contextmanager
def alone(journal: Path) -> Iterator[list[LeftAside]]:
    """Within, no other command removes files by what this journal knows.

    One that keeps a file has the journal forget that it was to go, while another may remove it.
    Gives what killed commands had left aside, which has its name again.

    Raises:
        LocalError: Another command does.
    """
    place = _folder(journal) / _LOCK
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = place.open("a")
    except OSError as exc:
        raise explained(exc, place) from exc
    with held:
        try:
            try_lock(held.fileno())
        except OSError as exc:
            raise LocalError(
                "another `aqsync free` is at work with this journal", hint="wait until it has ended"
            ) from exc
        yield put_all_back(journal)


@contextmanager
def noted(journal: Path, root: Path, paths: Iterable[str]) -> Iterator[None]:
    """Within, files of a root are removed; the note goes once none is left under another name.

    Raises:
        LocalError: It cannot be written.
    """
    note = _folder(journal) / secrets.token_hex(8)
    text = json.dumps({"root": os.fspath(root), "paths": list(paths)})
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _write(note, text)
    except OSError as exc:
        raise explained(exc, note) from exc
    try:
        yield
    finally:
        with held:
            if not [*_each(_read(note), _is_there)]:
                note.unlink(missing_ok=True)


def left_aside(journal: Path) -> list[LeftAside]:
    """What killed processes have left under other names."""
    return [left for note in _unheld(journal) for left in _each(_read(note), _is_there)]


def put_all_back(journal: Path) -> list[LeftAside]:
    """Give the files that killed processes have left aside their names again.

    Returns:
        All of them, also those that stay as they are since a new file has the name.
    """
    found = []
    for note in _unheld(journal):
        done = list(_each(_read(note), put_back))
        if all(not left.why for left in done):
            note.unlink(missing_ok=True)
        found += done
    return found


def _folder(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.freeing")


def _write(note: Path, text: str) -> TextIO:
    """Write a note, and hold it: locked before it has the name by which others know it."""
    new = note.with_suffix(_NEW)
    held = new.open("x")
    try:
        try_lock(held.fileno())
        held.write(text)
        held.flush()
        os.fsync(held.fileno())
        new.rename(note)
    except BaseException:
        held.close()
        new.unlink(missing_ok=True)
        raise
    return held


def _unheld(journal: Path) -> Iterator[Path]:
    """The notes of processes that have ended."""
    for note in sorted(_folder(journal).glob("*")):
        if note.name == _LOCK:
            continue
        try:
            with note.open("rb") as handle:
                try_lock(handle.fileno())
        except OSError:
            continue  # its process is at work, or has just ended
        if note.suffix == _NEW:  # it was not written to its end: no file had gone by then
            note.unlink(missing_ok=True)
        else:
            yield note


def _read(note: Path) -> tuple[Path, list[str]]:
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(note.read_text())
        return Path(told["root"]), [str(path) for path in told["paths"]]
    return Path(), []  # a disk has lost it


def _each(
    note: tuple[Path, list[str]], act: Callable[[Path, int, str, str], None]
) -> Iterator[LeftAside]:
    """Do something about each file of a note that has its other name."""
    root, paths = note
    if not paths:
        return
    try:
        held = HeldRoot(root)
    except OSError as exc:
        yield LeftAside(root, "", exc.strerror or str(exc))
        return
    with closing(held):
        for path in paths:
            place = root / path
            try:
                folder, name = held.parent(path)
                aside = aside_name(name)
                _look(aside, folder)
                act(place, folder, aside, name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it has its name, or is gone
            except LocalError as exc:
                yield LeftAside(place, aside, exc.message)
            except OSError as exc:
                yield LeftAside(place, aside_name(place.name), exc.strerror or str(exc))
            else:
                yield LeftAside(place, aside)


def _is_there(_place: Path, _folder: int, aside: str, _name: str) -> None:
    """It has the other name: to be told, or a reason to keep the note."""
