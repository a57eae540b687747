"""What really is in folders whose files belong together, and what of it aqsync can know.

It can know what it has looked at. So a measurement may pass for complete while that is true, and
for as long after that as no look at all of its folder has begun, which has ended when it decides.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from aqsync.config import MappingConfig
from aqsync.local.sqlite_files import PARTS
from aqsync.model import Needs
from aqsync.paths import parents
from tests.simulation.places import LAST, SCRATCH, SENTINEL
from tests.support.fake_clock import FakeClock

if TYPE_CHECKING:
    from tests.simulation.oracle import Begun, State

SLACK_S = 0.001
ALWAYS = float("inf")


class Asked(NamedTuple):
    """When it was asked which files are open for writing, and which were; None: nobody tells."""

    at_ns: int
    """By the wall clock."""
    open: frozenset[str] | None


class Decided(NamedTuple):
    """What could be known of a mapping's folders when something was decided."""

    at_ns: int
    """By the wall clock."""
    looked_from: dict[str, float]
    """By folder, when the newest look at all of it began."""
    seen_from: dict[str, float]
    """By file, when the newest look at it began."""
    asked_from: int
    """How many answers about open files are outdated."""


def folder_of(path: str) -> str:
    """The measurement that a file belongs to; empty: none."""
    top, _, inside = path.partition("/")
    return top if inside and top.startswith("run_") else ""


def is_last(path: str) -> bool:
    """Whether a file is sent after all others of its measurement."""
    return path.endswith(LAST[1:])


def turn(path: str) -> tuple[bool, int]:
    """Files of a measurement with a smaller one go first: deeper last ones before those above."""
    return (True, -path.count("/")) if is_last(path) else (False, 0)


class MeasuredTruth:
    """The truth about one mapping's measurements.

    Args:
        mapping: Which mapping.
        clock: The time.
    """

    def __init__(self, mapping: MappingConfig, clock: FakeClock) -> None:
        assert mapping.measurement is not None
        self._settle_s = mapping.settle
        self._conditions = mapping.measurement.complete
        self._clock = clock
        self._visible: dict[str, State] = {}
        self._born: dict[str, float] = {}
        """When each file came into its present state."""
        self._contents: defaultdict[str, list[tuple[float, bytes | None]]] = defaultdict(list)
        """By path, what was in it from when on; None: it was not there."""
        self._true_until: dict[tuple[str, str], float] = {}
        """By condition and folder, until when it held."""
        self._looked_from: dict[str, float] = {}
        self._seen_from: dict[str, float] = {}
        self._asked: list[Asked] = []
        self._outdated = 0
        """How many answers about open files were replaced by later ones for certain."""

    def asked(self, being_written: Collection[str] | None) -> None:
        """It is asked which files are open for writing or locked; None: nobody tells."""
        found = None if being_written is None else frozenset(filter(_counts, being_written))
        self._asked.append(Asked(self._clock.now_ns(), found))

    def look(self, now: dict[str, State]) -> None:
        """See what is there now."""
        at = self._clock.monotonic()
        for path in {*now, *self._visible}:
            state, before = now.get(path), self._visible.get(path)
            if state != before:
                self._born[path] = at
                self._contents[path].append((at, None if state is None else state.content))
        self._visible = now
        held = {key for key, until in self._true_until.items() if until == ALWAYS}
        holding = set(self._holding())
        self._true_until |= dict.fromkeys(held - holding, at) | dict.fromkeys(holding, ALWAYS)

    def _holding(self) -> Iterable[tuple[str, str]]:
        folders = {folder for path in self._visible if (folder := folder_of(path))}
        newest = max(map(_number, folders), default=0)
        for folder in folders:
            if f"{folder}/{SENTINEL}" in self._visible:
                yield "sentinel", folder
            if _number(folder) < newest:
                yield "sibling", folder

    def scanned(
        self, began: float, within: Collection[str], troubles: Iterable[str], *, asked: bool
    ) -> None:
        """A scan that began then has ended.

        Args:
            began: When.
            within: Where it looked; nothing: everywhere.
            troubles: Where it could not.
            asked: What it was told about open files is noted.
        """
        if asked:
            self._outdated = len(self._asked) - 1
        folders = {folder_of(path) for path in self._contents} - {""}
        unseen = {*troubles}
        for folder in folders:
            covered = not within or not {folder, ""}.isdisjoint(within)
            barred = any(folder in {path, *parents(path)} or not path for path in unseen)
            if covered and not barred:
                self._looked_from[folder] = began
        for path in self._contents:
            above = {path, *parents(path)}
            if (not within or above.intersection(within)) and not above.intersection(unseen):
                self._seen_from[path] = began

    def known(self) -> Decided:
        """What can be known now."""
        looked, seen = dict(self._looked_from), dict(self._seen_from)
        return Decided(self._clock.now_ns(), looked, seen, self._outdated)

    def is_incomplete(self, path: str, begun: Begun) -> bool:
        """Whether a file should have waited for the end of its measurement."""
        folder = folder_of(path)
        if begun.known is None or folder not in begun.known.looked_from:
            return False
        since = begun.known.looked_from[folder]
        still_s = self._still_s(folder, begun.known)
        if still_s < self._settle_s - SLACK_S:
            return True
        wanted = self._conditions
        met = []
        if wanted.sentinel:
            met.append(self._true_until.get(("sentinel", folder), -1.0) >= since)
        if wanted.newer_sibling:
            met.append(self._true_until.get(("sibling", folder), -1.0) >= since)
        if wanted.quiet is not None:
            met.append(still_s >= wanted.quiet - SLACK_S)
        if wanted.closed:
            changed_ns = begun.known.at_ns - int((still_s + SLACK_S) * 1e9)
            asked = self._asked[begun.known.asked_from :]
            met.append(any(_is_closed(folder, each, changed_ns) for each in asked))
        return not (any(met) if wanted.needs is Needs.ANY else all(met))

    def _still_s(self, folder: str, known: Decided) -> float:
        """For how long nothing had changed of what had been looked at."""
        changed_ns = (
            state.ctime_ns
            for path, state in self._visible.items()
            if folder_of(path) == folder
            and _counts(path)
            and self._born[path] < known.seen_from.get(path, -1.0)
            and state.ctime_ns <= known.at_ns  # the disk's clock is a little ahead at times
        )
        return (known.at_ns - max(changed_ns, default=0)) / 1e9

    def missing(self, path: str, begun: Begun, held: Callable[[str], set[bytes] | None]) -> str:
        """A file that the last one of a measurement should have waited for; empty: none.

        Args:
            path: The last file.
            begun: Its job.
            held: The digests of all that the server ever had of a file; None: it is not judged.
        """
        folder = folder_of(path)
        since = None if begun.known is None else begun.known.looked_from.get(folder)
        if since is None or not is_last(path):
            return ""
        for other in sorted(self._visible):
            if folder_of(other) != folder or turn(other) >= turn(path):
                continue
            if (digests := held(other)) is None:
                continue
            may_be = {None if c is None else _digest(c) for c in self._since(other, since)}
            if None not in may_be and digests.isdisjoint(may_be):
                return other
        return ""

    def _since(self, path: str, at: float) -> set[bytes | None]:
        """All that was at a path from some time on."""
        before, found = None, set[bytes | None]()
        for born, content in self._contents[path]:
            if born >= at:  # at the same moment: nobody knows which was first
                found.add(content)
            else:
                before = content
        return {before, *found}


def _is_closed(folder: str, asked: Asked, changed_ns: int) -> bool:
    """Whether none of its files was open for writing, after its last change."""
    if asked.open is None or asked.at_ns < changed_ns:
        return False
    return all(folder_of(path) != folder for path in asked.open)


def _number(folder: str) -> int:
    return int(folder.removeprefix("run_"))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _counts(path: str) -> bool:
    """Whether a change of it is a change of its measurement."""
    return not path.endswith((SCRATCH, *PARTS))
