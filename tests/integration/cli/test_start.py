"""A command starts quickly: it imports what it needs itself, and no other command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from aqsync.cli.main import COMMANDS

COMMAND_MODULE = "aqsync.cli.commands."


CODE = """
import sys
from aqsync.cli.main import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    """The modules that a command line has imported when it ends."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True
    )
    return set(ran.stderr.split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_without_a_command_nothing_heavy_is_imported(option: str) -> None:
    modules = imported(option)

    assert "aqsync.cli.main" in modules
    assert {each for each in modules if each.startswith(COMMAND_MODULE)} == set()
    assert modules.isdisjoint({"httpx", "pydantic", "rich", "sqlite3", "ssl", "yaml"})


@pytest.mark.parametrize("name", ["push", "status", "serve", "tags"])
def test_a_command_imports_no_other(name: str) -> None:
    modules = imported(name, "--help")

    commands = {each for each in modules if each.startswith(COMMAND_MODULE)}
    parts = {each for each in commands if each.startswith(f"{COMMAND_MODULE}{name}_")}
    assert commands - parts == {COMMAND_MODULE + name}
    assert "rich" not in modules


def test_help_names_every_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "aqsync", "--help"], capture_output=True, text=True, check=True
    )

    for name in COMMANDS:
        assert re.search(rf"^  {name} ", ran.stdout, re.MULTILINE), name
