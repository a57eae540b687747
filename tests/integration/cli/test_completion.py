"""What shells offer: commands, options, EIDs, names of mappings, and their own files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from aqsync.aqueduct.client import Client
from aqsync.cli.main import aqsync
from tests.support import warm
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S
from tests.support.project import run


@pytest.fixture
def eid(tmp_path: Path, embedded_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An experiment on a server that ./aqsync.yaml names, with the mappings one and other."""
    with Client(embedded_server.url) as server:
        made = server.create_experiment("one\nof two lines", "").eid
    (tmp_path / "aqsync.yaml").write_text(
        f"server: {{url: '{embedded_server.url}'}}\njournal: state/j.db\nmappings:\n"
        "  - {name: one, directory: a, experiment: 19990101-1}\n"
        "  - {name: other, directory: b, experiment: 19990101-2}\n"
    )
    monkeypatch.chdir(tmp_path)
    return made


def items(*words: str) -> list[CompletionItem[str]]:
    """What is offered for the last word."""
    complete = ShellComplete(aqsync, {}, "aqsync", "_AQSYNC_COMPLETE")
    return complete.get_completions(list(words[:-1]), words[-1])


def offered(*words: str) -> list[str]:
    return [item.value for item in items(*words)]


def test_commands_and_options() -> None:
    assert offered("he") == []
    assert offered("p") == ["push", "pause", "pull"]
    assert offered("files", "") == ["get", "list", "put", "remove"]
    assert offered("doctor", "--on") == ["--only"]
    assert offered("doctor", "--only", "jo") == ["journal"]


@pytest.mark.usefixtures("eid")
@pytest.mark.parametrize(
    "words", [("pause",), ("resume",), ("ls",), ("push", "-m"), ("status", "--mapping")]
)
def test_names_of_mappings(words: tuple[str, ...]) -> None:
    assert offered(*words, "") == ["one", "other"]
    assert offered(*words, "ot") == ["other"]


@pytest.mark.parametrize(
    "words",
    [
        ("files", "get"),
        ("tags", "list"),
        ("experiment", "show"),
        ("experiment", "remove", "19990101-1"),
        ("tasks", "list", "--experiment"),
        ("extensions", "run", "plot-csv", "plot", "--experiment"),
    ],
)
def test_eids(eid: str, words: tuple[str, ...]) -> None:
    assert offered(*words, "1999") == ["19990101-1", "19990101-2"]
    assert eid in offered(*words, eid[:-1])
    assert [item.help for item in items(*words, eid)] == ["one\\nof two lines"]


def test_eids_of_the_server_that_is_named(
    eid: str, embedded_server: EmbeddedServer, tmp_path: Path
) -> None:
    (tmp_path / "aqsync.yaml").unlink()
    assert offered("files", "get", eid) == []
    assert offered("files", "get", "--url", embedded_server.url, eid) == [eid]


@pytest.mark.parametrize("content", ["server: {url: 'http://127.0.0.1:1'}", "nonsense", "", None])
def test_nothing_is_offered_and_nothing_said_where_something_is_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "aqsync.yaml").write_text(content)
    assert offered("files", "get", "") == offered("pause", "") == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("eid")
def test_a_configuration_that_others_could_have_written_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "aqsync.yaml").chmod(0o666)
    assert offered("files", "get", "") == offered("pause", "") == []


def test_paths_are_left_to_the_shell() -> None:
    for words in (("why",), ("push",), ("push", "--config"), ("files", "get", "1", "--to")):
        assert [item.type for item in items(*words, "da")] == ["file"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which `aqsync` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "aqsync"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m aqsync "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def in_shell(shell: str, script: str, environment: dict[str, str]) -> list[str]:
    ran = subprocess.run(
        [shell, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def without(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell} here")


@without("bash")
def test_in_bash(eid: str, environment: dict[str, str]) -> None:
    script = f"""
        source <(aqsync completion bash)
        complete -p aqsync
        offer() {{
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _aqsync_completion aqsync
            echo "${{COMPREPLY[@]}}"
        }}
        offer aqsync pau
        offer aqsync pause ''
        offer aqsync files get {eid}
        """
    how, *rest = in_shell("bash", script, environment)
    assert how.endswith("-F _aqsync_completion aqsync")
    assert rest == ["pause", "one other", eid]


@without("zsh")
def test_zsh_takes_it(environment: dict[str, str]) -> None:
    script = 'autoload -U compinit; compinit -D; eval "$(aqsync completion zsh)"; whence -w '
    found = in_shell("zsh", script + "_aqsync_completion", environment)
    assert found == ["_aqsync_completion: function"]


@without("fish")
@pytest.mark.usefixtures("eid")
def test_in_fish(environment: dict[str, str]) -> None:
    script = "aqsync completion fish | source; complete -C 'aqsync pause '"
    found = in_shell("fish", script, environment)
    assert [line.partition("\t")[0] for line in found] == ["one", "other"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell(shell: str) -> None:
    ran = run("completion", shell)
    assert ran.exit_code == 0
    assert "_aqsync_completion" in ran.out
    assert f"_AQSYNC_COMPLETE={shell}_complete" in ran.out


@pytest.mark.usefixtures("eid")
@pytest.mark.parametrize(
    ("shell", "answer"),
    [("zsh", ["plain", "other", "DIRECTORY"]), ("fish", ["plain,other\tDIRECTORY"])],
)
def test_what_the_scripts_are_answered(tmp_path: Path, shell: str, answer: list[str]) -> None:
    words = {"zsh": ("aqsync pause ot", "2"), "fish": ("aqsync pause ot", "ot")}[shell]
    variables = {"_AQSYNC_COMPLETE": f"{shell}_complete"}
    variables |= {"COMP_WORDS": words[0], "COMP_CWORD": words[1]}
    ran = warm.run([sys.executable, "-m", "aqsync"], env={**os.environ, **variables})
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.replace(str(tmp_path / "b"), "DIRECTORY").splitlines()
    assert [line for line in lines if line] == answer
