"""A signal may come at any moment, also in the middle of a line."""

from __future__ import annotations

import io
import os
import signal
import threading

import pytest

from aqsync.cli.output import complain
from aqsync.cli.signals import interruptible
from tests.support.patience import HANG_S


class InterruptedWrites(io.FileIO):
    """A stream on which each write meets a signal."""

    def write(self, data: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return super().write(data)  # type: ignore[arg-type]  # whatever the buffer hands on


def test_a_signal_that_does_not_wake_the_main_thread_is_heard() -> None:
    stop, abort = threading.Event(), threading.Event()
    waiting = threading.Lock()
    waiting.acquire()

    def send() -> None:
        # To this thread: as one does that comes just before the other one begins to wait.
        for done in (stop, abort):
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            assert done.wait(HANG_S)
        waiting.release()

    with interruptible(stop.set, abort.set, "stopping"):
        sender = threading.Thread(target=send)
        sender.start()
        assert waiting.acquire(timeout=2 * HANG_S)
    sender.join()


def test_a_signal_within_a_line_neither_raises_nor_loses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    stop, abort = threading.Event(), threading.Event()
    with InterruptedWrites(writing, "wb") as raw:
        buffered = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8")
        monkeypatch.setattr("sys.stderr", buffered)
        with interruptible(stop.set, abort.set, "stopping"):
            complain("a line")
        assert stop.wait(HANG_S)
        assert not abort.is_set()
        buffered.detach().detach()
    with os.fdopen(reading, encoding="utf-8") as said:
        lines = said.read().splitlines()
    assert sorted(lines) == [
        "SIGINT: stopping",
        "a line",
    ]
