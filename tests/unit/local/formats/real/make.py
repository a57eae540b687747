"""Writes the files beside it, by the libraries that laboratories use.

They are in the repository, so that no test needs these libraries. To write them anew:

    python3 -m venv /tmp/formats
    /tmp/formats/bin/pip install h5py==3.16.0 numpy==2.4.6 npTDMS==1.13.0 pillow==13.0.0 \
        pyarrow==26.0.1
    /tmp/formats/bin/python tests/unit/local/formats/real/make.py
"""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nptdms
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).parent
VALUES = np.arange(60, dtype="f4")


def hdf5(name: str, *, close: bool = True, **how: Any) -> None:
    """Closed, or copied while it is open and nothing of it is flushed."""
    place = HERE / name
    with h5py.File(place, "w", **how) as file:
        file.attrs["run"] = 7
        file["iq"] = VALUES
        if not close:
            shutil.copyfile(place, f"{place}.open")
    if not close:
        Path(f"{place}.open").replace(place)


def hdf5_of_dead_writer(name: str) -> None:
    """Its writer died after a flush, in the mode in which others may read meanwhile."""
    place = HERE / name
    with h5py.File(place, "w", libver="latest") as file:
        rows = file.create_dataset("iq", data=VALUES, maxshape=(None,), chunks=(60,))
        file.swmr_mode = True
        rows.flush()
        shutil.copyfile(place, f"{place}.open")
    Path(f"{place}.open").replace(place)


def numpy_archive(name: str, save: Callable[..., None]) -> None:
    save(HERE / name, iq=VALUES, t=VALUES[:5])


def zip_with_comment(name: str) -> None:
    with zipfile.ZipFile(HERE / name, "w") as archive:
        archive.writestr("a.csv", "1,2\n" * 50)
        archive.writestr("b/c.csv", "3,4\n")
        archive.comment = b"PK\x05\x06 run 7, cooldown 12 " * 8


def zip_within_zip(name: str) -> None:
    with zipfile.ZipFile(HERE / name, "w") as archive:
        archive.write(HERE / "comment.zip", "inner.zip")
        archive.writestr("last.txt", "end")


def tdms(name: str) -> None:
    with nptdms.TdmsWriter(str(HERE / name), index_file=True) as writer:
        for run in range(3):
            root = nptdms.RootObject(properties={"run": run})
            writer.write_segment([root, nptdms.ChannelObject("g", "iq", VALUES)])


def tables() -> None:
    table = pa.table({"t": VALUES[:20], "iq": VALUES[20:40]})
    pq.write_table(table, HERE / "table.parquet")
    with pa.ipc.new_file(HERE / "table.arrow", table.schema) as writer:
        writer.write_table(table)


def picture() -> None:
    Image.fromarray(np.arange(300, dtype="u1").reshape(10, 30)).save(HERE / "map.png")


def packed() -> None:
    lines = b"".join(b"%d,%d\n" % (n, n * n) for n in range(200))
    (HERE / "lines.csv.gz").write_bytes(gzip.compress(lines, mtime=0))
    two = gzip.compress(lines[:500], mtime=0) + gzip.compress(lines[500:], mtime=0)
    (HERE / "two-members.csv.gz").write_bytes(two)


def main() -> None:
    hdf5("version-0.h5")
    hdf5("version-2.h5", libver=("v108", "v108"))
    hdf5("version-3.h5", libver="latest")
    hdf5("user-block-512.h5", userblock_size=512)
    hdf5("user-block-1024.h5", userblock_size=1024)
    hdf5("unflushed-0.open.h5", close=False)
    hdf5("unflushed-3.open.h5", close=False, libver="latest")
    hdf5_of_dead_writer("swmr.open.h5")
    numpy_archive("arrays.npz", np.savez)
    numpy_archive("packed.npz", np.savez_compressed)
    zip_with_comment("comment.zip")
    zip_within_zip("nested.zip")
    tdms("run.tdms")
    tables()
    picture()
    packed()


if __name__ == "__main__":
    main()
