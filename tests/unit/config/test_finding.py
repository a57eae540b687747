"""Which configuration file counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aqsync.config import find_config
from aqsync.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty world: a working directory and a configuration folder without anything."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("AQSYNC_CONFIG", raising=False)
    return tmp_path


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_nearest_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make(home / "user" / "aqsync" / "config.yaml")
    assert find_config() == user
    here = make(home / "work" / "aqsync.yaml")
    assert find_config().absolute() == here
    named = make(home / "named.yaml")
    monkeypatch.setenv("AQSYNC_CONFIG", str(named))
    assert find_config() == named
    explicit = make(home / "explicit.yaml")
    assert find_config(explicit) == explicit


def test_a_named_file_must_exist(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(home / "work" / "aqsync.yaml")
    with pytest.raises(ConfigError, match=r"gone\.yaml does not exist") as caught:
        find_config(home / "gone.yaml")
    assert caught.value.hint == f"write one with: aqsync init --output {home / 'gone.yaml'}"
    monkeypatch.setenv("AQSYNC_CONFIG", str(home / "moved.yaml"))
    with pytest.raises(ConfigError, match=r"moved\.yaml does not exist"):
        find_config()


@pytest.mark.skipif(Path("/etc/aqsync/config.yaml").exists(), reason="this machine has one")
def test_without_any_all_places_are_named(home: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config()

    for place in (
        "--config",
        "AQSYNC_CONFIG",
        "aqsync.yaml",
        str(home / "user" / "aqsync" / "config.yaml"),
        "/etc/aqsync/config.yaml",
    ):
        assert place in caught.value.message
    assert "aqsync init" in caught.value.hint


@pytest.mark.parametrize("open_to_all", ["file", "folder"])
def test_a_found_one_that_others_could_have_written_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, open_to_all: str
) -> None:
    here = make(home / "work" / "aqsync.yaml")
    (here if open_to_all == "file" else here.parent).chmod(0o777)
    with pytest.raises(ConfigError, match=rf"{here} was found.*by every user") as caught:
        find_config()
    assert "--config or AQSYNC_CONFIG" in caught.value.hint
    assert find_config(here) == here, "a person has named it"
    monkeypatch.setenv("AQSYNC_CONFIG", str(here))
    assert find_config() == here


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("place", ["work/aqsync.yaml", "user/aqsync/config.yaml"])
def test_a_found_one_of_another_user_is_refused(home: Path, place: str) -> None:
    found = make(home / place)
    os.chown(found, 12345, 12345)
    with pytest.raises(ConfigError, match=r"is not used.*belongs to the user with number 12345"):
        find_config()
