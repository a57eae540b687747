"""What aqsync says of files while the libraries of laboratories write them, and after that."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aqsync.local.disk import seen_in
from aqsync.local.reader import GuardedFile
from aqsync.local.unfinished import still_written
from aqsync.model import Signature

CHECKOUT = Path(__file__).parents[2]
PYTHON = CHECKOUT / os.environ.get("MEASUREMENTS_VENV", ".venv-measurements") / "bin" / "python"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.exists(), reason="what laboratories measure with: not installed"),
]

BEGINNING = """
import sys
from pathlib import Path
import numpy as np

def stage(name):
    print(name, flush=True)
    sys.stdin.readline()

place = sys.argv[1]
values = np.arange(20_000.0)
"""
HDF5 = """
import h5py
with h5py.File(place, "w", libver={libver}) as file:
    stage("open")
    file["iq"] = values
    file.flush()
    stage("flushed, and held open")
    file["more"] = values
    stage("more of it in memory")
stage("closed")
with h5py.File(place, "a") as file:
    stage("open once more, and unchanged")
stage("closed again")
"""
SWMR = """
import h5py
with h5py.File(place, "w", libver="latest") as file:
    rows = file.create_dataset("iq", data=values, maxshape=(None,), chunks=(1000,))
    file.swmr_mode = True
    rows.flush()
    stage("written while others read")
stage("closed")
"""
NPZ = """
import zipfile
with zipfile.ZipFile(place, "w") as archive:
    for number in range(2):
        with archive.open(f"{number}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, values)
        archive.fp.flush()
        stage("without a directory")
stage("closed")
with zipfile.ZipFile(place, "a") as archive:
    archive.writestr("3.npy", bytes(100_000))
    archive.fp.flush()
    stage("appended to")
stage("closed again")
"""
TDMS = """
from nptdms import ChannelObject, TdmsWriter
with TdmsWriter(place) as writer:
    writer.write_segment([ChannelObject("g", "iq", values[:1700])])
    writer.write_segment([ChannelObject("g", "iq", values[:900])])
stage("closed")
"""


@pytest.mark.parametrize(
    ("script", "name", "format_name"),
    [
        (HDF5.format(libver="None"), "default.h5", "HDF5"),
        (HDF5.format(libver="'latest'"), "latest.h5", "HDF5"),
        (SWMR, "swmr.h5", "HDF5"),
        (NPZ, "arrays.npz", "ZIP"),
        (TDMS, "run.tdms", "TDMS"),
    ],
)
def test_what_is_said_at_each_stage(
    tmp_path: Path, script: str, name: str, format_name: str
) -> None:
    place = tmp_path / name
    said: dict[str, str | None] = {}
    with subprocess.Popen(
        [PYTHON, "-c", BEGINNING + script, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        for line in writer.stdout:
            said[line.strip()] = _said_of(place)
            writer.stdin.write("\n")
            writer.stdin.flush()
    assert writer.returncode == 0
    assert said == {stage: None if stage.startswith("closed") else format_name for stage in said}
    assert "closed" in said


def _said_of(place: Path) -> str | None:
    signature = Signature(*seen_in(place.stat())[1:])
    with GuardedFile(place.parent, place.name, signature) as source:
        return still_written(source)
