"""What stood on the server at each moment of a measurement, and what was wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.laboratory import Opened, Opener, Software
from bench.recording import Version
from bench.snapshots import SnapshotTimes

SEEN_LATE_S = 1.0
"""So much later than it began a snapshot may have been seen."""


class Claim(NamedTuple):
    """aqsync said that a measurement is complete and on the server."""

    at: float
    """When, in seconds since 1970."""
    folder: str
    """In the software's folder."""


class Word(NamedTuple):
    """What aqsync said and did with one software's data."""

    claims: list[Claim]
    snapshots: SnapshotTimes


@dataclass(slots=True)
class Verdict:
    """What came of one software's data."""

    versions: int = 0
    sent: int = 0
    """Bytes."""
    final: int = 0
    """Bytes of what is to be there in the end."""
    unreadable: list[str] = field(default_factory=list)
    """What did not open, or had lost rows that an earlier version had; a line each."""
    early: list[str] = field(default_factory=list)
    """When something was marked, or said, to be whole and was not; a line each."""
    missing: list[str] = field(default_factory=list)
    """What is not whole in the end."""


class Judge:
    """Puts together what one contender had on the server of one software's data, moment by moment.

    Args:
        software: Whose data.
        folder: The data as they are in the end.
        truth: What the software noted that it has stored.
        opener: Opens what was there.
        room: An empty folder for the time being.
        word: What aqsync said and did, if it was aqsync that sent them.
    """

    def __init__(
        self,
        software: Software,
        folder: Path,
        truth: Path,
        opener: Opener,
        room: Path,
        word: Word | None,
    ) -> None:
        self._software = software
        self._opener = opener
        self._state = room / "state"
        self._room = room
        self._final = {
            path.relative_to(folder).as_posix(): _digest(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(software.passing or ("\0",))
        }
        self._word = word
        self._stored = dict[str, list[tuple[float, int]]]()
        for line in map(json.loads, truth.read_text().splitlines()):
            self._stored.setdefault(line["what"], []).append((line["at"], line["rows"]))
        self._right = set[str]()
        self._rows = dict[str, int]()
        self.verdict = Verdict(final=sum((folder / path).stat().st_size for path in self._final))

    def see(self, versions: Sequence[tuple[str, Version]]) -> None:
        """Look at each moment.

        Args:
            versions: What was stored, in order, each with its path in the software's folder.
        """
        chosen = self._moments_to_open([path for path, _ in versions])
        claims = [] if self._word is None else sorted(self._word.claims, reverse=True)
        for number, (path, version) in enumerate(versions):
            while claims and claims[-1].at < version.at:
                self._look_at_claim(claims.pop())
            self.verdict.versions += 1
            self.verdict.sent += version.size
            self._put(path, version)
            self._look_for_marker(path, version)
            thing = self._software.thing(path)
            if number in chosen and thing is not None and self._is_there(thing):
                self._open(thing, version)
        for claim in reversed(claims):
            self._look_at_claim(claim)
        self._look_at_the_end()

    def _moments_to_open(self, paths: Iterable[str]) -> set[int]:
        moments: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            thing = self._software.thing(path)
            if thing is not None:
                moments.setdefault(thing, []).append(number)
        chosen = set[int]()
        for found in moments.values():
            step = -(-len(found) // self._software.most_opened)
            chosen.update(found[::step], found[-1:])
        return chosen

    def _put(self, path: str, version: Version) -> None:
        place = self._state / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        os.link(version.kept, place)
        if _digest(place) == self._final.get(path):
            self._right.add(path)
        else:
            self._right.discard(path)

    def _look_for_marker(self, path: str, version: Version) -> None:
        unit = self._software.unit(path)
        if unit is None or not (self._state / unit / self._software.marker).exists():
            return
        if lacking := self._lacking(unit):
            self.verdict.early.append(f"{version.at:.2f} {unit}: lacks {lacking} files")

    def _look_at_claim(self, claim: Claim) -> None:
        if lacking := self._lacking(claim.folder):
            said = f"said to be whole, and lacks {lacking} files"
            self.verdict.early.append(f"{claim.at:.2f} {claim.folder}: {said}")

    def _lacking(self, unit: str) -> int:
        return sum(path.startswith(f"{unit}/") for path in self._final.keys() - self._right)

    def _is_there(self, thing: str) -> bool:
        """Whether there is something that somebody would open."""
        place = self._state / thing
        return (place / self._software.marker).exists() if self._software.store else place.exists()

    def _open(self, thing: str, version: Version) -> None:
        found = self._opened(thing)
        when = f"{version.at:.2f} {thing} ({version.size} bytes)"
        if found.error:
            self.verdict.unreadable.append(f"{when}: {found.error}")
        elif found.rows < self._rows.get(thing, 0):
            lost = self._rows[thing] - found.rows
            self.verdict.unreadable.append(f"{when}: {lost} rows fewer than before")
        elif not found.whole and not self._software.store:
            self.verdict.unreadable.append(f"{when}: something is missing in it")
        elif found.rows < (due := self._rows_due(thing, version)):
            self.verdict.unreadable.append(f"{when}: {found.rows} rows, and {due} were committed")
        self._rows[thing] = max(found.rows, self._rows.get(thing, 0))

    def _rows_due(self, thing: str, version: Version) -> int:
        """How many rows of a database were committed for certain before its snapshot began."""
        if self._word is None or not self._software.database:
            return 0
        begun = self._word.snapshots.begun_before(version.at)
        if begun is None:
            return 0
        return max(
            (rows for at, rows in self._stored[thing] if at < begun - SEEN_LATE_S), default=0
        )

    def _opened(self, thing: str) -> Opened:
        """Open a copy, since whatever reads may write."""
        with tempfile.TemporaryDirectory(dir=self._room) as room:
            copy = Path(room, Path(thing).name)
            place = self._state / thing
            if place.is_dir():
                shutil.copytree(place, copy)
            else:
                for companion in ("", *self._software.companions):
                    if (beside := place.with_name(place.name + companion)).exists():
                        shutil.copy(beside, copy.with_name(copy.name + companion))
            return self._opener.open(self._software, copy)

    def _look_at_the_end(self) -> None:
        """Whole is what has the same bytes; or, if it is a snapshot, all rows."""
        for path in self._final:
            if path in self._right:
                continue
            if not (self._state / path).exists():
                self.verdict.missing.append(f"{path}: not there")
                continue
            found = self._opened(path)
            _, stored = self._stored[path][-1]
            if not self._software.database or found.error:
                self.verdict.missing.append(f"{path}: differs {found.error}")
            elif found.rows != stored:
                self.verdict.missing.append(f"{path}: {found.rows} of {stored} rows")


def facts_of(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Of all below a root: inode, size, and the times of its content and of its entry."""
    found = {}
    for path in root.rglob("*"):
        facts = path.stat()
        found[str(path)] = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return found


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
