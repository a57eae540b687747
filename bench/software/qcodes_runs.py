"""QCoDeS: runs one after another into one database with a write-ahead log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from qcodes.dataset import (
    Measurement,
    initialise_or_create_database_at,
    load_by_id,
    load_or_create_experiment,
)
from qcodes.dataset.data_set_protocol import DataSetProtocol
from qcodes.dataset.sqlite.database import connect
from qcodes.parameters import ManualParameter

from bench.software.pace import Pace, Seen

FILE = "experiments.db"
RUNS = 4
RUN_S = 27.0
POINT_S = 0.05
FLUSH_S = 5.0
"""QCoDeS's own default for ``write_period``."""
BETWEEN_S = 3.0
LOOK_POINTS = 10
"""After so many points it is noted how many QCoDeS has committed."""


def write(folder: Path, pace: Pace) -> None:
    initialise_or_create_database_at(str(folder / FILE))
    experiment = load_or_create_experiment("cooldown 7", "sample µ1")
    current, voltage = ManualParameter("current"), ManualParameter("voltage")
    rows = 0
    for run in range(RUNS):
        measurement = Measurement(experiment, name=f"sweep {run}")
        measurement.register_parameter(current)
        measurement.register_parameter(voltage, setpoints=[current])
        measurement.write_period = FLUSH_S * pace.scale
        with measurement.run() as saver:
            for number in pace.points(POINT_S, RUN_S):
                saver.add_result((current, number), (voltage, number * 0.5))
                if number % LOOK_POINTS == 0:
                    pace.note(FILE, rows + saver.dataset.number_of_results)
        rows += number + 1
        pace.note(FILE, rows)
        pace.pause(BETWEEN_S)


def read(file: Path) -> Seen:
    """Open a version with QCoDeS; SQLite checks it first.

    Raises:
        ValueError: SQLite finds it damaged, or rows are missing between others.
    """
    with closing(sqlite3.connect(file)) as plain:
        [[said]] = plain.execute("PRAGMA integrity_check").fetchall()
        if said != "ok":
            raise ValueError(said)
    with closing(connect(str(file))) as connection:
        ids = [row[0] for row in connection.execute("SELECT run_id FROM runs ORDER BY run_id")]
        return Seen(sum(_rows(load_by_id(run, connection)) for run in ids))


def _rows(dataset: DataSetProtocol) -> int:
    found = dataset.get_parameter_data()
    if not found:
        return 0
    points = [int(value) for value in found["voltage"]["current"]]
    if points != list(range(len(points))):
        raise ValueError("points are missing between others")
    return len(points)
