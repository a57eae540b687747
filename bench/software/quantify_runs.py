"""quantify-core: its control loop writes the whole dataset anew every half second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qcodes.parameters import ManualParameter, Parameter
from quantify_core.data.handling import load_dataset_from_path, set_datadir
from quantify_core.measurement import MeasurementControl

from bench.software.pace import Pace, Seen

RUNS = 3
RUN_S = 30.0
POINT_S = 0.1
UPDATE_S = 0.5
LEAST_S = 0.1
"""quantify-core takes no shorter one."""
BETWEEN_S = 8.0


def write(folder: Path, pace: Pace) -> None:
    set_datadir(folder)
    control = MeasurementControl("control")
    control.update_interval(max(UPDATE_S * pace.scale, LEAST_S))
    control.verbose(False)
    delay = ManualParameter("delay", unit="s", label="Delay")
    count = round(RUN_S / POINT_S)
    for run in range(RUNS):
        points = pace.points(POINT_S, RUN_S + POINT_S)
        signal = Parameter("signal", unit="V", label="Signal", get_cmd=lambda p=points: next(p))
        control.settables(delay)
        control.setpoints(np.arange(count, dtype=float))
        control.gettables(signal)
        dataset = control.run(f"T1 {run}")
        pace.note(dataset.attrs["tuid"], count)
        pace.pause(BETWEEN_S)


def read(file: Path) -> Seen:
    dataset = load_dataset_from_path(file)
    return Seen(int(np.count_nonzero(~np.isnan(dataset["y0"].values))))
