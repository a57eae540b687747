"""The pages made from the code say what the code says."""

from __future__ import annotations

import re
import tomllib

import click
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from aqsync import errors
from aqsync.cli.main import COMMANDS, load
from docs.generate import (
    COMMAND,
    EXIT_CODES,
    HERE,
    REFERENCE,
    commands,
    pages,
)

README = HERE.parent / "README.md"


@pytest.mark.parametrize(
    "name",
    [
        "commands.md",
        "doctor.md",
        "errors.md",
        "fleet.schema.json",
        "manifest.schema.json",
        "reasons.md",
    ],
)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], f"run: {COMMAND}"


def test_every_command_and_option_is_in_the_page() -> None:
    text = (REFERENCE / "commands.md").read_text()
    sections = dict(
        re.findall(r"^#{2,} (aqsync .+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    found = {context.command_path: context.command for context in commands()}

    assert {"aqsync push", "aqsync experiment", "aqsync files put"} <= found.keys()
    assert sections.keys() == found.keys()
    for name, command in found.items():
        assert (command.help or "").strip(), name
        for parameter in command.params:
            is_option = isinstance(parameter, click.Option)
            for spelling in parameter.opts if is_option else [parameter.human_readable_name]:
                assert spelling.upper() in sections[name].upper(), (name, spelling)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_what_it_says_itself(name: str) -> None:
    assert (load(name).help or "").partition("\n\n")[0] == COMMANDS[name]


def test_every_command_is_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"aqsync {name}" in README.read_text()


@pytest.mark.parametrize("code", errors.ExitCode)
def test_every_exit_code_is_in_the_page_of_errors(code: errors.ExitCode) -> None:
    assert f"| {code.value} | {EXIT_CODES[code]} |" in (REFERENCE / "errors.md").read_text()


def needed(*extras: str) -> dict[str, Requirement]:
    """What an installation by `install.lock` asks for, and what further extras do."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["server"]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return {found.name: found for found in map(Requirement, lines)}


def locked() -> dict[str, Version]:
    text = (HERE.parent / "requirements" / "install.lock").read_text()
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)
    return {name: Version(version) for name, version in found}


def test_every_dependency_has_its_reason() -> None:
    reasons = (REFERENCE / "dependencies.md").read_text()
    assert needed("postgres").keys() == set(
        re.findall(r"^\| ([a-z0-9-]+) \|", reasons, re.MULTILINE)
    ) - {"package"}


def test_no_release_with_a_known_fault_is_good_enough() -> None:
    page = (REFERENCE / "dependencies.md").read_text()
    mended = re.findall(r"^\| ([a-z0-9-]+) ([0-9.]+) \|", page, re.MULTILINE)
    assert len(mended) >= 10
    for name, version in mended:
        specifiers = needed()[name].specifier
        [least] = [Version(each.version) for each in specifiers if each.operator == ">="]
        assert least >= Version(version), name


def test_the_lock_has_every_dependency_as_it_is_asked_for_with_hashes() -> None:
    assert {n for n, r in needed().items() if locked()[n] not in r.specifier} == set()
    for lock in (HERE.parent / "requirements").glob("*.lock"):
        for entry in re.split(r"^(?=\S)", lock.read_text(), flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in entry, (lock.name, entry)
