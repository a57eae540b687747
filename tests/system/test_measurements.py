"""What laboratories measure with, for real; the table is `make bench BENCH="--only measurements"`.

Eight packages write beside the daemon, in some seconds instead of two minutes, and every version
that was ever on the server is opened with the package that wrote it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.clock import SystemClock
from aqsync.config.metadata import Metadata
from aqsync.local.disk import REAL_DISK
from aqsync.local.metadata.folder import MetadataReader
from aqsync.local.metadata.found import Values
from aqsync.local.snapshot import Snapshots

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ.get("MEASUREMENTS_VENV", ".venv-measurements")


@pytest.mark.long
@pytest.mark.skipif(
    not (ROOT / ENVIRONMENT / ".installed").exists(),
    reason=f"make {ENVIRONMENT}/.installed has not been run, or not with success",
)
def test_whatever_was_on_the_server_opens(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "measurements", "--quick"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("do not open", "too early", "not whole", "touched"):
        assert any(kind in line and line.endswith("pass") for line in done.stdout.splitlines())


WRITES = """
import numpy as np, xarray as xr
from qcodes import Station
from qcodes.dataset import Measurement, initialise_or_create_database_at, load_or_create_experiment
from qcodes.parameters import Parameter

initialise_or_create_database_at("run/experiments.db")
experiment = load_or_create_experiment("cooldown", sample_name="chip-7")
station = Station()
station.add_component(Parameter("bias", initial_value=1.5, set_cmd=None))
measurement = Measurement(exp=experiment, station=station, name="T1")
measurement.register_custom_parameter("a")
with measurement.run() as saver:
    saver.add_result(("a", 1))
data = xr.Dataset({"y0": ("x", np.arange(3.0))}, attrs={"name": "T1"})
data["y0"].attrs["units"] = "V"
data.to_netcdf("run/data.hdf5", engine="h5netcdf")
"""


@pytest.mark.long
@pytest.mark.skipif(
    not (ROOT / ENVIRONMENT / ".installed").exists(),
    reason=f"make {ENVIRONMENT}/.installed has not been run, or not with success",
)
def test_metadata_of_what_qcodes_and_h5netcdf_wrote(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    subprocess.run(
        [ROOT / ENVIRONMENT / "bin" / "python", "-c", WRITES],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    snapshots = Snapshots(tmp_path / "snapshots", SystemClock())
    for section, expected in (
        (
            {
                "from": "*.db",
                "title": "$.run.name",
                "tags": {
                    "sample": "$.run.sample",
                    "bias": "$.run.snapshot.station.parameters.bias.value",
                },
            },
            Values("T1", None, {"sample": ("chip-7",), "bias": ("1.5",)}),
        ),
        (
            {
                "from": "*.hdf5",
                "title": "$.attributes.name",
                "tags": {"unit": "$.members.y0.attributes.units"},
            },
            Values("T1", None, {"unit": ("V",)}),
        ),
    ):
        metadata = Metadata.model_validate(section)
        reader = MetadataReader(tmp_path, metadata, REAL_DISK, snapshots)
        found = reader.metadata_of("run")
        assert isinstance(found, Values)
        assert found._replace(seen="") == expected
