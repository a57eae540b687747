"""Manual pages, made from the commands: ``python -m docs.man_pages FOLDER`` (or ``make man``).

One for `aqsync` and one for each command, such as `aqsync-files-get(1)`, as git has them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from aqsync import __version__
from docs.generate import EXAMPLE, EXIT_CODES, commands, top_context


def man_pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    contexts = [top_context(), *commands()]
    return {f"{_name(each)}.1": _page(each, contexts) for each in contexts}


def _page(context: click.Context, contexts: Iterable[click.Context]) -> str:
    command, name = context.command, _name(context)
    summary = _summary(command).rstrip(".")
    lines = [
        f'.TH "{_plain(name.upper())}" 1 "" "aqsync {_plain(__version__)}" "aqsync"',
        ".ad l",  # what has no blank cannot be spread over a line
        *_section("NAME", [f"{_plain(name)} \\- {_plain(summary)}"]),
        *_section("SYNOPSIS", [f".B {_plain(_synopsis(context))}"]),
        *_section("DESCRIPTION", _paragraphs(_cleaned(command.help))),
    ]
    for title, kind in (("ARGUMENTS", click.Argument), ("OPTIONS", click.Option)):
        records = [p.get_help_record(context) for p in command.params if isinstance(p, kind)]
        lines += _section(title, _entries(filter(None, records)))
    if isinstance(command, click.Group):
        lines += _section("COMMANDS", _entries(_subcommands(command)))
    example = (command.epilog or "").removeprefix(EXAMPLE)
    lines += _section("EXAMPLE", [".EX", _plain(example), ".EE"])
    if context.parent is None:
        codes = ((str(code.value), meaning) for code, meaning in EXIT_CODES.items())
        lines += _section("EXIT STATUS", _entries(codes))
    near = [each for each in contexts if each.parent is context or each is context.parent]
    also = ", ".join(f"\\fB{_plain(_name(each))}\\fR(1)" for each in near)
    return "\n".join([*lines, *_section("SEE ALSO", [also]), ""])


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _synopsis(context: click.Context) -> str:
    return f"{context.command_path} {' '.join(context.command.collect_usage_pieces(context))}"


def _subcommands(group: click.Group) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        yield name, command.short_help or _summary(command)


def _summary(command: click.Command) -> str:
    return _cleaned(command.help).partition("\n\n")[0]


def _cleaned(text: str | None) -> str:
    return inspect.cleandoc(text or "")


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    return [f".SH {title}", *body] if body else []


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield ".PP"
        yield from (_plain(line) for line in paragraph.splitlines())


def _entries(records: Iterable[tuple[str, str]]) -> Iterator[str]:
    for words, about in records:
        yield ".TP"
        yield f".B {_plain(words)}".replace("|", "|\\:")  # a line may end between choices
        yield _plain(about)


def _plain(text: str) -> str:
    """Text that the formatter shows as it stands: no escape, no request, no soft hyphen."""
    shown = text.replace("\\", "\\(rs").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for page, content in man_pages().items():
        (folder / page).write_text(content, encoding="utf-8")
