"""npTDMS: segments into one file that stays open, with LabVIEW's index file beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nptdms import ChannelObject, TdmsFile, TdmsWriter

from bench.software.pace import Pace, Seen

FILE = "trace.tdms"
RUN_S = 100.0
SEGMENT_S = 2.0
SAMPLES = 1700
"""That no segment ends where a buffer does."""


def write(folder: Path, pace: Pace) -> None:
    with TdmsWriter(str(folder / FILE), index_file=True) as writer:
        for number in pace.points(SEGMENT_S, RUN_S):
            values = np.full(SAMPLES, float(number))
            writer.write_segment([ChannelObject("trace", "signal", values)])
    pace.note(FILE, number + 1)


def read(file: Path) -> Seen:
    """Open a version; a segment of which a part is missing is told by its length."""
    values = TdmsFile.read(str(file))["trace"]["signal"][:]
    return Seen(len(values) // SAMPLES, len(values) % SAMPLES == 0)
