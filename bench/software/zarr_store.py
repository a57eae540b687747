"""zarr: a store that gets a chunk, a file each, every 40 ms, after its metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

from bench.software.pace import Pace, Seen

STORE = "map.zarr"
RUN_S = 100.0
CHUNK_S = 0.04
CHUNK = 500


def write(folder: Path, pace: Pace) -> None:
    every = CHUNK_S / pace.scale  # a short run has fewer chunks, not quicker ones
    count = round(RUN_S / every)
    group = zarr.open_group(folder / STORE, mode="w")
    signal = group.create_array("signal", shape=(count * CHUNK,), chunks=(CHUNK,), dtype="f8")
    for number in pace.points(every, RUN_S):
        signal[number * CHUNK : (number + 1) * CHUNK] = np.full(CHUNK, number + 1.0)
    pace.note(STORE, count)


def read(folder: Path) -> Seen:
    """Open a store; where a chunk is missing, zarr gives zeros and says nothing."""
    signal = zarr.open_group(folder, mode="r")["signal"]
    values = signal[CHUNK - 1 :: CHUNK]
    rows = int((values > 0).sum())
    return Seen(rows, rows == len(values))
