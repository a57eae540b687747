"""QCoDeS, killed after its last run: the log stays beside the database."""

from __future__ import annotations

import os
from pathlib import Path

from bench.software import qcodes_runs
from bench.software.pace import Pace

read = qcodes_runs.read


def write(folder: Path, pace: Pace) -> None:
    qcodes_runs.write(folder, pace)
    os._exit(0)
