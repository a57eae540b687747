"""A configuration or a command line that is wrong: where, what was expected, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project, run


def test_usage_errors(project: Project) -> None:
    for arguments in (
        ("push", "--nonsense"),
        ("push", "--max-wait", "soon"),
        ("nonsense",),
        ("why",),
        ("push", "--config", str(project.folder / "missing.yaml")),
    ):
        ran = run(*arguments)
        assert ran.exit_code == 2, ran.text
        assert ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: the file is empty"),
        ("server: [", ":1: this is not YAML, at its end"),
        ("server: {url: http://127.0.0.1:1}\nmappings: []\n", "mappings"),
        ("\tserver:\n", ":1: this is not YAML"),
        ("a: &a [*a]\n", ":1: "),
    ],
)
def test_a_configuration_that_is_wrong(project: Project, text: str, said: str) -> None:
    project.config.write_text(text)
    for command in ("push", "status", "check", "retry"):
        ran = project.run(command)
        assert ran.exit_code == 2
        assert said in ran.err
        assert str(project.config) in ran.err
        assert "Traceback" not in ran.err
    assert not project.journal.parent.exists()


def test_an_unknown_key_names_its_line(project: Project) -> None:
    text = project.config.read_text().replace("name: main", "name: main\n  ignroe: ['*.x']")
    project.config.write_text(text)
    line = text.splitlines().index("  ignroe: ['*.x']") + 1
    ran = project.run("push")
    assert ran.exit_code == 2
    assert f"{project.config}:{line}" in ran.err
    assert "ignroe" in ran.err


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_token_file_that_others_can_read(project: Project, mode: int) -> None:
    token = project.folder / "token"
    token.write_text("secret-4711")
    token.chmod(mode)
    project.configure(server={"token_file": str(token)})
    ran = project.run("push")
    assert ran.exit_code == 2
    assert "other users can read the token file" in ran.err
    assert f"chmod 600 {token}" in ran.err
    assert "secret-4711" not in ran.text


def test_a_tilde_and_a_relative_directory(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project.folder))
    project.write("a.csv")
    project.configure(directory="~/root")
    assert project.pushed()["uploaded"] == 1
    project.configure(directory="root")
    monkeypatch.chdir(Path("/"))
    assert project.pushed()["unchanged"] == 1


@pytest.mark.parametrize("journal", ["/proc/nowhere/j.db", "token/journal.db"])
def test_a_journal_that_cannot_be(project: Project, journal: str) -> None:
    (project.folder / "token").write_text("")
    text = project.config.read_text().replace(str(project.journal), journal)
    project.config.write_text(text)
    ran = project.run("check")
    assert ran.exit_code == 2
    assert f"{journal} cannot be made: " in ran.err


def test_a_journal_in_the_folder_that_systemd_will_make(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = project.config.read_text().replace(str(project.journal), "/proc/nowhere/journal.db")
    project.config.write_text(text)
    monkeypatch.setenv("STATE_DIRECTORY", "/proc/nowhere")
    assert project.run("check").exit_code == 0


def test_a_check_leaves_no_journal_behind(project: Project) -> None:
    assert project.run("check", "--online").exit_code == 0
    assert not project.journal.parent.exists()


def test_https_to_a_port_that_speaks_http(project: Project) -> None:
    project.configure(server={"url": project.url.replace("http:", "https:")})
    ran = project.run("check", "--online")
    assert ran.exit_code == 3
    assert "speaks plain http on this port" in ran.err
    assert f"hint: write {project.url}" in ran.err
    assert "CA file" not in ran.err
