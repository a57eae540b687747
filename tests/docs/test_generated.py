"""The pages made from the code say what the code says."""

from __future__ import annotations

import re
import tomllib

import pytest
import typer.main

from aqsync import errors
from aqsync.cli.main import app
from docs.generate import (
    COMMAND,
    EXIT_CODES,
    HERE,
    REFERENCE,
    commands,
    error_classes,
    known,
    pages,
)

README = HERE.parent / "README.md"


@pytest.mark.parametrize("name", ["commands.md", "errors.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], f"run: {COMMAND}"


def test_every_command_and_option_is_in_the_page() -> None:
    text = (REFERENCE / "commands.md").read_text()
    sections = dict(
        re.findall(r"^#{2,} (aqsync .+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    found = dict(commands(typer.main.get_group(app), "aqsync"))

    assert {"aqsync push", "aqsync experiment", "aqsync files put"} <= found.keys()
    assert sections.keys() == found.keys()
    for name, command in found.items():
        assert (command.help or "").strip(), name
        for parameter in known(command.params):
            for spelling in parameter.opts:
                assert spelling.upper() in sections[name].upper(), (name, spelling)


def test_every_command_is_in_the_readme() -> None:
    for name in typer.main.get_group(app).commands:
        assert f"aqsync {name}" in README.read_text()


@pytest.mark.parametrize("code", errors.ExitCode)
def test_every_exit_code_is_in_the_page_of_errors(code: errors.ExitCode) -> None:
    assert f"| {code.value} | {EXIT_CODES[code]} |" in (REFERENCE / "errors.md").read_text()


def test_the_tree_drawn_in_errors_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawing = errors.__doc__.partition("::\n")[2]
    drawn = [
        (len(indent) // 2 - 2, name)
        for indent, name in re.findall(r"^( +)(\w+)", drawing, re.MULTILINE)
    ]

    assert drawn == [(depth, kind.__name__) for depth, kind in error_classes()]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    needed = project["project"]["dependencies"]
    needed += project["project"]["optional-dependencies"]["server"]
    reasons = (REFERENCE / "dependencies.md").read_text()

    names = {re.split(r"[><=~!\[; ]", requirement)[0] for requirement in needed}
    assert names == set(re.findall(r"^\| ([a-z0-9-]+) \|", reasons, re.MULTILINE)) - {"package"}
