"""The section ``fleet``: which PCs, and the key that signs their status files."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import Config, load_fleet, parse_config
from aqsync.config.fleet import FleetConfig
from aqsync.errors import ConfigError

SERVER = "server: {url: 'http://x'}\n"
BASE = SERVER + "mappings: [{name: a, directory: /a, experiment: 20261123-1}]\n"
KEY = "0123456789abcdef"


def read(text: str) -> Config:
    return parse_config(f"{BASE}{text}\n", Path("/etc/c.yaml"))


def keyed(file: Path) -> FleetConfig:
    return FleetConfig(experiment="20261123-1", key_file=file)


def test_there_is_no_fleet_by_default() -> None:
    assert read("fleet:").fleet is None


def test_everything_that_can_stand_there() -> None:
    text = "fleet: {experiment: 20261123-9, name: fridge-pc, every: 1m, key_file: key}"
    found = read(text).fleet
    assert found == FleetConfig(
        experiment="20261123-9", name="fridge-pc", every=60.0, key_file=Path("/etc/key")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fleet: {name: a}", "experiment"),
        ("fleet: {experiment: new}", "expected an EID"),
        ("fleet: {experiment: 20261123-9, name: ''}", "a name of at most 64 characters"),
        ("fleet: {experiment: 20261123-9, every: 1s}", "expected a duration"),
        ("fleet: {experiment: 20261123-9, key: abc}", "unknown key"),
        ("fleet: {experiment: 20261123-9, key_file: /a/key}", "key_file"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        read(text)


def test_a_pc_that_only_looks_needs_no_mappings(tmp_path: Path) -> None:
    file = tmp_path / "aqsync.yaml"
    file.write_text(SERVER + "fleet: {experiment: 20261123-9}\nmappings: broken\n")
    server, fleet = load_fleet(file)
    assert (server.url, fleet.experiment, fleet.name) == ("http://x", "20261123-9", None)
    file.write_text(BASE)
    with pytest.raises(ConfigError, match="names no fleet"):
        load_fleet(file)


def test_the_key_is_read_when_it_is_needed_and_only_from_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert FleetConfig(experiment="20261123-1").key() is None
    with pytest.raises(ConfigError, match="does not exist"):
        keyed(file).key()
    file.write_text(f"{KEY}\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="other users can read"):
        keyed(file).key()
    file.chmod(0o600)
    assert keyed(file).key() == KEY.encode()
    file.write_text(KEY[1:])
    with pytest.raises(ConfigError, match="fewer than 16 bytes") as caught:
        keyed(file).key()
    assert KEY[1:] not in str(caught.value)
