"""What stood on the server at each moment of a measurement, and what was wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.laboratory import AQSYNC_NAME, Claim, Evidence
from bench.measuring import Opened, Opener, Software
from bench.recording import Version

MOST_FOLDERS = 10
SEEN_LATE_S = 1.0
"""So much later than it began a snapshot may have been seen."""


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
    compared: int = 0
    """How many snapshots had to have rows that were committed before."""
    missing: list[str] = field(default_factory=list)
    """What is not whole in the end."""

    @property
    def ratio(self) -> float:
        """Bytes sent for each byte of the end."""
        return self.sent / max(1, self.final)


class Judge:
    """Puts together what somebody had on the server of one software's data, moment by moment.

    Args:
        software: Whose data.
        evidence: What there is to judge by.
        opener: Opens what was there.
        room: An empty folder for the time being.
        most_opened: How many states of one file, at most; of a folder far fewer.
    """

    def __init__(
        self,
        software: Software,
        evidence: Evidence,
        opener: Opener,
        room: Path,
        most_opened: int,
    ) -> None:
        self._most_opened = MOST_FOLDERS if software.store else most_opened
        self._software = software
        self._evidence = evidence
        self._opener = opener
        self._room = room
        self._state = room / "state"
        folder = evidence.root / software.place
        self._final = {
            path.relative_to(folder).as_posix(): _digest(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(software.passing or ("\0",))
        }
        self._right = set[str]()
        self._rows = dict[str, int]()
        self._verdict = Verdict(final=sum((folder / path).stat().st_size for path in self._final))

    def judge(self, how: str) -> Verdict:
        """Look at each moment.

        Args:
            how: Who has sent it.
        """
        sent = self._evidence.sent(self._software, how)
        claims = self._claims() if how == AQSYNC_NAME else []
        chosen = self._moments_to_open([path for path, _ in sent])
        for number, (path, version) in enumerate(sent):
            while claims and claims[0].at < version.at:
                self._look_at_claim(claims.pop(0))
            self._verdict.versions += 1
            self._verdict.sent += version.size
            self._put(path, version)
            self._look_for_marker(path, version)
            thing = self._software.thing(path)
            if number in chosen and thing is not None and self._is_there(thing):
                due = self._rows_due(thing, version) if how == AQSYNC_NAME else 0
                self._verdict.compared += due > 0
                self._open(thing, version, due)
        for claim in claims:
            self._look_at_claim(claim)
        self._look_at_the_end()
        shutil.rmtree(self._room)
        return self._verdict

    def _claims(self) -> list[Claim]:
        return [claim for claim in self._evidence.claims if claim.software is self._software]

    def _stored(self, thing: str) -> Iterator[tuple[float, int]]:
        """When the software noted how many rows, in order."""
        for line in map(json.loads, self._evidence.truths[self._software].read_text().splitlines()):
            if line["what"] == thing:
                yield line["at"], line["rows"]

    def _moments_to_open(self, paths: Iterable[str]) -> set[int]:
        moments: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            thing = self._software.thing(path)
            if thing is not None:
                moments.setdefault(thing, []).append(number)
        chosen = set[int]()
        for found in moments.values():
            step = -(-len(found) // self._most_opened)
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
            self._verdict.early.append(f"{version.at:.2f} {unit}: lacks {lacking} files")

    def _look_at_claim(self, claim: Claim) -> None:
        if lacking := self._lacking(claim.folder):
            said = f"said to be whole, and lacks {lacking} files"
            self._verdict.early.append(f"{claim.at:.2f} {claim.folder}: {said}")

    def _lacking(self, unit: str) -> int:
        return sum(path.startswith(f"{unit}/") for path in self._final.keys() - self._right)

    def _is_there(self, thing: str) -> bool:
        """Whether there is something that somebody would open."""
        place = self._state / thing
        return (place / self._software.marker).exists() if self._software.store else place.exists()

    def _open(self, thing: str, version: Version, due: int) -> None:
        found = self._opened(thing)
        when = f"{version.at:.2f} {thing} ({version.size} bytes)"
        if found.error:
            self._verdict.unreadable.append(f"{when}: {found.error}")
        elif found.rows < self._rows.get(thing, 0):
            lost = self._rows[thing] - found.rows
            self._verdict.unreadable.append(f"{when}: {lost} rows fewer than before")
        elif not found.whole and not self._software.store:
            self._verdict.unreadable.append(f"{when}: something is missing in it")
        elif found.rows < due:
            self._verdict.unreadable.append(f"{when}: {found.rows} rows, and {due} were committed")
        self._rows[thing] = max(found.rows, self._rows.get(thing, 0))

    def _rows_due(self, thing: str, version: Version) -> int:
        """How many rows of a database were committed for certain before its snapshot began."""
        begun = self._evidence.snapshots.begun_before(version.at)
        if begun is None or not self._software.database:
            return 0
        return max(
            (rows for at, rows in self._stored(thing) if at < begun - SEEN_LATE_S), default=0
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
                self._verdict.missing.append(f"{path}: not there")
                continue
            found = self._opened(path)
            if not self._software.database or found.error:
                self._verdict.missing.append(f"{path}: differs {found.error}")
            elif found.rows != (stored := max(rows for _, rows in self._stored(path))):
                self._verdict.missing.append(f"{path}: {found.rows} of {stored} rows")


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
