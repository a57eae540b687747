"""A token that is missing or refused, and that never shows anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.project import Project, run


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Project]:
    """A server that wants a token, and a user who has the file for it."""
    with EmbeddedServer(tmp_path / "data", token="right-token-4711") as server:
        project = Project(tmp_path / "user", server.url, token=server.token)
        project.write("a.csv", "a")
        yield project
        project.close()


def write_token(project: Project, token: str) -> Path:
    file = project.folder / "token"
    file.write_text(token)
    file.chmod(0o600)
    return file


def test_a_token_that_is_refused(guarded: Project) -> None:
    file = write_token(guarded, "wrong-token-0815")
    guarded.configure(server={"url": guarded.url, "token_file": str(file)})
    outputs = []
    for arguments in (
        ("push",),
        ("push", "--json"),
        ("push", "--dry-run"),
        ("check", "--online"),
        ("status",),
        ("why", str(guarded.root / "a.csv")),
    ):
        ran = guarded.run(*arguments)
        outputs.append(ran.text)
        assert ran.exit_code == (3 if arguments[0] in {"push", "check"} else 1), ran.text
    assert "did not accept the token" in outputs[0]
    assert "hint: check the token" in outputs[0]
    assert "hint: check the token" in outputs[2]
    assert guarded.remote_names() == set()

    write_token(guarded, "right-token-4711")
    ran = guarded.push()
    outputs.append(ran.text)
    assert ran.exit_code == 0
    assert guarded.remote() == {"a.csv": b"a"}
    outputs.append(guarded.journal.read_bytes().decode("latin-1"))
    for output in outputs:
        assert "wrong-token-0815" not in output
        assert "right-token-4711" not in output


def test_a_missing_token_and_one_from_the_environment(guarded: Project) -> None:
    ran = guarded.run("push")
    assert ran.exit_code == 3
    guarded.configure(server={"url": guarded.url, "token_file": "nowhere"})
    missing = guarded.run("check", "--online")
    assert missing.exit_code == 2
    assert missing.err.count("nowhere does not exist") == 1
    guarded.configure()
    assert "the server asks for a token, and none is configured" in ran.err
    for variable in ("AQSYNC_API_TOKEN", "API_TOKEN"):
        environment = {variable: "right-token-4711"}
        found = run("push", "--json", "--config", guarded.config, environment=environment)
        assert found.exit_code == 0, found.text
        assert "right-token-4711" not in found.text


@pytest.mark.parametrize(
    ("url", "token", "warned"),
    [
        ("http://aqueduct.invalid", "open-token-0815", True),
        ("https://aqueduct.invalid", "open-token-0815", False),
        ("http://aqueduct.invalid", None, False),
        ("http://127.0.0.1:1", "open-token-0815", False),
    ],
)
def test_a_token_that_all_on_the_way_can_read_is_warned_of(
    project: Project,
    url: str,
    token: str | None,
    warned: bool,  # noqa: FBT001 - a column
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("AQSYNC_API_TOKEN", "API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    more = {} if token is None else {"token_file": str(write_token(project, token))}
    project.configure(server={"url": url, **more})
    ran = project.run("check")
    assert ran.exit_code == 0, ran.text
    said = f"the token goes to {url} without encryption"
    assert (said in ran.err) is warned
    examined = project.run("doctor", "--only", "token")
    assert (examined.exit_code, f"warning: token: {said}" in examined.out) == (0, warned)
