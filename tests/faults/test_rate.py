"""A rate in the configuration holds for all workers together, on real connections."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict

from tests.support.meddler import UPLOAD, Exchange, Meddler
from tests.support.project import Project

KIB = 1024
LARGE = 384 * KIB


class Meter:
    """A deed: notes when which bytes of which upload come in, and then stores it."""

    def __init__(self) -> None:
        self.came: list[tuple[float, str, int]] = []
        self.some = threading.Event()

    def __call__(self, exchange: Exchange) -> bool:
        while count := exchange.read(8 * KIB):
            self.came.append((time.monotonic(), exchange.file_name, count))
            self.some.set()
        return exchange.pass_on()


def test_four_workers_keep_to_one_rate_and_share_it(project: Project, meddler: Meddler) -> None:
    rate = 1024 * KIB
    contents = {f"large-{n}.bin": os.urandom(LARGE) for n in range(4)}
    contents |= {f"small-{n}.bin": os.urandom(2 * KIB) for n in range(100)}
    for name, content in contents.items():
        project.write(name, content)
    meter = Meter()
    meddler.on(UPLOAD, meter)
    project.configure(server={"url": meddler.url}, transfer={"rate": "1 MiB/s"})

    pushed = project.pushed()

    assert pushed["uploaded"] == len(contents)
    assert project.remote() == contents
    size = sum(count for _, _, count in meter.came)
    took = meter.came[-1][0] - meter.came[0][0]
    assert took > size / rate - 0.3
    times: dict[str, list[float]] = defaultdict(list)
    for at, name, _ in meter.came:
        times[name].append(at)
    large = [times[name] for name in contents if name.startswith("large")]
    assert max(each[0] for each in large) < min(each[-1] for each in large)


def test_whoever_waits_for_a_slow_line_can_be_broken_off(
    project: Project, meddler: Meddler
) -> None:
    for number in range(4):
        project.write(f"{number}.bin", os.urandom(1 << 20))
    meter = Meter()
    meddler.on(UPLOAD, meter)
    project.configure(server={"url": meddler.url}, transfer={"rate": "16 KiB/s"})
    process = project.start("push")
    with process:
        assert meter.some.wait(20)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "once more breaks them off" in process.stderr.readline()
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - asked < 10
    assert project.remote() == {}
