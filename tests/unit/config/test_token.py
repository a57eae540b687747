"""Where the token comes from, and that it shows nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aqsync.config import Config, MappingConfig, ServerConfig
from aqsync.errors import ConfigError, ExitCode


@pytest.fixture(autouse=True)
def _no_token_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AQSYNC_API_TOKEN", raising=False)
    monkeypatch.delenv("API_TOKEN", raising=False)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("s3cret\n")
    return file


def config(token_file: Path | None) -> Config:
    return Config(
        server=ServerConfig(url="http://127.0.0.1:1", token_file=token_file),
        journal=Path("/j.db"),
        mappings=(MappingConfig(name="a", directory=Path("/d"), experiment="20261123-1"),),
        path=Path("/c.yaml"),
    )


def test_the_file_comes_first_then_our_variable_then_the_old_one(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config(None).token() is None
    monkeypatch.setenv("API_TOKEN", "old")
    assert config(None).token() == "old"
    monkeypatch.setenv("AQSYNC_API_TOKEN", " ours ")
    assert config(None).token() == "ours"
    assert config(token_file).token() == "s3cret"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQSYNC_API_TOKEN", " ")
    assert config(None).token() is None


def test_a_variable_steps_in_for_a_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = config(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"none does not exist") as caught:
        missing.token()
    assert caught.value.exit_code == ExitCode.USAGE
    assert "AQSYNC_API_TOKEN" in caught.value.hint

    monkeypatch.setenv("AQSYNC_API_TOKEN", "ours")
    assert missing.token() == "ours"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(token_file: Path, mode: int) -> None:
    token_file.chmod(mode)

    with pytest.raises(ConfigError, match=rf"other users can .* \(mode {mode:04o}\)") as caught:
        config(token_file).token()

    assert caught.value.hint == f"chmod 600 {token_file}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two\nlines\n", "holds something else than a token"),
        (b"caf\xc3\xa9", "holds something else than a token"),
        (b"nul\0", "holds something else than a token"),
        (b"\xef\xbb\xbfs3cret", "begins with a byte order mark"),
        ("s3cret\n".encode("utf-16"), "begins with a byte order mark"),
        (b'"s3cret"', "has the token in quotes"),
        (b"'s3cret'\n", "has the token in quotes"),
        (b"Bearer s3cret", "has the word Bearer before the token"),
        (b"AQSYNC_API_TOKEN=s3cret", "has a name before the token"),
        (b"export X='s3cret'", "has a name before the token"),
        (b"token: s3cret", "has a name before the token"),
    ],
)
def test_a_file_without_a_token(token_file: Path, content: bytes, message: str) -> None:
    token_file.write_bytes(content)

    with pytest.raises(ConfigError, match=message) as caught:
        config(token_file).token()

    assert "two" not in str(caught.value)
    assert "s3cret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("token", ["a2V5==", "mykey==", "a=b", "x:y", "eyJ0.eyJ1.c2l-_/+="])
def test_an_odd_token_is_one(token_file: Path, token: str) -> None:
    token_file.write_text(token)
    assert config(token_file).token() == token


def test_what_is_no_file_does_not_block_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "directory").mkdir(mode=0o700)

    for name in ("fifo", "directory"):
        with pytest.raises(ConfigError, match=r"is not a regular file|: Is a directory"):
            config(tmp_path / name).token()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_we_cannot_read(token_file: Path) -> None:
    token_file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        config(token_file).token()


def test_the_token_shows_nowhere(token_file: Path) -> None:
    made = config(token_file)
    made.token()

    assert "s3cret" not in repr(made) + str(made.model_dump()) + made.model_dump_json()
