"""System calls that may hang: a file system that does not answer must not delay anything else.

Work on a mapping's disk is an *errand*: a look at its directory, a job on one of its files, or a
check of one. Each system call within it is timed. A thread that hangs in a call cannot be ended, so
the errand is given up: the threads that wait for it go on, and the thread that hangs ends with
`GivenUp` once its call has returned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, Self, TypeVar

from aqsync.clock import Clock, SystemClock
from aqsync.errors import DiskHangs, GivenUp
from aqsync.journal.hangs import LOOK, Hanging
from aqsync.model import Reason

UNANSWERED_S = 20.0
"""A system call that takes longer counts as hanging; it is more than a disk needs to spin up."""
LOOK_UP_S = 0.25
"""Seconds between two checks whether the awaited call hangs."""

T = TypeVar("T")

_CLOCK = SystemClock()


class _Current(threading.local):
    errand: Errand | None = None


_current = _Current()


def current() -> Errand | None:
    """The errand that this thread is on."""
    return _current.errand


class _Call(NamedTuple):
    path: str
    since: float


class Hang(NamedTuple):
    """An errand that was given up and has not been answered yet."""

    path: str
    """The file concerned, relative to the root; empty: a look at the directory."""
    since_ns: int
    """When the call began that hangs, by the wall clock."""


class Errand:
    """Something that is done on a disk.

    Threads take part in it (``with errand``); it ends with the last of them, or by `drop`.

    Args:
        root: The directory concerned.
        path: The file in it; empty for a look.
        clock: The time.
        ended: Called once when it has ended.
    """

    def __init__(
        self,
        root: Path = Path(),
        path: str = "",
        clock: Clock = _CLOCK,
        ended: Callable[[Errand], None] = lambda _errand: None,
    ) -> None:
        self.root = root
        self.path = path
        self.tried_again = False
        """It began while another errand on the same disk was given up."""
        self.hang: Hang | None = None
        """What it hangs in, since it was given up."""
        self._clock = clock
        self._ended = [ended]
        self._lock = threading.Lock()
        self._calls: dict[int, _Call] = {}
        """By thread, what it waits for."""
        self._taking_part = 0
        self._is_over = False
        self._told: list[Callable[[], None]] = []
        self._before: dict[int, list[Errand | None]] = {}

    def when_over(self, call: Callable[[], None]) -> None:
        """Register a call for its end; only before it begins."""
        self._ended.append(lambda _errand: call())

    def when_given_up(self, call: Callable[[], None]) -> None:
        """Register a call for when it is given up; called at once if it was already."""
        with self._lock:
            if self.hang is None:
                self._told.append(call)
                return
        call()

    def __enter__(self) -> Self:
        with self._lock:
            self._taking_part += 1
            self._before.setdefault(threading.get_ident(), []).append(_current.errand)
        _current.errand = self
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._taking_part -= 1
            _current.errand = self._before[threading.get_ident()].pop()
            over = not self._taking_part
        if over:
            self.drop()

    def drop(self) -> None:
        """End it without a thread, or before it begins."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        for call in self._ended:
            call(self)

    def call(self, path: str) -> _Timed:
        """The system call inside the ``with`` is timed.

        Raises:
            GivenUp: From either end, if the errand was given up meanwhile.
        """
        return _Timed(self, path)

    def enter(self, path: str) -> None:
        """A call begins on this thread."""
        call = _Call(path, self._clock.monotonic())
        with self._lock:
            self._check()
            self._calls[threading.get_ident()] = call

    def leave(self) -> None:
        """It has answered."""
        with self._lock:
            del self._calls[threading.get_ident()]
            self._check()

    def _check(self) -> None:
        if self.hang is not None:
            raise GivenUp(f"{self.root / self.path}: its file system answered too late")

    def give_up(self) -> bool:
        """Give it up if a call has hung for too long; true if that was done just now."""
        with self._lock:
            if self.hang is not None or not self._calls:
                return False
            path, since = min(self._calls.values(), key=lambda call: call.since)
            seconds = self._clock.monotonic() - since
            if seconds <= UNANSWERED_S:
                return False
            self.hang = Hang(self.path or path, self._clock.now_ns() - int(seconds * 1e9))
        self._tell()
        return True

    def abandon(self, hang: Hang) -> None:
        """Give it up because it would wait for something that hangs."""
        with self._lock:
            if self.hang is None:
                self.hang = hang
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            told, self._told = self._told, []
        for call in told:
            call()


class _Timed:
    """A class and no generator, for speed: every scan and read goes through it."""

    __slots__ = ("_errand", "_path")

    def __init__(self, errand: Errand, path: str) -> None:
        self._errand = errand
        self._path = path

    def __enter__(self) -> None:
        self._errand.enter(self._path)

    def __exit__(self, *_: object) -> None:
        self._errand.leave()


_UNTIMED = nullcontext()
"""For a thread without an errand; one for all, for speed."""


def timed(path: str) -> AbstractContextManager[None]:
    """The system call inside the ``with`` is timed for this thread's errand, if it has one."""
    errand = _current.errand
    return _UNTIMED if errand is None else errand.call(path)


class Errands:
    """All errands of a process; usable from any thread.

    A directory hangs for every configuration that names it, so all sessions share this.

    Args:
        clock: The time.
        own_threads: Whether `run` uses a thread of its own, so that it can give up.
    """

    def __init__(self, clock: Clock, *, own_threads: bool = False) -> None:
        self._clock = clock
        self._own_threads = own_threads
        self._lock = threading.Lock()
        self._jobs: list[Errand] = []
        self._looks: list[Errand] = []

    # Jobs on files

    def job(self, root: Path, path: str) -> Errand:
        """A job on a file is about to begin."""
        errand = Errand(root, path, self._clock, self._job_ended)
        with self._lock:
            errand.tried_again = self._hanging(root)
            self._jobs.append(errand)
        return errand

    def _job_ended(self, errand: Errand) -> None:
        with self._lock:
            self._jobs.remove(errand)
            if errand.hang is not None:  # it has answered, so another may be tried
                for other in self._jobs:
                    other.tried_again = other.tried_again and other.root != errand.root

    def admits(self, root: Path) -> bool:
        """Whether a job on a file of this root may begin.

        While something hangs there, one at a time may; once that hangs too, none may until
        something has answered.
        """
        with self._lock:
            return not self._hanging(root) or not any(
                errand.root == root and (errand.hang is None or errand.tried_again)
                for errand in self._jobs
            )

    @property
    def anything_hangs(self) -> bool:
        """Whether any errand that was given up still hangs."""
        with self._lock:
            return any(errand.hang is not None for errand in (*self._jobs, *self._looks))

    def hanging(self, root: Path) -> dict[str, Hanging]:
        """What hangs in a directory, as the journal keeps it."""
        with self._lock:
            jobs = [(e.path, e.hang, e.tried_again) for e in self._jobs if e.root == root]
        found = {
            path: Hanging(hang.since_ns, again) for path, hang, again in jobs if hang is not None
        }
        look = self.hung_look(root)
        return found if look is None else {LOOK: Hanging(look.since_ns, blocks=False), **found}

    def _hanging(self, root: Path) -> bool:
        return any(
            errand.root == root and errand.hang is not None
            for errand in (*self._jobs, *self._looks)
        )

    # Looks

    def hung_look(self, root: Path) -> Hang | None:
        """What a look at this root hangs in; None: nothing."""
        with self._lock:
            hangs = [e.hang for e in self._looks if e.root == root and e.hang is not None]
        return min(hangs, key=lambda hang: hang.since_ns, default=None)

    def ask(self, root: Path, question: Callable[[], T]) -> T:
        """Ask a disk something that is answered by one call of the system, or a few.

        Raises:
            DiskHangs: It does not answer.
        """

        def asked() -> T:
            with timed(""):
                return question()

        return self.run(root, asked)

    def run(self, root: Path, look: Callable[[], T]) -> T:
        """Look at a directory, and wait for the end unless it hangs.

        Args:
            root: The directory.
            look: Looks, through an `AttendedDisk`; it ends with `GivenUp` when it was given up.

        Raises:
            DiskHangs: The directory does not answer.
        """
        if (hang := self.hung_look(root)) is not None:
            raise self._error(root, hang)
        errand = Errand(root, LOOK, self._clock, self._look_ended)
        with self._lock:
            self._looks.append(errand)
        return self.attend(errand, look)

    def attend(self, errand: Errand, work: Callable[[], T]) -> T:
        """Do the work of an errand, and wait for the end unless it hangs.

        Args:
            errand: It begins and ends with the work.
            work: Uses an `AttendedDisk`; it ends with `GivenUp` when the errand was given up.

        Raises:
            DiskHangs: The disk does not answer.
        """
        if not self._own_threads:
            with errand:
                return work()
        results: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def working() -> None:
            try:
                with errand:
                    result = work()
            except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
                results.put((None, exc))
            else:
                results.put((result, None))

        place = errand.root / errand.path
        try:
            threading.Thread(target=working, name=f"disk {place}", daemon=True).start()
        except BaseException:
            errand.drop()
            raise
        result, exc = self._wait(errand, results)
        if exc is not None:
            raise exc
        return result  # type: ignore[return-value]  # what `work` returned

    def _look_ended(self, errand: Errand) -> None:
        with self._lock:
            self._looks.remove(errand)

    def _wait(
        self, errand: Errand, results: SimpleQueue[tuple[T | None, BaseException | None]]
    ) -> tuple[T | None, BaseException | None]:
        while True:
            try:
                return results.get(timeout=LOOK_UP_S)
            except Empty:
                errand.give_up()
            other = self.hung_look(errand.root) if errand.path == LOOK else None
            if errand.hang is None and other is not None:
                errand.abandon(other)  # it waits for its turn after one that hangs
            if errand.hang is not None:
                raise self._error(errand.root, errand.hang)

    @staticmethod
    def _error(root: Path, hang: Hang) -> DiskHangs:
        why = Reason.DISK_HANGS.explain(place=root / hang.path)
        return DiskHangs(why.message, hint=why.hint)
