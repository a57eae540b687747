"""qualang-tools' data handler: a folder for each run; the node first, the arrays last."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from qualang_tools.results import DataHandler

from bench.software.pace import Pace, Seen

NODES = 6
NODE_S = 18.0
SHOTS = 200_000


def write(folder: Path, pace: Pace) -> None:
    for number in pace.points(NODE_S, NODES * NODE_S):
        handler = DataHandler("T1", root_data_folder=folder)
        handler.create_data_folder()
        pace.pause(3)
        figure = Figure()
        figure.subplots().plot(np.arange(number + 2))
        shots = np.random.default_rng(number).normal(size=SHOTS)
        handler.save_data({"T1": number * 1e-6, "shots": shots, "figure": figure})
        pace.note(str(handler.path.relative_to(folder)), 1)


def read(file: Path) -> Seen:
    if file.suffix == ".json":
        json.loads(file.read_text())
    elif file.suffix == ".npz":
        with np.load(file) as arrays:
            return Seen(1, all(len(arrays[name]) == SHOTS for name in arrays))
    elif file.suffix == ".png":
        with Image.open(file) as image:
            image.load()
    return Seen(1)
