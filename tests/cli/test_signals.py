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
