"""From a path that a person typed to its mapping."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.errors import ConfigError
from aqsync.local.locate import locate


def mapping(name: str, directory: Path) -> MappingConfig:
    return MappingConfig(name=name, directory=directory, experiment="20261123-1")


@pytest.fixture
def mappings(tmp_path: Path) -> list[MappingConfig]:
    """Two roots, one of them reached through a link, and something beside them."""
    (tmp_path / "data/run/deep").mkdir(parents=True)
    (tmp_path / "data-old").mkdir()
    (tmp_path / "disk/files").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("disk")
    return [mapping("data", tmp_path / "data"), mapping("linked", tmp_path / "linked")]


def found(mappings: list[MappingConfig], path: Path) -> tuple[str, str]:
    place = locate(mappings, path)
    return place.mapping.name, place.path


@pytest.mark.parametrize(
    ("typed", "name", "path"),
    [
        ("data", "data", ""),
        ("data/", "data", ""),
        ("data/run/a.csv", "data", "run/a.csv"),
        ("data/run/../b.csv", "data", "b.csv"),
        ("data/./run//deep/", "data", "run/deep"),
        ("data/none/at/all", "data", "none/at/all"),
        ("other/../data/run", "data", "run"),
        ("linked/files/a", "linked", "files/a"),
        ("disk/files/a", "linked", "files/a"),
        ("disk", "linked", ""),
        (os.fsdecode(b"data/bad-\xff"), "data", "bad-\udcff"),
        ("data/new\nline", "data", "new\nline"),
    ],
    ids=ascii,
)
def test_where_a_path_lies(
    tmp_path: Path, mappings: list[MappingConfig], typed: str, name: str, path: str
) -> None:
    assert found(mappings, tmp_path / typed) == (name, path)


def test_a_relative_path_is_one_from_here(
    tmp_path: Path, mappings: list[MappingConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "data/run")
    assert found(mappings, Path("a.csv")) == ("data", "run/a.csv")
    assert found(mappings, Path()) == ("data", "run")
    assert found(mappings, Path("../../linked/x")) == ("linked", "x")


def test_a_link_in_a_root_is_itself_what_is_asked_for(
    tmp_path: Path, mappings: list[MappingConfig]
) -> None:
    (tmp_path / "data/run/link").symlink_to("/etc")
    assert found(mappings, tmp_path / "data/run/link") == ("data", "run/link")


def test_a_link_beside_a_root_leads_into_it(tmp_path: Path, mappings: list[MappingConfig]) -> None:
    (tmp_path / "shortcut").symlink_to("data/run")
    assert found(mappings, tmp_path / "shortcut/a.csv") == ("data", "run/a.csv")


@pytest.mark.parametrize("typed", ["data-old/a", "datax", ".", "elsewhere", "data/../a"])
def test_a_path_in_no_root(tmp_path: Path, mappings: list[MappingConfig], typed: str) -> None:
    with pytest.raises(ConfigError, match="lies in no mapped directory") as caught:
        locate(mappings, tmp_path / typed)
    assert str(tmp_path / "data") in caught.value.hint


def test_a_loop_of_links(tmp_path: Path, mappings: list[MappingConfig]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "data/loop").symlink_to("loop")
    with pytest.raises(ConfigError):
        locate(mappings, tmp_path / "loop/a")
    assert found(mappings, tmp_path / "data/loop/a") == ("data", "loop/a")
    looping = [mapping("loop", tmp_path / "loop"), *mappings]
    assert found(looping, tmp_path / "data/a") == ("data", "a")
