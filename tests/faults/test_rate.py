"""A rate in the configuration holds for all workers together, on real connections."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from aqsync.clock import SystemClock
from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.patience import HANG_S
from tests.support.project import Project

KIB = 1024
LARGE = 384 * KIB


class JumpingClock:
    """In place of the system's clock: a wait of a worker takes everybody to its end at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock = threading.Lock()
        self._passed_s = 0.0
        self._real_wait = SystemClock.wait
        monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: self.passed_s())
        monkeypatch.setattr(SystemClock, "wait", lambda _clock, stop, s: self._wait(stop, s))

    def passed_s(self) -> float:
        with self._lock:
            return self._passed_s

    def _wait(self, stop: threading.Event, seconds: float) -> bool:
        if threading.current_thread().name != "worker":
            return self._real_wait(SystemClock(), stop, seconds)
        end = self.passed_s() + seconds
        with self._lock:
            self._passed_s = max(self._passed_s, end)
        return stop.is_set()


def test_four_workers_keep_to_one_rate(
    project: Project, proxy: InterceptingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = 1024 * KIB
    all_large_go = threading.Barrier(4)

    def together(exchange: Exchange) -> bool:
        if exchange.file_name.startswith("large"):
            exchange.read(KIB)
            all_large_go.wait(HANG_S)
        return exchange.pass_on()

    contents = {f"large-{n}.bin": os.urandom(LARGE) for n in range(4)}
    contents |= {f"small-{n}.bin": os.urandom(2 * KIB) for n in range(100)}
    for name, content in contents.items():
        project.write(name, content)
    proxy.on(UPLOAD, together)
    project.configure(server={"url": proxy.url}, transfer={"rate": "1 MiB/s"}, manifest=False)
    clock = JumpingClock(monkeypatch)

    pushed = project.pushed()

    assert pushed["uploaded"] == len(contents)
    assert project.remote() == contents
    assert clock.passed_s() > sum(map(len, contents.values())) / rate - 0.3


def test_whoever_waits_for_a_slow_line_can_be_broken_off(
    project: Project, proxy: InterceptingProxy
) -> None:
    for number in range(4):
        os.truncate(project.write(f"{number}.bin"), 16 << 20)  # more than an hour for all
    begun = threading.Event()

    def note(exchange: Exchange) -> bool:
        exchange.read(1)
        begun.set()
        return exchange.pass_on()

    proxy.on(UPLOAD, note)
    project.configure(server={"url": proxy.url}, transfer={"rate": "16 KiB/s"})
    process = project.start("push")
    with process:
        assert begun.wait(HANG_S)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "once more breaks them off" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert project.remote() == {}
