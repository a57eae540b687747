"""What of the machine a system service gets to see."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.config import Config, MappingConfig, ServerConfig
from aqsync.errors import ConfigError
from aqsync.service.confinement import (
    SEES,
    folders_to_see,
    require_seen,
    unseen_roots,
    warn_of_unseen,
)

COMMAND = ("/usr/bin/aqsync",)


def config(*roots: Path | str) -> Config:
    mappings = [
        MappingConfig(name=str(number), directory=Path(root), experiment="20261123-1")
        for number, root in enumerate(roots)
    ]
    return Config(
        server=ServerConfig(url="http://127.0.0.1:1"),
        journal=Path("/var/lib/aqsync/journal.db"),
        mappings=tuple(mappings),
        path=Path("/etc/aqsync/config.yaml"),
    )


def around(*roots: Path | str) -> set[Path]:
    """What is seen because of the roots."""
    return set(folders_to_see(config(*roots), COMMAND)) - set(
        folders_to_see(config("/etc"), COMMAND)
    )


@pytest.fixture
def data() -> Iterator[Path]:
    """Not below /dev, as other files of tests may be: all of that is seen."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(os.path.realpath(folder)) / "data"
        (data / "anna" / "fridge").mkdir(parents=True)
        yield data


def test_of_a_root_the_folder_around_it_is_seen(data: Path) -> None:
    assert around(data / "anna" / "fridge") == {data / "anna"}
    assert around(data / "anna" / "not yet") == {data / "anna"}


def test_of_what_is_not_there_the_first_that_is(data: Path) -> None:
    assert around(data / "usb" / "run" / "1") == {data}


def test_a_folder_on_which_a_disk_is_mounted_is_seen_whole(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.ismount", lambda path: str(path) == str(data))
    assert around(data / "anna" / "fridge") == {data}


@pytest.mark.parametrize(
    ("root", "seen"), [("/no-such-dir", "/no-such-dir"), ("/home/no-such", "/home/no-such")]
)
def test_neither_everything_nor_all_homes_are_seen(root: str, seen: str) -> None:
    assert around(root) == {Path(seen)}


def test_of_a_root_behind_a_link_both_places_are_seen(data: Path) -> None:
    links = data.parent / "links"
    links.mkdir()
    (links / "root").symlink_to(data / "anna" / "fridge")
    assert around(links / "root") == {links, data / "anna"}


def test_a_name_that_no_unit_can_hold_is_seen_by_the_folder_around(data: Path) -> None:
    odd = data / "two\nlines"
    (odd / "root").mkdir(parents=True)
    assert around(odd / "root") == {data}


def test_one_folder_in_another_is_named_once(data: Path) -> None:
    assert around(data / "a", data / "anna" / "fridge") == {data}


ENVIRONMENT = {SEES: json.dumps(["/data/anna"])}


def test_a_new_root_that_is_not_seen_is_refused_with_what_to_do() -> None:
    require_seen(config("/data/anna/new", "/etc/x"), ENVIRONMENT)
    require_seen(config("/data/bob"), {})
    with pytest.raises(ConfigError, match="does not see /data/bob: ") as caught:
        require_seen(config("/data/anna/new", "/data/bob"), ENVIRONMENT)
    assert "aqsync service install" in caught.value.hint


def test_after_a_start_it_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_unseen(config("/data/bob"), ENVIRONMENT)
    assert "aqsync service install" in caplog.messages[0]
    assert "after a restart" in caplog.messages[1]


@pytest.mark.parametrize("value", ["", "{", "5", "[5]"])
def test_a_variable_that_makes_no_sense_says_nothing(value: str) -> None:
    assert unseen_roots(config("/data"), {SEES: value}) == []
