"""Calls that hang: who waits for them, who goes on, and what becomes of the late answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aqsync.errors import DiskHangs, FileVanished, GivenUp
from aqsync.journal.hangs import LOOK
from aqsync.local.attended import AttendedDisk
from aqsync.local.disk import REAL_DISK, OpenFile
from aqsync.local.errands import UNANSWERED_S, Errand, Errands
from aqsync.local.read_ahead import read_ahead
from tests.support.fake_clock import FakeClock
from tests.support.patience import HANG_S, wait_until

ROOT = Path("/root-of-nothing")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def errands(clock: FakeClock) -> Errands:
    return Errands(clock, own_threads=True)


class Stuck:
    """Something that hangs until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self.let_go.wait(HANG_S)


@contextmanager
def hanging(errand: Errand, clock: FakeClock) -> Iterator[Stuck]:
    """A job whose call hangs, and was given up."""
    stuck, ended = Stuck(), list[BaseException | None]()
    over = threading.Event()
    errand.when_over(over.set)

    def work() -> None:
        try:
            with errand, errand.call(errand.path):
                stuck()
        except GivenUp as exc:
            ended.append(exc)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert stuck.entered.wait(HANG_S)
    assert not errand.give_up(), "not so soon"
    clock.advance(UNANSWERED_S + 1)
    assert errand.give_up()
    assert not errand.give_up(), "once"
    yield stuck
    stuck.let_go.set()
    thread.join(HANG_S)
    assert len(ended) == 1, "what answers too late gets no further"
    assert over.is_set()


def test_while_something_hangs_one_more_job_may_begin(errands: Errands, clock: FakeClock) -> None:
    assert errands.admits(ROOT)
    with hanging(errands.job(ROOT, "a"), clock):
        assert errands.admits(ROOT), "another file may be well"
        second = errands.job(ROOT, "b")
        assert not errands.admits(ROOT), "one at a time"
        assert errands.admits(ROOT / "other")
        second.drop()
        assert errands.admits(ROOT)
        assert errands.hanging(ROOT)["a"].blocks is False
        with hanging(errands.job(ROOT, "c"), clock):
            assert not errands.admits(ROOT), "that hangs too"
            assert errands.hanging(ROOT)["c"].blocks is True
            assert errands.hanging(ROOT / "other") == {}
        assert errands.admits(ROOT), "something has answered"
    assert errands.admits(ROOT)
    assert not errands.anything_hangs


def test_a_look_that_hangs_is_given_up_and_waited_for_by_nobody_else(
    errands: Errands, clock: FakeClock
) -> None:
    stuck, failed = Stuck(), list[DiskHangs]()

    def look(question: Callable[[], None]) -> None:
        try:
            errands.ask(ROOT, question)
        except DiskHangs as exc:
            failed.append(exc)

    thread = threading.Thread(target=look, args=[stuck], daemon=True)
    thread.start()
    assert stuck.entered.wait(HANG_S)
    clock.advance(UNANSWERED_S + 1)
    thread.join(HANG_S)
    assert len(failed) == 1
    look(lambda: pytest.fail("nobody else need hang"))
    assert str(ROOT) in failed[1].message
    assert set(errands.hanging(ROOT)) == {LOOK}
    stuck.let_go.set()
    wait_until(lambda: not errands.anything_hangs, "the answer")
    assert errands.ask(ROOT, lambda: 1) == 1


def test_a_look_in_its_turn_after_one_that_hangs_is_given_up_too(
    errands: Errands, clock: FakeClock
) -> None:
    turn, stuck = threading.Lock(), Stuck()
    failed = threading.Semaphore(0)
    looked: list[int] = []

    def first() -> None:
        with turn:
            errands_disk.ask(stuck)

    class Asking:
        """A call of the system within a look."""

        def ask(self, call: Callable[[], None]) -> None:
            class Disk(type(REAL_DISK)):  # type: ignore[misc]  # one method of it is another
                def mounts_below(self, root: Path) -> frozenset[str]:  # noqa: ARG002
                    call()
                    return frozenset()

            AttendedDisk(Disk()).mounts_below(ROOT)

    errands_disk = Asking()

    def second() -> None:
        with turn:
            errands_disk.ask(lambda: looked.append(1))

    def run(look: Callable[[], None]) -> None:
        try:
            errands.run(ROOT, look)
        except DiskHangs:
            failed.release()

    threading.Thread(target=run, args=[first], daemon=True).start()
    assert stuck.entered.wait(HANG_S)
    threading.Thread(target=run, args=[second], daemon=True).start()
    clock.advance(UNANSWERED_S + 1)
    assert failed.acquire(timeout=HANG_S)
    assert failed.acquire(timeout=HANG_S)
    stuck.let_go.set()
    wait_until(lambda: not errands.anything_hangs, "both have ended")
    assert looked == [], "nobody waits for it any longer"


def test_what_a_look_raises_comes_out(errands: Errands) -> None:
    def look() -> None:
        raise FileVanished("gone")

    with pytest.raises(FileVanished):
        errands.run(ROOT, look)


def test_a_chunk_that_hangs_does_not_hold_up_who_sends(clock: FakeClock) -> None:
    """Nor does closing: the file is closed by whoever hangs in it."""
    stuck, closed = Stuck(), threading.Event()

    class File:
        def look(self) -> tuple[None, int, int, int, int]:
            return None, 0, 0, 0, 0

        def cloned_into(self, descriptor: int) -> bool:
            raise NotImplementedError

        def fileno(self) -> int:
            raise NotImplementedError

        def read(self, size: int) -> bytes:
            if size == 2:
                stuck()
            return b"x" * size

        def read_at(self, offset: int, size: int) -> bytes:
            raise NotImplementedError

        def locked_for_writing(self) -> bool:
            return False

        def close(self) -> None:
            closed.set()

    class Disk(type(REAL_DISK)):  # type: ignore[misc]  # one method of it is another
        def open(self, root: Path, path: str) -> OpenFile:  # noqa: ARG002
            return File()

    errand, over = Errand(ROOT, "a", clock), threading.Event()
    errand.when_over(over.set)
    file = AttendedDisk(Disk()).open(ROOT, "a")
    with errand:
        chunks = (file.read(size) for size in (1, 2, 3))
        with closing(read_ahead(chunks)) as ahead:
            assert next(ahead) == b"x"
            assert stuck.entered.wait(HANG_S)
            clock.advance(UNANSWERED_S + 1)
            assert errand.give_up()
            with pytest.raises(GivenUp):
                next(ahead)
        file.close()
    assert not closed.is_set()
    assert not over.is_set(), "the file stays claimed"
    stuck.let_go.set()
    assert closed.wait(HANG_S)
    assert over.wait(HANG_S)
