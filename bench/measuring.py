"""Which software measures, how aqsync is told of it, and what belongs together."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from aqsync.config.presets import presets
from aqsync.config.units import parse_duration
from bench.processes import BenchError, environment
from bench.running import Running

CHECKOUT = Path(__file__).parents[1]
ENVIRONMENT = os.environ.get("MEASUREMENTS_VENV", ".venv-measurements")
PYTHON = CHECKOUT / ENVIRONMENT / "bin" / "python"
"""With the packages that measure."""
INSTALLED = PYTHON.parents[1] / ".installed"
LONGEST_S = 30.0
"""Longer times of presets are shortened to this."""
SETTLE_S = 5.0
"""aqsync's default; as long does the rival wait that sends what is quiet."""


@dataclass(frozen=True, slots=True, eq=False)
class Software:
    """One of the packages.

    Args:
        module: In `bench.software`.
        name: For people.
        place: Its folder, and the name of its mapping.
        settings: Of the mapping.
        marker: The name of a file that says, where it stands, that its folder is whole.
        store: The ending of folders that are opened as a whole; empty: files are.
        companions: What is appended to a file's name for those that are opened with it.
        passing: Endings of what is not to be kept: it goes, or can be made anew.
        opened: Endings of what the package opens; empty: all.
    """

    module: str
    name: str
    place: str
    settings: Mapping[str, object] = field(default_factory=dict)
    marker: str = ""
    store: str = ""
    companions: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    database: bool = False
    """Whether versions are snapshots, which have other bytes than the file."""
    most: float | None = 2.0
    """How many bytes may be sent for each of the end; None: as many as it takes."""

    def thing(self, path: str) -> str | None:
        """What must be opened to see what a change of this file has done.

        Args:
            path: Below the software's folder.
        """
        if self.store:
            before, ending, _ = path.partition(f"{self.store}/")
            return before + self.store if ending else None
        for companion in self.companions:
            path = path.removesuffix(companion)
        return path if not self.opened or path.endswith(self.opened) else None

    def unit(self, path: str) -> str | None:
        """The folder that a file belongs to and that a marker speaks for, if there is one."""
        if self.store:
            return self.thing(path)
        return path.rpartition("/")[0] if self.marker else None

    def is_marker(self, path: str) -> bool:
        """Whether this file says that its unit is whole."""
        unit = self.unit(path)
        return unit is not None and path == f"{unit}/{self.marker}"

    def mapping(self, scale: float) -> dict[str, object]:
        """The settings of its mapping, with times for a run that takes ``scale`` of two minutes.

        Nobody waits ten minutes for a run of two: what a preset says of longer times is shortened.
        """
        preset = self.settings.get("preset")
        settings = dict(presets()[str(preset)].settings) if preset else {}
        timed = {key: settings[key] for key in ("settle", "measurement") if key in settings}
        found = _shortened({**timed, **self.settings}, scale)
        assert isinstance(found, dict)
        return found


def _shortened(value: object, scale: float, key: str = "") -> object:
    if isinstance(value, Mapping):
        return {name: _shortened(below, scale, name) for name, below in value.items()}
    if key in _TIMES:
        return f"{min(parse_duration(str(value)), LONGEST_S) * scale * 1000:.0f}ms"
    return value


_TIMES = {"settle", "quiet", "every"}

_QCODES = Software(
    "qcodes_runs",
    "QCoDeS",
    "qcodes",
    {"preset": "qcodes"},
    companions=("-wal", "-shm"),
    passing=("-wal", "-shm"),
    database=True,
)
_OFTEN = {"settle": "1s"}
SOFTWARE = (
    _QCODES,
    # A database of which a version goes whenever it rests for a moment.
    replace(_QCODES, name="QCoDeS, settle 1s", place="qcodes-often", settings=_OFTEN, most=None),
    # One that keeps changing, as runs follow each other, and whose log is left beside it.
    replace(
        _QCODES,
        module="qcodes_killed",
        name="QCoDeS, every 10s, killed",
        place="qcodes-killed",
        settings={"preset": "qcodes", "growing": {"every": "10s"}},
        most=None,  # nearly all of it is in the log in the end
    ),
    Software(
        "plottr_sweeps",
        "plottr",
        "plottr",
        {"preset": "plottr"},
        marker="__complete__.tag",
        passing=(".lock",),
        opened=(".ddh5",),
    ),
    Software(
        "quantify_runs", "quantify-core", "quantify", {"preset": "quantify"}, opened=(".hdf5",)
    ),
    Software("hdf5_held_open", "h5py, files held open", "hdf5"),
    # Longer than from one row to the next.
    Software("xarray_netcdf", "xarray with h5netcdf", "xarray", {"settle": "30s"}),
    Software("zarr_store", "zarr", "zarr", {"preset": "zarr"}, marker="zarr.json", store=".zarr"),
    Software(
        "tdms_segments",
        "npTDMS",
        "tdms",
        {"preset": "tdms"},
        companions=("_index",),
        passing=("_index",),
    ),
    Software("qua_nodes", "qualang-tools", "qua", {"preset": "qua"}, marker="node.json"),
    # Provisional versions cost at most `budget` times the newest of them, and the last one as much.
    Software(
        "log_lines",
        "logging, a line a second",
        "log",
        {"growing": {"every": "10s", "budget": 2}},
        most=3.0,
    ),
)


class Measuring(Running):
    """One software, measuring.

    Args:
        software: Which.
        folder: Where its data go.
        scale: By which all its times are multiplied.
        home: Where it may write what else it likes, and where is noted what it has stored.
    """

    def __init__(self, software: Software, folder: Path, scale: float, home: Path) -> None:
        self.truth = home / f"{software.place}.jsonl"
        self.truth.touch()
        command: list[str | Path] = [PYTHON, "-m", "bench.software", "write"]
        log = home / f"{software.place}.log"
        command += [software.module, folder, str(scale), self.truth]
        super().__init__(command, log, variables(home))


class Opener:
    """Opens versions with the package that wrote them.

    Args:
        home: Where the packages may write what else they like.
    """

    def __init__(self, home: Path) -> None:
        with (home / "opening.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", "bench.software", "read"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environment(), **variables(home)},
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def open(self, software: Software, path: Path) -> Opened:
        """Open a file or a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"name": software.module, "path": str(path)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchError(f"{software.name}: whatever opens versions has ended at {path}")
        return Opened(**json.loads(answer))


class Opened(NamedTuple):
    """What a package found."""

    rows: int = 0
    whole: bool = False
    error: str = ""
    """Why it does not open; empty if it does."""


def variables(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "QT_QPA_PLATFORM": "offscreen",
        "MPLBACKEND": "agg",
    }
