"""One thread that steps for ever, whatever a step does."""

from __future__ import annotations

import sys
import threading

import pytest

from aqsync.clock import SystemClock
from aqsync.errors import Interrupted, JournalDiskFull
from aqsync.sync.loop import FIRST_PAUSE_S, LONGEST_PAUSE_S, Loop
from tests.support.fake_clock import FakeClock
from tests.support.harness import logged
from tests.support.patience import HANG_S

"""How long a test waits for what must happen."""
FULL = JournalDiskFull("the disk is full", hint="free some")


def failing() -> float:
    raise FULL


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def loop(clock: FakeClock) -> Loop:
    return Loop("delivery", clock)


def test_a_step_says_when_the_next_is_due(loop: Loop) -> None:
    assert loop.step(lambda: 7.5) == 7.5
    assert loop.busy_for() == 0.0


def test_failures_are_tried_again_with_growing_pauses(loop: Loop, clock: FakeClock) -> None:
    pauses = [loop.step(failing) for _ in range(8)]
    assert pauses == [FIRST_PAUSE_S, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    clock.advance(2 * LONGEST_PAUSE_S)
    assert loop.step(lambda: 3.0) == 3.0
    assert loop.step(failing) == FIRST_PAUSE_S, "that was a success"


def test_what_fails_in_every_second_step_is_no_recovery(loop: Loop, clock: FakeClock) -> None:
    """A step begins jobs, and the next one meets their failures."""
    pauses: list[float] = []
    with logged() as log:
        for _ in range(20):
            pauses.append(loop.step(failing))
            clock.advance(pauses[-1])
            assert loop.step(lambda: 3600.0) <= 2 * LONGEST_PAUSE_S, "to see whether it lasts"
            clock.advance(0.1)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert len(log.lines) == 1


def test_for_how_long_it_fails_is_known(loop: Loop, clock: FakeClock) -> None:
    assert loop.ailment() is None
    for _ in range(3):
        clock.advance(loop.step(failing))
    assert loop.failing_for() == 7.0
    assert loop.ailment() == "delivery fails: JournalDiskFull: the disk is full"
    for _ in range(3):
        clock.advance(loop.step(lambda: 3600.0))
    assert loop.failing_for() == 0.0
    assert loop.ailment() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_has_died_is_not_well() -> None:
    loop = Loop("delivery", SystemClock())
    loop.start(sys.exit)
    assert loop.join(HANG_S)
    assert loop.ailment() == "delivery has died"
    loop.stop()
    assert loop.ailment() is None, "it was told to end"


def test_a_failure_is_told_once_and_its_end_once(loop: Loop, clock: FakeClock) -> None:
    with logged() as log:
        for _ in range(5):
            loop.step(failing)
        for _ in range(3):
            clock.advance(loop.step(lambda: 3600.0))
    [failed, recovered] = log.lines
    assert "error a step failed; it is tried again loop=delivery" in failed
    assert "the disk is full" in failed
    assert "info recovered: steps succeed again loop=delivery" in recovered


def test_another_failure_is_told_too(loop: Loop) -> None:
    def otherwise() -> float:
        raise ZeroDivisionError

    with logged() as log:
        loop.step(failing)
        loop.step(otherwise)
    assert len(log.lines) == 2


def test_what_was_interrupted_is_no_failure(loop: Loop) -> None:
    def interrupted() -> float:
        raise Interrupted("stopping")

    with logged() as log:
        loop.step(interrupted)
    assert log.lines == []


def test_busy_means_without_progress_within_a_step(loop: Loop, clock: FakeClock) -> None:
    seen: list[float] = []

    def working() -> float:
        clock.advance(100)
        seen.append(loop.busy_for())
        loop.beat()
        clock.advance(10)
        seen.append(loop.busy_for())
        return 60.0

    loop.step(working)
    assert seen == [100, 10]
    clock.advance(50)
    assert loop.busy_for() == 0.0
    loop.beat()  # a worker's, while the loop waits
    clock.advance(1000)
    assert loop.busy_for() == 0.0, "who waits is not stuck"


def test_it_steps_when_it_is_woken_and_ends_when_it_is_told() -> None:
    loop, steps = Loop("x", SystemClock()), threading.Semaphore(0)

    def step() -> float:
        steps.release()
        return 3600.0

    loop.start(step)
    assert steps.acquire(timeout=HANG_S)
    loop.wake()
    assert steps.acquire(timeout=HANG_S)
    loop.stop()
    assert loop.join(HANG_S)


def test_a_wake_during_a_step_lets_it_step_again() -> None:
    loop, steps = Loop("x", SystemClock()), threading.Semaphore(0)

    def step() -> float:
        if loop.name == "x":
            loop.name = "woken"
            loop.wake()
        steps.release()
        return 3600.0

    loop.start(step)
    assert steps.acquire(timeout=HANG_S)
    assert steps.acquire(timeout=HANG_S)
    loop.stop()
    assert loop.join(HANG_S)


def test_after_a_failure_nobody_cuts_the_pause_short_but_a_stop() -> None:
    loop, steps = Loop("x", SystemClock()), threading.Semaphore(0)
    loop._pause_s = 3600.0

    def step() -> float:
        steps.release()
        raise FULL

    loop.start(step)
    assert steps.acquire(timeout=HANG_S)
    loop.wake()
    assert not steps.acquire(timeout=0.05)
    loop.stop()
    assert loop.join(HANG_S)


def test_in_a_hurry_no_pause_is_kept() -> None:
    loop, steps = Loop("x", SystemClock()), threading.Semaphore(0)
    loop._pause_s = 3600.0

    def step() -> float:
        steps.release()
        raise FULL

    loop.start(step)
    assert steps.acquire(timeout=HANG_S)
    loop.hurry()
    assert steps.acquire(timeout=HANG_S)
    loop.stop()
    assert loop.join(HANG_S)


class _StoppedMeanwhile(threading.Event):
    """Somebody stops the loop just before it forgets that it was woken."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def clear(self) -> None:
        self._loop.stop()
        super().clear()


def test_a_stop_is_never_missed() -> None:
    """Neither while it waits nor between two steps: a retired loop must end at once."""
    loop = Loop("x", SystemClock())
    loop._woken = _StoppedMeanwhile(loop)
    loop.start(lambda: 3600.0)
    assert loop.join(HANG_S)


def test_a_loop_that_never_began_has_ended() -> None:
    assert Loop("x", SystemClock()).join(0.0)


def test_a_loop_that_hangs_is_told_apart() -> None:
    loop, go_on = Loop("x", SystemClock()), threading.Event()

    def hanging() -> float:
        go_on.wait(HANG_S)
        return 0.0

    loop.start(hanging)
    loop.stop()
    assert not loop.join(0.01)
    go_on.set()
    assert loop.join(HANG_S)
