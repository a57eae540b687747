"""plottr's data writer: opens and closes its HDF5 file at each point."""

from __future__ import annotations

from pathlib import Path

from plottr.data.datadict import DataDict
from plottr.data.datadict_storage import DDH5Writer, datadict_from_hdf5

from bench.software.pace import Pace, Seen

SWEEPS = 3
SWEEP_S = 30.0
POINT_S = 0.5
BETWEEN_S = 8.0


def write(folder: Path, pace: Pace) -> None:
    for sweep in range(SWEEPS):
        data = DataDict(frequency={"unit": "Hz"}, signal={"axes": ["frequency"], "unit": "V"})
        with DDH5Writer(data, str(folder), name=f"sweep {sweep}") as writer:
            writer.save_dict("settings.json", {"sweep": sweep, "power": -20})
            for number in pace.points(POINT_S, SWEEP_S):
                writer.add_data(frequency=number, signal=number * 0.5)
        pace.note(str(writer.filepath.parent.relative_to(folder)), number + 1)
        pace.pause(BETWEEN_S)


def read(file: Path) -> Seen:
    data = datadict_from_hdf5(str(file))
    data.validate()
    rows = data.nrecords() or 0
    # What was appended to one field and not yet to the other.
    return Seen(rows, len(data["frequency"]["values"]) == len(data["signal"]["values"]))
