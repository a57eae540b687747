"""h5py: two files that stay open, a row each eight seconds; one of them is flushed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from bench.software.pace import Pace, Seen

RUN_S = 104.0
ROW_S = 8.0


def write(folder: Path, pace: Pace) -> None:
    with (
        h5py.File(folder / "flushed.h5", "w") as flushed,
        h5py.File(folder / "not-flushed.h5", "w") as unflushed,
    ):
        for number in pace.points(ROW_S, RUN_S):
            for file in (flushed, unflushed):
                file.create_dataset(f"row {number:03d}", data=np.full(5000, float(number)))
            flushed.flush()
            pace.note("flushed.h5", number + 1)
    pace.note("not-flushed.h5", number + 1)


def read(file: Path) -> Seen:
    with h5py.File(file, "r") as opened:
        whole = all(
            np.array_equal(opened[f"row {number:03d}"], np.full(5000, float(number)))
            for number in range(len(opened))
        )
        return Seen(len(opened), whole)
