"""A small tree of files as quantum labs write them, the same in every run."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

SAMPLE_TAGS = """\
      - match: "cooldown-*/**"
        add: [cooldown]
      - match: "{qubit}/t1_*.csv"
        add: ["qubit:{qubit}"]
      - match: "**/#{number}_{measurement}_??????/node.json"
        add: ["measurement:{measurement}"]
"""
"""Tag rules for the sample, as they stand in a mapping."""

BIG_FILE_BYTES = 20_000_000

_DAY = "2026-11-23"
_NOT_FOR_UPLOAD = ("raw/adc_traces.npy.part", "cooldown-12/~$notes.docx")
"""What the default ignore patterns leave out."""


def make_sample(root: Path) -> None:
    """Write the sample into a directory that does not exist yet.

    It has run folders as several programs write them, nested folders, empty tag files, names with
    ``#``, ``µ``, blanks and characters outside Latin-1, a file of `BIG_FILE_BYTES` bytes, and two
    files that the default ignore patterns leave out.
    """
    for path, content in _files():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _files() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(20261123)  # noqa: S311 - sample data, no secret
    yield from _qua_run(f"{_DAY}/#7_resonator_spectroscopy_142233", chance)
    yield from _qua_run(f"{_DAY}/#8_qubit_spectroscopy_143105", chance)
    yield from _plottr_run(f"{_DAY}/{_DAY}T150210_3f9c1a7e-rabi", chance)
    yield from _quantify_run("20261123/20261123-151744-318-a91c0e-echo", chance)
    yield "fridge_db/2026/11/Data_1123/two tone q1.hdf5", _hdf5(chance, 40_000)
    for qubit in ("q1", "q2"):
        yield f"{qubit}/t1_overnight.csv", _csv("delay_us,population", chance, 200)
    yield "cooldown-12/temperatures.csv", _csv("seconds,mxc_mK", chance, 500)
    yield "cooldown-12/still pressure in µbar.csv", _csv("seconds,ubar", chance, 500)
    yield "cooldown-12/冷却曲线 Δt.csv", _csv("seconds,kelvin", chance, 100)
    yield "raw/adc_traces.npy", _npy(chance.randbytes(BIG_FILE_BYTES - _NPY_HEADER_BYTES))
    for path in _NOT_FOR_UPLOAD:
        yield path, b"not for the server"


def _qua_run(folder: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    number, _, rest = folder.rpartition("#")[2].partition("_")
    node = {"id": int(number), "metadata": {"name": rest.rpartition("_")[0], "status": "finished"}}
    yield f"{folder}/node.json", _json(node)
    yield f"{folder}/data.json", _json({"fit": {"f0_GHz": round(chance.uniform(5, 7), 6)}})
    yield f"{folder}/arrays.npz", _npz({"I": chance.randbytes(8000), "Q": chance.randbytes(8000)})
    yield f"{folder}/quam_state/state.json", _json({"qubits": {"q1": {"T1": 31.4e-6}}})


def _plottr_run(folder: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    yield f"{folder}/data.ddh5", _hdf5(chance, 60_000)
    yield f"{folder}/__complete__.tag", b""
    yield f"{folder}/__star__.tag", b""


def _quantify_run(folder: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    yield f"{folder}/dataset.hdf5", _hdf5(chance, 80_000)
    yield f"{folder}/snapshot.json", _json({"instruments": {"lo": {"frequency": 6.02e9}}})
    results = {"T2_echo": {"value": 18.2e-6, "error": 0.4e-6}}
    yield f"{folder}/analysis_EchoAnalysis/quantities_of_interest.json", _json(results)


def _csv(header: str, chance: random.Random, rows: int) -> bytes:
    lines = [f"{row * 0.5},{chance.gauss(0.5, 0.1):.6f}" for row in range(rows)]
    return "\n".join([header, *lines, ""]).encode()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


_NPY_HEADER_BYTES = 128


def _npy(values: bytes) -> bytes:
    """A NumPy file of one row of bytes."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(values)},), }}"
    room = _NPY_HEADER_BYTES - 10
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", room)
    return head + header.ljust(room - 1).encode() + b"\n" + values


def _npz(arrays: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(2026, 11, 23, 14, 22, 33))
            archive.writestr(entry, _npy(values))
    return packed.getvalue()


def _hdf5(chance: random.Random, size: int) -> bytes:
    """Bytes that begin like an HDF5 file; that is enough, as nothing reads them as one."""
    return b"\x89HDF\r\n\x1a\n" + chance.randbytes(size)
