"""What systemd gives a service: a credential and a directory for its state."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import load_config
from aqsync.config.token import read_token
from aqsync.errors import ConfigError


def credentials(folder: Path, text: str) -> dict[str, str]:
    folder.mkdir()
    (folder / "token").write_text(text)
    (folder / "token").chmod(0o440)  # what the mask of its access list looks like
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_a_credential_is_the_token(tmp_path: Path) -> None:
    assert read_token(None, credentials(tmp_path / "c", "s3cret\n")) == "s3cret"


def test_a_named_file_counts_before_it_and_it_before_variables(tmp_path: Path) -> None:
    environment = credentials(tmp_path / "c", "credential") | {"AQSYNC_API_TOKEN": "variable"}
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("file")
    assert read_token(file, environment) == "file"
    assert read_token(tmp_path / "missing", environment) == "credential"
    assert read_token(None, environment) == "credential"


def test_the_units_empty_credential_does_not_count(tmp_path: Path) -> None:
    environment = credentials(tmp_path / "c", "\n")
    assert read_token(None, environment) is None
    assert read_token(None, environment | {"API_TOKEN": "variable"}) == "variable"
    with pytest.raises(ConfigError, match="missing does not exist"):
        read_token(tmp_path / "missing", environment)


def test_credentials_without_a_token_are_not_ours(tmp_path: Path) -> None:
    assert read_token(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    assert read_token(None, {"CREDENTIALS_DIRECTORY": ""}) is None


def test_a_credential_that_is_no_token_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"credential .*/c/token holds something else"):
        read_token(None, credentials(tmp_path / "c", "two words"))


def test_the_journal_lies_in_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "aqsync.yaml"
    text = (
        "server: {url: 'http://127.0.0.1:1'}\n"
        "mappings: [{name: a, directory: /data, experiment: 20261123-1}]\n"
    )
    file.write_text(text)
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/aqsync:/var/lib/more")
    assert load_config(file).journal == Path("/var/lib/aqsync/journal.db")
    file.write_text(text + "journal: /elsewhere/j.db\n")
    assert load_config(file).journal == Path("/elsewhere/j.db")
