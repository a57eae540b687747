"""Commands as processes: what they take in time, processor time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_LAUNCHER = Path(__file__).with_name("launcher.py")
_KIB_PER_UNIT = 1 if sys.platform == "linux" else 1 / 1024
"""Linux counts a process's memory in KiB, macOS in bytes."""


class BenchError(Exception):
    """A benchmark could not be run; its message is for people."""


class Run(NamedTuple):
    """What one run of a command took."""

    seconds: float
    cpu_seconds: float
    """On all cores together."""
    peak_mb: float
    """The most memory resident at once, in units of 1,000,000 bytes."""


def run(command: Sequence[str | Path], folder: Path | None = None) -> Run:
    """Run a command to its end.

    Args:
        command: Which.
        folder: In which to run it, for what Python finds first is there; None: in this one.

    Raises:
        BenchError: It ended with another status than 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as report:
        subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(report.fileno()), *map(str, command)],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
            pass_fds=[report.fileno()],
            env=environment(),
            cwd=folder,
        )
        report.seek(0)
        status, seconds, cpu_seconds, peak = map(float, report.read().split())
        if status != 0:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 2000))
            said = output.read().decode(errors="replace")
            raise BenchError(f"{' '.join(map(str, command))} ended with {status:.0f}:\n{said}")
    return Run(seconds, cpu_seconds, peak * _KIB_PER_UNIT * 1024 / 1e6)


def environment() -> dict[str, str]:
    """This process's, but modules are compiled once and for all, as in any installed program."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
