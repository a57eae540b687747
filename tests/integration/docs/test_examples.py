"""What pages tell people to type is what the program takes: commands, configurations, Python."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from aqsync.config import parse_config
from aqsync.model.reasons import Reason
from aqsync.service.web.models import (
    Message,
    Nothing,
    PauseRequest,
    PushRequest,
    ResumeRequest,
    decoded,
)
from docs.generate import HERE, commands
from tests.support.embedded import EmbeddedServer

TOP = HERE.parent
PAGES = sorted({TOP / "README.md", *HERE.glob("*.md"), *(HERE / "how-to").glob("*.md")})
MINIMAL = {
    "server": {"url": "http://127.0.0.1:8000"},
    "mappings": [{"name": "a", "directory": "/data/a", "experiment": "20261123-1"}],
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^ *```{language}\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL
    )


def named(value: object) -> str:
    return str(value.relative_to(TOP)) if isinstance(value, Path) else str(value)


def command_lines() -> Iterator[tuple[Path, str]]:
    """Every call of aqsync in a page's shell commands, without what stands around it."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                for call in re.findall(r"\baqsync (?=[a-z])[^|>&)]*", line.split(" #")[0]):
                    if not re.search(
                        r"(systemctl|journalctl|useradd|restart|-u|-t) .*aqsync", line
                    ):
                        yield page, call.strip()


COMMANDS = {context.command_path: context.command for context in commands()}


def unknown_words(call: str) -> list[str]:
    """What the program would not take: the command itself, or some of its options."""
    words = shlex.split(call)
    name = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in COMMANDS), None)
    if name is None or isinstance(COMMANDS[name], click.Group):
        return words[1:]
    options = {each for option in COMMANDS[name].params for each in option.opts}
    return [word for word in words if word.startswith("-") and word.split("=")[0] not in options]


@pytest.mark.parametrize(("page", "call"), list(command_lines()), ids=named)
def test_commands_are_understood(page: Path, call: str) -> None:
    assert unknown_words(call) == [], page


def test_a_wrong_command_is_noticed() -> None:
    assert unknown_words("aqsync pull") == ["pull"]
    assert unknown_words("aqsync files") == ["files"]
    assert unknown_words("aqsync push --now --nonsense x") == ["--nonsense"]
    assert unknown_words("aqsync files put --wrong x") == ["--wrong"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_configurations_are_valid(page: Path) -> None:
    for block in blocks(page, "yaml"):
        whole = MINIMAL | yaml.safe_load(block)
        parse_config(yaml.safe_dump(whole), Path("/etc/aqsync/config.yaml"))


def test_reasons_that_are_named_exist() -> None:
    page = (HERE / "how-to" / "when-a-file-differs.md").read_text()
    codes = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert codes
    assert set(codes) <= {reason.value for reason in Reason}


def test_curl_asks_the_daemon_what_it_understands() -> None:
    page = (HERE / "how-to" / "talk-to-the-daemon-with-curl.md").read_text()
    calls = re.findall(r"http://aqsync/(\w+)(?: -d '(.+?)')?", page, re.DOTALL)
    kinds: dict[str, type[Message]] = {
        "pause": PauseRequest,
        "resume": ResumeRequest,
        "reload": Nothing,
        "push": PushRequest,
    }
    assert {name for name, _ in calls} == {"status", *kinds}
    for name, body in calls:
        if body:
            decoded(kinds[name], body.encode())


def uses_the_client(page: Path) -> bool:
    return any("from aqsync import" in block for block in blocks(page, "python"))


@pytest.mark.parametrize("page", [each for each in PAGES if uses_the_client(each)], ids=named)
def test_python_runs(page: Path, tmp_path: Path) -> None:
    extensions = HERE / "examples" / "extensions"
    with EmbeddedServer(tmp_path / "data", extensions=extensions) as server:
        script = "\n".join(blocks(page, "python")).replace("http://127.0.0.1:8000", server.url)
        (tmp_path / "script.py").write_text(script)
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(TOP)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
