"""The help of every command: readable by people, and with an example that the command takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from docs.generate import EXAMPLE, can_run, commands, top_context
from tests.support.project import run

ALL = [top_context(), *commands()]
LEAVES = {each.command_path: each for each in ALL if can_run(each.command)}


def named(context: click.Context) -> str:
    return context.command_path


def example(context: click.Context) -> str:
    """The last line of the help."""
    *_, last = context.get_help().strip().splitlines()
    assert last.startswith(f"  {EXAMPLE}"), last
    return last.removeprefix(f"  {EXAMPLE}")


@pytest.mark.parametrize("context", ALL, ids=named)
def test_it_ends_with_an_example_of_this_very_command(context: click.Context) -> None:
    shown = example(context)
    path = context.command_path
    assert shown == path or shown.startswith(f"{path} ")


@pytest.mark.parametrize("context", ALL, ids=named)
def test_the_command_takes_its_example(
    context: click.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aqsync.yaml").write_text(
        "server: {url: 'http://127.0.0.1:8000'}\n"
        "mappings: [{name: fridge-1, directory: data, experiment: 20261123-1}]\n"
    )
    monkeypatch.chdir(tmp_path)
    words = shlex.split(example(context))
    name = next(" ".join(words[:n]) for n in (4, 3, 2) if " ".join(words[:n]) in LEAVES)
    leaf = LEAVES[name]
    taken = leaf.command.make_context(leaf.info_name, words[len(name.split()) :], leaf.parent)
    assert not taken.args


@pytest.mark.parametrize("context", ALL, ids=named)
def test_no_names_of_python_are_shown(context: click.Context) -> None:
    shown = context.get_help()
    assert not re.search(r"<[a-zA-Z]|list\[|tuple\[|Path\b|None|Sequence", shown), shown


@pytest.mark.parametrize("command", [(), ("push",), ("experiment", "create")])
def test_h_is_short_for_help(command: tuple[str, ...]) -> None:
    assert run(*command, "-h").out == run(*command, "--help").out


@pytest.mark.parametrize("option", ["--max-file", "--quota"])
def test_a_server_has_room_for_some_file(option: str, tmp_path: Path) -> None:
    ran = run("serve", "--data", tmp_path, option, "0")
    assert (ran.exit_code, "no file would fit" in ran.err) == (2, True)


@pytest.mark.parametrize("some", [(), ("--files", "/shared"), ("--database", "postgresql:///lab")])
def test_a_server_keeps_everything_somewhere(some: tuple[str, ...]) -> None:
    ran = run("serve", *some)
    assert ran.exit_code == 2
    assert "'--data', or both '--database' and '--files'" in ran.err


def test_what_stands_before_a_subcommand_is_not_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = LEAVES["aqsync serve"].command
    assert isinstance(serve, click.Group)
    monkeypatch.setitem(serve.commands, "try", click.Command("try"))
    with pytest.raises(click.UsageError, match="--data stands before try"):
        serve.main(["--data", str(tmp_path), "try"], standalone_mode=False)
