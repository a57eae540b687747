"""The proof's two halves: which files must be there, and whether they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.demo.verify import differences, selected_files
from aqsync.local.rules import Rules


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run" / ".git").mkdir(parents=True)
    (tmp_path / "run" / "a.csv").write_text("a")
    (tmp_path / "run" / ".git" / "config").write_text("ignored with its folder")
    (tmp_path / "b.tmp").write_text("ignored")
    (tmp_path / "link").symlink_to("run/a.csv")
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


def test_selected_are_the_regular_files_that_the_rules_take(root: Path) -> None:
    mapping = MappingConfig(name="demo", directory=root, experiment="20261123-1")

    assert selected_files(root, Rules(mapping)) == {"run~a.csv": "run/a.csv"}


def found(root: Path, remote: dict[str, bytes]) -> list[str]:
    local = {"a": root / "run" / "a.csv"}
    return list(
        differences(local, remote.keys(), lambda name: hashlib.sha256(remote[name]).digest())
    )


def test_equal_is_no_difference(root: Path) -> None:
    assert found(root, {"a": b"a"}) == []


def test_missing_there(root: Path) -> None:
    assert found(root, {}) == [f"{root}/run/a.csv is not on the server (it would be a)"]


def test_missing_here(root: Path) -> None:
    [line] = found(root, {"a": b"a", "b": b"b"})
    assert line.startswith("b is on the server")


@pytest.mark.parametrize("theirs", [b"", b"A", b"a\0"])
def test_other_content(root: Path, theirs: bytes) -> None:
    [line] = found(root, {"a": theirs})
    assert "SHA-256" in line


def test_gone_since_it_was_selected(root: Path) -> None:
    (root / "run" / "a.csv").unlink()

    assert found(root, {"a": b"a"}) == [
        f"{root}/run/a.csv cannot be read: No such file or directory"
    ]
