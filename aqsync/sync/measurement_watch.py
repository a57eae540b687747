"""Sees when a mapping's measurements become complete, so that their files are decided on again.

What it keeps are hints: whether a measurement is complete follows from the journal each time. A
change in one lets it be looked at as a whole once it has stood still; one that is being written is
not looked at. Of a complete one it counts what is still to come, as its last files wait for that.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from aqsync.clock import Clock
from aqsync.config import MappingConfig, Measurement
from aqsync.journal import Journal
from aqsync.journal.measurements import Told
from aqsync.journal.observations import Waiting
from aqsync.local.folders import FIRST, Turn, folders_of
from aqsync.log import Log
from aqsync.model import SECOND_NS, FileRecord, Wait
from aqsync.sync.measured import Measured, Standing, changed_since
from aqsync.wording import counted

LOOKED_AGAIN_S = 300.0
"""How soon a measurement whose last files wait is looked at again, whatever was told of it."""
LEAST_PAUSE_S = 1.0
"""The pause between two looks at one measurement: one that has taught nothing is not repeated at
once."""
FEW = 10
"""Up to so many measurements are logged one by one."""

log = Log(__name__)


@dataclass(slots=True)
class Turned:
    """What has changed with some measurements."""

    complete: list[str] = field(default_factory=list)
    """These folders are complete now: all their files are to be decided on."""
    last: list[Waiting] = field(default_factory=list)
    """For these files nothing of their measurement that comes before them is to come any more."""


@dataclass(slots=True)
class _Left:
    """How many files of a complete measurement are to come."""

    files: int
    turn: Turn
    """Whose turn it is."""
    in_turn: int
    """How many these are."""


class MeasurementWatch:
    """The measurements of one mapping. Every method may be called from any thread.

    Args:
        mapping: Which mapping.
        measurement: Its section of that name.
        journal: What is known.
        clock: The time.
        turned: Called when policies worked out before may be outdated.

    Attributes:
        woken: Called when there is something to look at sooner.
        told: Called when it was written down that measurements stand otherwise than before.
    """

    def __init__(
        self,
        mapping: MappingConfig,
        measurement: Measurement,
        journal: Journal,
        clock: Clock,
        turned: Callable[[], None],
    ) -> None:
        self.woken: Callable[[], None] = lambda: None
        self.told: Callable[[], None] = lambda: None
        self._mapping = mapping
        self._measurement = measurement
        self._folders = folders_of(measurement)
        self._journal = journal
        self._clock = clock
        self._turned = turned
        self._lock = threading.Lock()
        self._checks: dict[str, float] = {}
        """When to look at a folder as a whole, by the monotonic clock."""
        self._complete: dict[str, bool] = {}
        """Whether a measurement was complete when last judged."""
        self._left: dict[str, _Left] = {}
        self._sent: dict[str, Counter[Turn]] = {}
        """How many files of a measurement were sent, by their turns: what is sent while one is
        judged may or may not be among what is found to be left."""
        self._arrived: set[str] = set()
        """Measurements of which nothing, or nothing but the last files, may be to come."""
        self._all = False
        """All are to be judged anew."""

    # What others tell

    def changed(self, paths: Iterable[str] | None) -> None:
        """A scan has seen these files new, changed or gone; None: any of them may be."""
        of = map(self._folders.of, paths or ())
        found = {folder for folder in of if folder is not None}
        settled = self._settled_at(found)
        with self._lock:
            self._all = self._all or paths is None
            # A new one may be written for hours: those beside it do not wait for that.
            self._beside(found - self._complete.keys(), ())
            for folder, at in settled.items():
                self._checks[folder] = at
                self._complete[folder] = False
        if found or paths is None:
            self.woken()

    def _settled_at(self, folders: Collection[str]) -> dict[str, float]:
        """When all that is known of these has settled, by the monotonic clock.

        Their files' own times count: a scan may have seen a change long after it was made.
        """
        if not folders:
            return {}
        now, now_ns = self._clock.monotonic(), self._clock.now_ns()
        settle_ns = self._mapping.settle_ns
        settled_ns = now_ns - settle_ns
        mapping_id = self._journal.mappings.get(self._mapping.name).id
        newest = changed_since(self._journal, mapping_id, self._folders, settled_ns)
        left_ns = {
            folder: min(newest.get(folder, settled_ns), now_ns) - settled_ns for folder in folders
        }
        return {
            folder: now + max(LEAST_PAUSE_S, each_ns / SECOND_NS)
            for folder, each_ns in left_ns.items()
        }

    def closed(self, paths: Collection[str]) -> None:
        """Programs that could write have closed these files."""
        if paths and self._measurement.complete.closed:
            self.changed(paths)

    def waits(self, step: Wait) -> None:
        """A file waits for what happens in its measurement."""
        assert step.folder is not None  # noqa: S101 - the caller knows that it waits for one
        seconds, now = LOOKED_AGAIN_S, self._clock.monotonic()
        if step.until_ns is not None:
            seconds = (step.until_ns - self._clock.now_ns()) / SECOND_NS
        with self._lock:
            seconds = max(LEAST_PAUSE_S if self._complete.get(step.folder) else 0.0, seconds)
            if step.last:
                if step.folder not in self._left:
                    self._arrived.add(step.folder)
            else:
                self._complete[step.folder] = False
            if step.last or step.until_ns is not None:
                self._checks.setdefault(step.folder, now + seconds)
        self.woken()

    def sent(self, path: str) -> None:
        """A file is on the server now."""
        folder = self._folders.of(path)
        with self._lock:
            if folder is None:
                return
            turn = self._folders.turn(path)
            self._sent.setdefault(folder, Counter())[turn] += 1
            left = self._left.get(folder)
            if left is None:
                return
            in_turn = turn == left.turn
            left.files -= 1
            left.in_turn -= in_turn
            if left.files > 0 and not (in_turn and left.in_turn == 0):
                return
            self._arrived.add(folder)
        self.woken()

    # What a worker asks

    def is_ready(self, file: FileRecord) -> bool:
        """Whether a file may still be sent, if it is among the last ones of its measurement.

        It was so when it was decided on; its upload may have begun long ago.
        """
        if file.forced or self._folders.turn(file.path) == FIRST:
            return True
        now_ns = self._clock.now_ns()
        measured = Measured(self._journal, self._mapping, self._measurement, now_ns)
        return measured.unready(file) is None

    # What the rescanner asks

    @property
    def next_at(self) -> float:
        """When there is something to do, by the monotonic clock."""
        with self._lock:
            if self._arrived or self._all:
                return 0.0
            return min(self._checks.values(), default=float("inf"))

    def due(self, now: float) -> list[str]:
        """The folders that are to be looked at as a whole now, and then judged."""
        with self._lock:
            found = [folder for folder, at in self._checks.items() if at <= now]
            for folder in found:
                del self._checks[folder]
        return found

    def again(self, folders: Iterable[str]) -> None:
        """Nothing came of what was found out about these folders: find it out again."""
        now = self._clock.monotonic()
        with self._lock:
            for folder in folders:
                self._complete[folder] = False
                self._checks.setdefault(folder, now)

    def arrived(self) -> Turned:
        """Judge the measurements of which nothing more may be to come."""
        with self._lock:
            found, self._arrived = self._arrived, set()
            everything, self._all = self._all, False
        if not (found or everything):
            return Turned()
        try:
            return self.judge(None if everything else found)
        except BaseException:
            with self._lock:
                self._arrived |= found
                self._all = self._all or everything
            raise

    def judge(self, folders: Collection[str] | None) -> Turned:
        """Find out how measurements stand now, and tell it.

        Args:
            folders: Which, all looked at just before; None: all.
        """
        with self._lock:
            before = {folder: sent.copy() for folder, sent in self._sent.items()}
        measured = Measured(self._journal, self._mapping, self._measurement, self._clock.now_ns())
        if folders is None:
            found = measured.all()
        else:
            asked = (measured.standing(folder) for folder in folders)
            found = [standing for standing in asked if standing is not None]
        turned = Turned()
        with self._lock:
            met = {standing.folder for standing in found}
            gone = (self._complete.keys() if folders is None else set(folders)) - met
            self._beside(met - self._complete.keys(), gone & self._complete.keys())
            for folder in gone:
                self._complete.pop(folder, None)
                self._left.pop(folder, None)
                self._sent.pop(folder, None)
        try:
            for standing in found:
                self._judged(standing, measured, before.get(standing.folder, Counter()), turned)
            self._tell(found, None if folders is None else gone)
        except BaseException:
            self.again(met)  # nobody learns what has turned
            raise
        if turned.complete or turned.last:
            self._turned()
        return turned

    def tell(self) -> None:
        """Tell how all measurements stand now, where no rescanner does it."""
        measured = Measured(self._journal, self._mapping, self._measurement, self._clock.now_ns())
        self._tell(measured.all(), None)

    def _beside(self, new: Collection[str], gone: Collection[str]) -> None:
        """What a newer folder says of those beside it has changed."""
        if not self._measurement.complete.newer_sibling:
            return
        places = {folder.rpartition("/")[0] for folder in (*new, *gone)}
        now = self._clock.monotonic()
        for folder, complete in self._complete.items():
            if folder.rpartition("/")[0] in places and (gone or not complete):
                self._complete[folder] = False
                self._checks.setdefault(folder, now)

    def _judged(
        self, standing: Standing, measured: Measured, sent_before: Counter[Turn], turned: Turned
    ) -> None:
        folder, left = standing.folder, None
        if standing.complete:
            found = measured.next(folder) if standing.not_there else []
            turn = self._folders.turn(found[0].path) if found else FIRST
            left = _Left(standing.not_there, turn, len(found))
            if turn != FIRST:
                turned.last += [Waiting(each.id, each.size) for each in found]
        with self._lock:
            before = self._complete.get(folder)
            self._complete[folder] = standing.complete
            if left is None:
                self._left.pop(folder, None)
            else:
                meanwhile = self._sent.get(folder, Counter()) - sent_before
                left.files -= meanwhile.total()
                left.in_turn -= meanwhile[left.turn]
                self._left[folder] = left
                if left.in_turn <= 0 < standing.not_there:
                    self._arrived.add(folder)
            if not standing.not_there:
                self._sent.pop(folder, None)
            if left is not None and not before:
                turned.complete.append(folder)
            if standing.until_ns is not None:
                seconds = (standing.until_ns - self._clock.now_ns()) / SECOND_NS
                self._checks[folder] = self._clock.monotonic() + max(LEAST_PAUSE_S, seconds)

    def _tell(self, found: Sequence[Standing], gone: Collection[str] | None) -> None:
        """Write down what stands otherwise than it was told last; the history gets it too.

        Args:
            found: How some measurements stand.
            gone: Folders that hold no file any more; None: all that are not among the found ones.
        """
        kept = self._journal.measurements
        told = kept.told(self._mapping.name)
        news = [
            Told(each.folder, each.state, f"{counted(each.files, 'file')}; {each.words}")
            for each in found
            if told.get(each.folder) is not each.state
        ]
        gone = told.keys() - {each.folder for each in found} if gone is None else gone
        lost = [folder for folder in gone if folder in told]
        if news or lost:
            kept.tell(self._mapping.name, news, lost, self._clock.now_ns())
            self.told()
        for each in news[:FEW]:
            place = self._mapping.directory / each.folder
            log.info("how a measurement stands", path=place, state=each.state)
        if (more := len(news) - FEW) > 0:
            log.info("how measurements stand", others=more, mapping=self._mapping.name)
