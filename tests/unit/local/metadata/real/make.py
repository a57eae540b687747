"""Writes the files beside it, by h5py. To write them anew:

python3 -m venv /tmp/formats
/tmp/formats/bin/pip install h5py==3.16.0 numpy==2.4.6
/tmp/formats/bin/python tests/unit/local/metadata/real/make.py
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent

with h5py.File(HERE / "attributes.h5", "w") as file:
    file.attrs["tuid"] = "20261123-104230-123-abcdef"
    file.attrs["name"] = np.bytes_(b"T1")
    file.attrs["runs"] = np.int32(3)
    file.attrs["limits"] = [0.5, 1.5]
    file.attrs["empty"] = h5py.Empty("f")
    file.attrs["flag"] = True
    file.attrs["many"] = np.zeros(3000)
    entry = file.create_group("entry")
    entry.attrs["title"] = "qubit één"
    entry.create_dataset("x", data=np.arange(4)).attrs["units"] = "ns"
    entry["again"] = file["/"]
    entry["soft"] = h5py.SoftLink("/nowhere")
    file.create_group("other")["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")

with h5py.File(HERE / "bomb.h5", "w") as file:
    chunk = 1 << 24
    bomb = file.create_dataset("bomb", (1 << 32,), "u1", chunks=(chunk,), compression=9)
    bomb.attrs["title"] = "bomb"
    for index in range(2):
        bomb[index * chunk : (index + 1) * chunk] = 0
