"""Which server the commands speak to, and with which token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.cli.server_access import access
from aqsync.errors import ConfigError
from tests.support.embedded import EmbeddedServer
from tests.support.project import run
from tests.support.remote import Remote

TOKEN = "a-secret-token"
pytestmark = pytest.mark.usefixtures("remote")


def write_config(text: str) -> Path:
    path = Path("aqsync.yaml")
    path.write_text(text)
    return path


def token_file(text: str, name: str = "token") -> Path:
    path = Path(name)
    path.write_text(text)
    path.chmod(0o600)
    return path


def found(
    config: Path | None = None, url: str | None = None, token: Path | None = None
) -> tuple[str, str | None]:
    got = access(config, url, token)
    return got.url, got.token


def test_the_option_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config("server: {url: 'http://configured'}")
    assert found() == ("http://configured", None)
    monkeypatch.setenv("AQSYNC_URL", "http://environment")
    assert found() == ("http://environment", None)
    assert found(url="http://option") == ("http://option", None)
    assert found(config=Path("aqsync.yaml")) == ("http://configured", None)
    monkeypatch.setenv("AQSYNC_URL", "")
    assert found() == ("http://configured", None)


def test_where_the_token_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    token_file("configured", "configured")
    write_config("server: {url: 'http://configured', token_file: configured}")
    given = token_file("given")
    assert found() == ("http://configured", "configured")
    assert found(token=given) == ("http://configured", "given")
    assert found(url="http://option") == ("http://option", None), "sent to another server"
    assert found(url="http://option", token=given) == ("http://option", "given")
    monkeypatch.setenv("API_TOKEN", "environment")
    assert found(url="http://option") == ("http://option", "environment")
    assert found(url="http://option", token=given) == ("http://option", "given")
    monkeypatch.setenv("AQSYNC_API_TOKEN", "first")
    assert found(url="http://option") == ("http://option", "first")


def test_a_token_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "environment")
    with pytest.raises(ConfigError, match="does not exist"):
        found(url="http://option", token=Path("none"))


def test_the_configuration_needs_no_mapping_and_may_have_broken_ones() -> None:
    write_config("server: {url: 'http://x', timeout: 3s}\nmappings: [{wrong: 1}]\nunknown: 2\n")
    got = access(None, None, None)
    assert (got.url, got.timeout, got.stall_timeout) == ("http://x", 3.0, 60.0)


def test_settings_of_the_configured_server_are_used() -> None:
    write_config("server: {url: 'https://x', ca_file: ca.pem, stall_timeout: 7s}")
    got = access(None, None, None)
    assert (got.verify, got.stall_timeout) == (str(Path("ca.pem").absolute()), 7.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mappings: []", "server"),
        ("server: {uri: 'http://x'}", "unknown key; did you mean url?"),
        ("server: {url: 'ftp://x'}", "http://"),
        ("server: [", "this is not YAML"),
        ("- 1", "expected a section"),
        ("server: {url: 'http://x', url: 'http://y'}", "aqsync.yaml:1"),
    ],
)
def test_a_wrong_server_section(remote: Remote, text: str, complaint: str) -> None:
    write_config(text)
    ran = run("tags", "list")
    assert ran.exit_code == 2
    assert complaint in ran.err
    assert run("tags", "list", remote.eid, "--url", remote.url).exit_code == 0


def test_without_any_server() -> None:
    ran = run("tags", "list")
    assert ran.exit_code == 2
    assert "--url or AQSYNC_URL" in ran.err


def test_url_and_config_contradict_each_other() -> None:
    ran = run("tags", "list", "--url", "http://x", "--config", write_config("server: {}"))
    assert (ran.exit_code, "cannot stand together" in ran.err) == (2, True)


def test_a_server_that_is_down() -> None:
    ran = run("experiment", "find", "--url", "http://127.0.0.1:9")
    assert (ran.exit_code, ran.out) == (3, "")
    assert "hint:" in ran.err


def test_no_option_takes_a_token() -> None:
    assert run("tags", "list", "--token", TOKEN).exit_code == 2


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("guarded") / "data", token=TOKEN) as server:
        yield server


def test_a_token_that_is_refused(guarded: EmbeddedServer) -> None:
    for more in ((), ("--token-file", token_file("another-token"))):
        ran = run("experiment", "find", "--url", guarded.url, *more)
        assert (ran.exit_code, ran.out) == (3, "")
        assert "another-token" not in ran.text


def test_a_token_that_is_accepted(guarded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    file = token_file(TOKEN)
    assert run("experiment", "find", "--url", guarded.url, "--token-file", file).exit_code == 0
    write_config(f"server: {{url: '{guarded.url}', token_file: token}}")
    assert run("experiment", "create", "x").exit_code == 0
    monkeypatch.setenv("AQSYNC_URL", guarded.url)
    monkeypatch.setenv("AQSYNC_API_TOKEN", TOKEN)
    assert run("tags", "list").exit_code == 0
