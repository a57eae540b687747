"""What pages tell people to type is what the program takes: commands, configurations, Python."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

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
from docs.generate import HERE, can_run, commands
from tests.support.embedded import EmbeddedServer
from tests.support.pages import PAGES, TOP, blocks, configuration, named, texts

MINIMAL = {
    "server": {"url": "http://127.0.0.1:8000"},
    "mappings": [{"name": "a", "directory": "/data/a", "experiment": "20261123-1"}],
}


def command_lines() -> Iterator[tuple[Path, str]]:
    """Every call of aqsync in a page's shell commands, without what stands around it."""
    for page in PAGES:
        for block in texts(page, "sh"):
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
    name = next((" ".join(words[:n]) for n in (4, 3, 2) if " ".join(words[:n]) in COMMANDS), None)
    if name is None or not can_run(COMMANDS[name]):
        return words[1:]
    options = {each for option in COMMANDS[name].params for each in option.opts}
    return [word for word in words if word.startswith("-") and word.split("=")[0] not in options]


@pytest.mark.parametrize(("page", "call"), list(command_lines()), ids=named)
def test_commands_are_understood(page: Path, call: str) -> None:
    assert unknown_words(call) == [], page


def test_a_wrong_command_is_noticed() -> None:
    assert unknown_words("aqsync fetch") == ["fetch"]
    assert unknown_words("aqsync files") == ["files"]
    assert unknown_words("aqsync push --now --nonsense x") == ["--nonsense"]
    assert unknown_words("aqsync files put --wrong x") == ["--wrong"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_configurations_are_valid(page: Path) -> None:
    for block in texts(page, "yaml"):
        whole = MINIMAL | configuration(block)
        parse_config(yaml.safe_dump(whole), Path("/etc/aqsync/config.yaml"))


def elsewhere() -> Iterator[tuple[Path, str]]:
    """The lines of the blocks that tests cannot run; what ends with a backslash goes on."""
    for page in PAGES:
        for block in blocks(page):
            if block.language == "sh" and not block.is_run:
                yield from ((page, line) for line in block.text.splitlines() if line[:1] != "#")


@cache
def help_of(program: str) -> str | None:
    """What a program prints about its options; None where it is not installed."""
    if shutil.which(program) is None:
        return None
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("page", "line"), list(elsewhere()), ids=named)
def test_what_no_test_can_run_could_be_typed(page: Path, line: str) -> None:
    parsed = subprocess.run(["bash", "-n", "-c", line], capture_output=True, check=False)
    assert parsed.returncode == 0, page
    for call in re.split(r"\|\|?|&&", line):
        program, *words = shlex.split(call, comments=True)
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        if program == "make":
            rules = (TOP / "Makefile").read_text()
            assert all(re.search(rf"^{w}:", rules, re.MULTILINE) for w in words if "=" not in w)
            assert all(word.split("=")[0] in rules for word in words)
        elif program == ".venv/bin/python":
            sources = (TOP / words[1].replace(".", "/")).glob("*.py")
            known = "".join(source.read_text() for source in sources)
            assert known, words[1]
            assert all(f'"{option}"' in known for option in options)
        elif options and (text := help_of(program)) is not None:
            assert all(option in text for option in options)
        for path in re.findall(r"(?<![\w/])(?:requirements|systemd|tests)/[\w./-]+", call):
            assert (TOP / path).exists(), path


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
    return any("from aqsync import" in block for block in texts(page, "python"))


@pytest.mark.parametrize("page", [each for each in PAGES if uses_the_client(each)], ids=named)
def test_python_runs(page: Path, tmp_path: Path) -> None:
    extensions = HERE / "examples" / "extensions"
    with EmbeddedServer(tmp_path / "data", extensions=extensions) as server:
        script = "\n".join(texts(page, "python")).replace("http://127.0.0.1:8000", server.url)
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
