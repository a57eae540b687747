"""xarray with h5netcdf: a netCDF file that is written anew with each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from bench.software.pace import Pace, Seen

FILE = "spectrum.nc"
RUN_S = 104.0
ROW_S = 8.0
COLUMNS = 20_000


def write(folder: Path, pace: Pace) -> None:
    for number in pace.points(ROW_S, RUN_S):
        rows = np.tile(np.arange(number + 1.0)[:, None], (1, COLUMNS))
        xr.Dataset({"signal": (("row", "column"), rows)}, {"row": np.arange(number + 1)}).to_netcdf(
            folder / FILE, engine="h5netcdf"
        )
        pace.note(FILE, number + 1)


def read(file: Path) -> Seen:
    with xr.open_dataset(file, engine="h5netcdf") as opened:
        signal = opened["signal"].values
        return Seen(len(signal), bool((signal[:, -1] == range(len(signal))).all()))
