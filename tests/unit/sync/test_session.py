"""Whether a session tells of itself that it no longer works."""

from __future__ import annotations

import errno
import os
import sys
import threading

import pytest

from aqsync.local.hints import Hints
from aqsync.sync.loop import STUCK_S, Loop
from aqsync.sync.session import TRANSFER_STUCK_S, Seams, Session
from tests.support.harness import Harness
from tests.support.lab import Lab
from tests.support.patience import HANG_S
from tests.support.stepping import config_of, shared_by


def threaded(lab: Lab) -> Session:
    """A session on threads of its own."""
    shared, mappings = shared_by(lab.journal, lab.clock), [lab.mapping]
    seams = Seams(lab.disk, loop=Loop)
    return Session(config_of(mappings), lab.server, shared, mappings, seams, orders_only=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_has_ended_by_itself_is_told(lab: Lab) -> None:
    session = threaded(lab)
    assert session.stuck() is None, "it has not been started"
    [(loop, _step)] = session._steps
    session._steps = [(loop, sys.exit)]
    session.start()
    assert loop.join(HANG_S)
    assert session.stuck() == "dispatcher"


def test_a_loop_that_cannot_be_started_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    session = threaded(lab)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            session.start()
    assert session.stuck() == "dispatcher"


def test_a_step_that_hangs_is_told(lab: Lab) -> None:
    session = threaded(lab)
    [(loop, _step)] = session._steps
    hangs, go_on = threading.Event(), threading.Event()

    def step() -> float:
        hangs.set()
        go_on.wait(HANG_S)
        return 60.0

    session._steps = [(loop, step)]
    session.start()
    assert hangs.wait(HANG_S)
    assert session.stuck() is None
    lab.clock.advance(STUCK_S + 1)
    assert session.stuck() == "dispatcher"
    loop.stop()
    go_on.set()
    assert loop.join(HANG_S)


def test_transfers_that_do_not_move_are_told(lab: Lab) -> None:
    harness = Harness(lab)
    harness.working = False
    harness.write("a", age_s=60)
    harness.run(1)
    limits = harness.config.server
    longest_s = limits.stall_timeout + limits.timeout + TRANSFER_STUCK_S + 1
    harness.clock.advance(longest_s)
    assert harness.session.stuck() == "transfers"
    harness.session.engine.known_manifests.moved()  # a job may read one before it sends anything
    assert harness.session.stuck() is None
    harness.clock.advance(longest_s)
    assert harness.session.stuck() == "transfers"
    harness.pool.run()
    harness.now()
    assert harness.session.stuck() is None


def test_a_loop_that_fails_again_and_again_is_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither hangs nor dies, and what it is for is not done all the same."""
    harness = Harness(lab)
    harness.run(600)
    session = harness.session
    assert (session.unseen(), session.failing()) == ((), None)

    def fail(_watch: object) -> Hints:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as context:
        context.setattr("aqsync.sync.watch_supervisor.WatchSupervisor.take", fail)
        lab.write("new.csv")
        harness.run(60)
        assert (session.unseen(), session.failing()) == (("lab",), None)
        harness.run(2 * STUCK_S)
        assert session.failing() == "rescans lab"
    harness.run(600)
    harness.forget_failures()
    assert (session.unseen(), session.failing(), session.stuck()) == ((), None, None)
    assert lab.remote == {"new.csv": b"data"}


def test_what_a_hanging_look_would_find_is_unseen(lab: Lab) -> None:
    harness = Harness(lab)
    harness.run(600)
    told = list[tuple[str, ...]]()

    def hang() -> float:
        lab.clock.advance(STUCK_S + 1)
        told.append(harness.session.unseen())
        return 60.0

    harness.loop("rescans lab").step(hang)
    assert told == [("lab",)]
    assert harness.session.unseen() == ()


class DeadCalendar:
    """It has begun, and ended by itself."""

    alive = False

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def test_a_calendar_that_has_died_is_told(lab: Lab) -> None:
    """Nobody would fetch lists any more, and what is known of the server would grow old."""
    session = Harness(lab).session
    session.start(lambda _poller: DeadCalendar())
    assert session.stuck() == "calendar"
    session.retire()
    assert session.stuck() != "calendar"
