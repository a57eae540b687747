"""Who is let in by accident: nobody."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from aqsync.server.errors import ServerStartError
from aqsync.server.private_folder import make_private
from aqsync.server.rights.exposure import check_exposure, check_token, names_in
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage

TOKEN = "x" * 8


def exposed(address: str, *, asks: bool, encrypted: bool = False, insecure: bool = False) -> None:
    check_exposure(address, asks=asks, encrypted=encrypted, insecure=insecure)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "2001:db8::1"])
def test_the_network_is_let_in_on_purpose_only(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ServerStartError, match="could read, change and delete") as caught:
        exposed(address, asks=False)
    assert "--insecure" in caught.value.hint
    assert not caplog.records
    exposed(address, asks=False, insecure=True)
    exposed(address, asks=True)
    exposed(address, asks=True, encrypted=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "without encryption" in caplog.text


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_this_machine_may_do_without(address: str, caplog: pytest.LogCaptureFixture) -> None:
    exposed(address, asks=False)
    assert not caplog.records


@pytest.mark.parametrize("token", ["", "abc", "x" * 7])
def test_a_token_that_could_be_guessed(token: str) -> None:
    with pytest.raises(ServerStartError):
        check_token(token)
    check_token(TOKEN)
    check_token(None)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("Lab.Example", {"lab.example"}),
        ("labpc", set()),
        ("localhost", set()),
        ("127.0.0.1", set()),
        ("::1", set()),
    ],
)
def test_names_of_this_server_alone(host: str, names: set[str]) -> None:
    assert names_in(host) == names


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_data_are_the_servers_alone(tmp_path: Path) -> None:
    data = tmp_path / "above" / "data"
    Storage(StorageSettings(data)).close()
    assert mode(data) == 0o700


def test_data_of_an_earlier_release_are_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    Storage(StorageSettings(data)).close()
    data.chmod(0o755)
    Storage(StorageSettings(data)).close()
    assert mode(data) == 0o700
    assert "is closed now" in caplog.text


def test_what_others_keep_there_is_not_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "somebody's").touch()
    tmp_path.chmod(0o755)
    make_private(tmp_path)
    assert mode(tmp_path) == 0o755
    assert "other users of this machine may look into" in caplog.text


def test_in_a_folder_that_stays_open_the_servers_own_is_closed(tmp_path: Path) -> None:
    (tmp_path / "somebody's").touch()
    tmp_path.chmod(0o755)
    storage = Storage(StorageSettings(tmp_path))
    made = {path.name: mode(path) for path in tmp_path.iterdir() if path.name != "somebody's"}
    storage.close()
    assert {"catalog.db", "catalog.db-wal", "experiments", "incoming"} <= made.keys()
    assert {name: each & 0o077 for name, each in made.items() if each & 0o077} == {}
