"""What real packages wrote goes up, comes back as it was, and opens."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from aqsync import API
from bench.measuring import INSTALLED, PYTHON, SOFTWARE, Opened, Opener, Software, variables
from bench.processes import environment
from tests.support.awkward_tree import differences
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S
from tests.support.project import run

_SCALE = 0.02
_NAMES = ("QCoDeS", "plottr", "quantify-core", "xarray with h5netcdf", "zarr", "qualang-tools")


@pytest.mark.long
@pytest.mark.skipif(not INSTALLED.exists(), reason="the packages that measure are not installed")
@pytest.mark.parametrize("software", [each for each in SOFTWARE if each.name in _NAMES])
def test_it_opens_when_it_has_come_back(
    software: Software, tmp_path: Path, embedded_server: EmbeddedServer
) -> None:
    home, root = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    root.mkdir()
    command = [PYTHON, "-m", "bench.software", "write", software.module, root, str(_SCALE)]
    subprocess.run(
        [*map(str, command), home / "truth"],
        env={**environment(), **variables(home)},
        timeout=HANG_S,
        check=True,
    )
    with API(embedded_server.url, 10) as api:
        experiment = api.create_experiment(software.name, "")
        experiment.upload_folder(root, prefix="pc-1")
    root.rename(tmp_path / "kept")
    assert run("pull", experiment.eid, root, "--url", embedded_server.url).exit_code == 0
    assert differences(tmp_path / "kept", root) == []
    opened = _opened(software, root, home)
    assert opened
    assert [found for found in opened.values() if found.error] == []
    assert opened == _opened(software, tmp_path / "kept", home)


def _opened(software: Software, root: Path, home: Path) -> dict[str, Opened]:
    """What the package finds in a copy of everything, as some write when they read."""
    files = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    kept = [path for path in files if not path.endswith(software.passing or "\0")]
    things = {thing for path in kept if (thing := software.thing(path)) is not None}
    with tempfile.TemporaryDirectory(dir=home) as copy, Opener(home) as opener:
        shutil.copytree(root, copy, dirs_exist_ok=True)
        return {thing: opener.open(software, Path(copy) / thing) for thing in sorted(things)}
