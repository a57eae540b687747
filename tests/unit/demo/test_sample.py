"""The sample has what makes real folders hard, in files that their programs could open."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from aqsync.demo.sample import BIG_FILE_BYTES, make_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "lab"
    make_sample(root)
    return root


def test_names_and_sizes(sample: Path) -> None:
    files = [place for place in sample.rglob("*") if place.is_file()]
    names = [str(place.relative_to(sample)) for place in files]

    assert any("#" in name for name in names)
    assert any("µ" in name for name in names)
    assert any(ord(max(name)) > 0xFF for name in names)
    assert any(" " in name for name in names)
    assert max(name.count("/") for name in names) >= 3
    assert max(place.stat().st_size for place in files) == BIG_FILE_BYTES == 20_000_000
    assert any(place.name == "__complete__.tag" and place.stat().st_size == 0 for place in files)


def test_contents(sample: Path) -> None:
    assert [json.loads(place.read_text()) for place in sample.rglob("*.json")]
    for place in sample.rglob("*.npz"):
        with zipfile.ZipFile(place) as archive:
            assert archive.testzip() is None
            head = archive.read("I.npy")[:128]
            assert head.startswith(b"\x93NUMPY\x01\x00")
            assert head.endswith(b"\n")
            assert b"'shape': (8000,)" in head
    for suffix in ("*.hdf5", "*.ddh5"):
        assert all(place.read_bytes().startswith(b"\x89HDF") for place in sample.rglob(suffix))
    for place in sample.rglob("*.csv"):
        header, first = place.read_text().splitlines()[:2]
        assert header.count(",") == first.count(",") == 1


def test_the_same_in_every_run(sample: Path, tmp_path: Path) -> None:
    make_sample(tmp_path / "again")
    paths = [place.relative_to(sample) for place in sample.rglob("*") if place.is_file()]

    for path in paths:
        assert (tmp_path / "again" / path).read_bytes() == (sample / path).read_bytes()
