"""The processes that answer on one socket: real ones, which say who they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.patience import HANG_S, wait_until

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from aqsync.server.errors import ServerStartError
from aqsync.server import workers
from aqsync.server.workers import Workers

workers._LONGEST_STOP_S = float(os.environ["STOP_S"])

def work(number, ready):
    if Path("fatal").exists() and number == 2:
        os._exit(3)
    if Path("refused").exists():
        raise ServerStartError("no room", "Make some.")
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append("TERM"))
    signal.signal(signal.SIGINT, lambda *_: ended.append("INT"))
    with open(f"pids-{number}", "a") as pids:
        print(os.getpid(), file=pids)
    ready()
    while not ended:
        signal.pause()
    Path(f"ended-{number}").write_text(ended[0])

try:
    Workers(3, work, lambda: print("ready", flush=True)).run()
except ServerStartError as exc:
    print(exc.message, exc.hint, flush=True)
    sys.exit(2)
"""


@contextmanager
def workers(folder: Path, stop_s: float = HANG_S) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env={**os.environ, "STOP_S": f"{stop_s}", "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def pids(folder: Path, number: int) -> list[int]:
    return [int(line) for line in (folder / f"pids-{number}").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that nobody has waited for yet has ended too.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_goes_on_to_all(number: signal.Signals, tmp_path: Path) -> None:
    with workers(tmp_path) as process:
        assert line(process) == "ready\n"
        process.send_signal(number)
        assert process.wait(HANG_S) == 0
    ended = [(tmp_path / f"ended-{each}").read_text() for each in range(3)]
    assert ended == [number.name.removeprefix("SIG")] * 3


@pytest.mark.parametrize("hanging", [1, 3])
def test_those_that_hang_do_not_hold_up_a_stop(tmp_path: Path, hanging: int) -> None:
    with workers(tmp_path, stop_s=0.5) as process:
        line(process)
        stopped = [pids(tmp_path, number)[0] for number in range(hanging)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        process.terminate()
        assert process.wait(HANG_S) == 0
        assert not any(map(is_alive, stopped))
        assert process.stderr is not None
        assert "worker 0 does not stop, and is killed" in process.stderr.read()


def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    with workers(tmp_path) as process:
        line(process)
        os.kill(pids(tmp_path, 1)[0], signal.SIGKILL)
        wait_until(lambda: len(pids(tmp_path, 1)) == 2, "a second process of worker 1")
        assert [len(pids(tmp_path, each)) for each in range(3)] == [1, 2, 1]
        process.terminate()
        assert process.wait(HANG_S) == 0
        assert process.stderr is not None
        assert "worker 1 has ended (signal 9), and is started again" in process.stderr.read()


def test_one_that_cannot_start_ends_all(tmp_path: Path) -> None:
    (tmp_path / "refused").touch()
    with workers(tmp_path) as process:
        assert line(process) == "no room Make some.\n"
        assert process.wait(HANG_S) == 2


def test_one_that_dies_at_once_ends_all(tmp_path: Path) -> None:
    (tmp_path / "fatal").touch()
    with workers(tmp_path) as process:
        assert line(process).strip() == "a process of the server died while it started"
        assert process.wait(HANG_S) == 2


def test_they_end_with_their_watcher(tmp_path: Path) -> None:
    with workers(tmp_path) as process:
        line(process)
        process.kill()
        process.wait()
        alive = [pids(tmp_path, each)[0] for each in range(3)]
        wait_until(lambda: not any(map(is_alive, alive)), "the end of all workers")
    assert (tmp_path / "ended-2").read_text() == "TERM"
