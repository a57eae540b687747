"""Writes the pages that are made from the code: ``python -m docs.generate``.

`tests/docs/test_generated.py` fails while a page is not what this would write.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from aqsync import errors
from aqsync.cli.main import app
from aqsync.errors import AqsyncError, ExitCode
from docs.api_page import api_page

Parameter = TyperArgument | TyperOption

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
COMMAND = "python -m docs.generate"

EXIT_CODES = {
    ExitCode.OK: "all is well; for `push` and `status`: all in sync",
    ExitCode.INCOMPLETE: "something is held, waiting or failed, or differs on the server",
    ExitCode.USAGE: "the command line or the configuration is wrong",
    ExitCode.SERVER: "the server is unreachable, or refuses the token",
    ExitCode.JOURNAL_IN_USE: "another process writes the journal",
    ExitCode.INTERRUPTED: "interrupted by a person or a signal",
}


def pages() -> dict[str, str]:
    """Each page's name in `docs/reference/` with its text."""
    return {
        "api.md": api_page(_made_by()),
        "commands.md": commands_page(),
        "errors.md": errors_page(),
    }


def error_classes(root: type[AqsyncError] = AqsyncError) -> Iterator[tuple[int, type[AqsyncError]]]:
    """The tree of errors, from the top: how deep each stands, and the class."""

    def below(kind: type[AqsyncError], depth: int) -> Iterator[tuple[int, type[AqsyncError]]]:
        yield depth, kind
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from below(child, depth + 1)

    return below(root, 0)


def errors_page() -> str:
    """Exit codes, and every error with its own."""
    lines = [
        "# Exit codes and errors",
        "",
        _made_by(),
        "",
        "Every command ends with one of these:",
        "",
        "| exit code | meaning |",
        "|---|---|",
        *(f"| {code.value} | {EXIT_CODES[code]} |" for code in ExitCode),
        "",
        "Every error says what happened, and where there is something to advise, what to do. An",
        "error that keeps a command from working at all ends it with the error's exit code; one",
        "that concerns a single file is that file's state, and the command goes on (exit code 1).",
        "*Permanent* means that trying again is pointless until somebody changes something: such a",
        "file is held, others are tried again after a pause.",
        "",
        "| error | meaning | permanent | exit code |",
        "|---|---|---|---|",
    ]
    for depth, kind in error_classes():
        indent = "&nbsp;&nbsp;" * depth
        permanent = "yes" if kind.permanent else "no"
        lines.append(
            f"| {indent}`{kind.__name__}` | {_first_sentence(kind)} | {permanent}"
            f" | {kind.exit_code.value} |"
        )
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_group(app)
    lines = ["# Commands", "", _made_by(), "", _text(group.help), ""]
    lines += _table(known(group.params))
    lines.append("What the exit codes mean, and which error gives which: [errors.md](errors.md).")
    lines.append("")
    for name, command in commands(group, "aqsync"):
        level = "#" * len(name.split())
        lines += [f"{level} {name}", ""]
        if not isinstance(command, TyperGroup):
            lines += ["```", " ".join([name, *_usage(known(command.params))]), "```", ""]
        lines += [_text(command.help), "", *_table(known(command.params))]
    return "\n".join(lines).rstrip() + "\n"


def commands(group: TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Every command and group of commands below a group, with the words that call it."""
    for word, command in group.commands.items():
        if isinstance(command, TyperCommand | TyperGroup):
            yield f"{name} {word}", command
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{name} {word}")


def known(parameters: Iterable[object]) -> list[Parameter]:
    """A command's arguments and options, of the types that have all that is asked for here."""
    return [p for p in parameters if isinstance(p, TyperArgument | TyperOption)]


def _usage(parameters: Sequence[Parameter]) -> Iterator[str]:
    if any(isinstance(parameter, TyperOption) for parameter in parameters):
        yield "[OPTIONS]"
    for parameter in parameters:
        if isinstance(parameter, TyperArgument):
            many = "..." if parameter.nargs == -1 else ""
            yield (
                f"{_names(parameter)}{many}"
                if parameter.required
                else f"[{_names(parameter)}{many}]"
            )


def _table(parameters: Sequence[Parameter]) -> list[str]:
    arguments = [p for p in parameters if isinstance(p, TyperArgument)]
    options = [p for p in parameters if isinstance(p, TyperOption)]
    rows = [f"| `{_names(parameter)}` | {_help(parameter)} |" for parameter in arguments + options]
    return ["| | |", "|---|---|", *rows, ""] if rows else []


def _names(parameter: Parameter) -> str:
    if isinstance(parameter, TyperArgument):
        return str(parameter.name).upper()
    names = ", ".join(sorted(parameter.opts, key=len))
    return names if parameter.is_flag else f"{names} <{parameter.name}>".replace("_", "-")


def _help(parameter: Parameter) -> str:
    text = _text(parameter.help)
    if parameter.required:
        return f"{text} Required."
    if parameter.default in {None, False}:
        return text
    return f"{text} Default: `{parameter.default}`."


def _text(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("|", "\\|")


def _first_sentence(kind: type[AqsyncError]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].replace("``", "`")


def _made_by() -> str:
    return f"<!-- Made from the code by `{COMMAND}`; do not edit. -->"


if __name__ == "__main__":
    for page, content in pages().items():
        (REFERENCE / page).write_text(content, encoding="utf-8")
