"""A program that runs on and on, with all that it starts: what they take meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from bench.processes import BenchError, environment

_PROCESSES = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_END_S = 60.0


class Memory(NamedTuple):
    """What is resident, in units of 1,000,000 bytes."""

    resident_mb: float
    proportional_mb: float
    """The same, but pages that other processes have too count in part."""


class Running:
    """A program from its start to its end; on Linux, whose ``/proc`` tells what it takes.

    Args:
        command: To start.
        log: Where what it says is kept.
        variables: For its environment, in addition to this process's.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, variables: dict[str, str] | None = None
    ) -> None:
        self.log = log
        self._command = list(map(str, command))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment(), **(variables or {})},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def status(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    def wait_for(self, what: str, true: Callable[[], bool], most_s: float, every_s: float) -> None:
        """Wait until something is true.

        Args:
            what: Told if it never is.
            true: Asked again and again.
            most_s: How long to wait at most.
            every_s: How long to wait between two questions.

        Raises:
            BenchError: It was not true in time, or the program has ended.
        """
        until = time.monotonic() + most_s
        while not true():
            if self._process.poll() is not None:
                raise BenchError(f"{self._name} ended by itself:\n{self._said()}")
            if time.monotonic() > until:
                raise BenchError(f"{self._name}: {what}: not in {most_s:.0f} s:\n{self._said()}")
            time.sleep(every_s)

    def wait_until_ready(self, what: str, true: Callable[[], bool], most_s: float) -> None:
        """Wait, as `wait_for`, at the end of the start: what never gets ready is ended."""
        try:
            self.wait_for(what, true, most_s, 0.01)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def wait_for_rest(self, most_s: float) -> None:
        """Wait until it has taken nearly no processor time for some seconds.

        Raises:
            BenchError: It does not come to rest.
        """

        def rests() -> bool:
            return all(self.cpu_in(1.0) < 0.02 for _ in range(3))

        self.wait_for("coming to rest", rests, most_s, 0.0)

    def cpu_in(self, seconds: float) -> float:
        """The processor time taken in so many seconds from now."""
        before = self.cpu_seconds()
        time.sleep(seconds)
        return self.cpu_seconds() - before

    def cpu_seconds(self) -> float:
        """The processor time taken since the start: of those running, exact to the nanosecond."""
        return sum(map(_cpu_seconds, _tree(self._process.pid)))

    def memory(self) -> Memory:
        """What is resident now."""
        found = [_memory(process) for process in _tree(self._process.pid)]
        return Memory(sum(m.resident_mb for m in found), sum(m.proportional_mb for m in found))

    @property
    def _name(self) -> str:
        return " ".join(self._command)

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def _tree(top: int) -> Iterator[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for place in _PROCESSES.iterdir():
        if place.name.isdecimal() and (fields := _fields(int(place.name))):
            children.setdefault(int(fields[1]), []).append(int(place.name))
    waiting = [top]
    while waiting:
        process = waiting.pop()
        yield process
        waiting += children.get(process, ())


def _fields(process: int) -> list[str]:
    """The numbers in ``/proc/PID/stat`` from the third on; none if it has ended."""
    try:
        return (_PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_seconds(process: int) -> float:
    """Of one process; and, in ticks of the clock, of those that it started and that have ended."""
    fields = _fields(process)
    if not fields:
        return 0.0
    ended = (int(fields[13]) + int(fields[14])) / _TICKS_PER_SECOND
    # Its number as the kernel makes it for clock_getcpuclockid(3), which Python lacks.
    return time.clock_gettime((~process << 3) | 2) + ended


def _memory(process: int) -> Memory:
    found = dict[str, float]()
    try:
        lines = (_PROCESSES / str(process) / "smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return Memory(0.0, 0.0)
    for line in lines:
        name, size, *_ = line.split()
        found[name] = int(size) * 1024 / 1e6
    return Memory(found["Rss:"], found["Pss:"])
