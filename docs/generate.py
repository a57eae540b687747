"""Writes the pages that are made from the code: ``python -m docs.generate``.

`tests/unit/docs/test_generated.py` fails while a page is not what this would write.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import click

from aqsync import errors
from aqsync.cli.main import COMMANDS, aqsync, load
from aqsync.config import presets as preset_files
from aqsync.config.presets import presets
from aqsync.errors import AqsyncError, ExitCode
from aqsync.layout import fleet, manifest
from aqsync.model import Reason
from aqsync.service.doctor.examination import CHECKS
from aqsync.service.doctor.findings import Verdict
from docs.api_page import api_page

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
COMMAND = "python -m docs.generate"

EXAMPLE = "Example: "
"""So begins what the help of each command ends with."""
EXIT_CODES = {
    ExitCode.OK: "all is well; for `push` and `status`: all in sync",
    ExitCode.INCOMPLETE: "something is held, waiting, provisional, failed or differs on the server",
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
        "doctor.md": doctor_page(),
        "errors.md": errors_page(),
        "fleet.schema.json": json_schema(fleet.schema()),
        "manifest.schema.json": json_schema(manifest.schema()),
        "presets.md": presets_page(),
        "reasons.md": reasons_page(),
    }


def json_schema(schema: dict[str, object]) -> str:
    """A JSON Schema as it stands in a file."""
    return json.dumps(schema, indent=2) + "\n"


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


def reasons_page() -> str:
    """Every reason with its code, its message and its hint."""
    lines = [
        "# Reasons",
        "",
        _made_by(),
        "",
        "Why a file is in its state, and why something cannot be done. The JSON of `status`,",
        "`why`, `ls`, `push` and `history` has the code; the journal keeps it; it never changes.",
        "Messages and hints are for people and may be worded better at any time. What stands in",
        "braces is filled in: `{said}` and `{advice}` are words of the server, of the system or of",
        "an [error](errors.md), whose class says what kind of error the reason is.",
        "",
        "| code | message | hint |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{reason}` | {_text(reason.template)} | {_text(reason.hint_template)} |"
        for reason in Reason
    ]
    return "\n".join([*lines, ""])


def presets_page() -> str:
    """Every preset with what it sets."""
    lines = [
        "# Presets",
        "",
        _made_by(),
        "",
        "What the files of a known program need. `preset: qcodes` in a mapping counts as if the",
        "preset's keys stood there; a key that is written beside it counts instead. In `defaults`",
        "it does the same for all mappings that name no preset. A mapping's preset adds its",
        "`ignore` to that of `defaults`, or to what is ignored by default. `aqsync init`",
        "recognises a program by names in the folder.",
        "",
        "| preset | written by | known by | its files |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [`{name}`](#{name}) | {preset.software} | "
        f"{', '.join(f'`{each}`' for each in preset.found_by)} | {preset.about} |"
        for name, preset in presets().items()
    ]
    for name in presets():
        written = (files(preset_files) / f"{name}.yaml").read_text("utf-8")
        settings = textwrap.indent(textwrap.dedent(written.partition("settings:\n")[2]), "  ")
        lines += ["", f"## {name}", "", "```yaml", f"defaults:\n{settings.rstrip()}", "```"]
    return "\n".join([*lines, "", _OWN_PRESETS])


_OWN_PRESETS = """\
## Your own

Under `presets`, with the keys that `defaults` has. One with the name of a preset above replaces it.

```yaml
presets:
  our-rig:
    settle: 20s
    ignore: ["*.raw"]

mappings:
  - name: rig
    directory: /data/rig
    experiment: 20261123-1
    preset: our-rig
```
"""


def doctor_page() -> str:
    """Every check of `aqsync doctor` with its code."""
    verdicts = {
        Verdict.OK: "all is well",
        Verdict.WARNING: "it works, and something should be seen to",
        Verdict.FAULT: "it does not work, or soon will not; the exit code is 1",
        Verdict.SKIPPED: "it was not looked at, and the message says why",
    }
    lines = [
        "# The checks of `aqsync doctor`",
        "",
        _made_by(),
        "",
        "Each check has a code that never changes. With `--json` the answer is an object with",
        "`version`, `faults` and `warnings` (their numbers) and `findings`: a list of objects with",
        "`code`, `verdict`, `message` and `cure`. A check may find several things, or the same of",
        "several mappings. Where a fault itself advises nothing better, its cure is the one below.",
        "",
        "| verdict | meaning |",
        "|---|---|",
        *(f"| `{verdict}` | {verdicts[verdict]} |" for verdict in Verdict),
        "",
        "| code | looks at | cure |",
        "|---|---|---|",
        *(f"| `{each.code}` | {_text(each.looks_at)} | {_text(each.cure)} |" for each in CHECKS),
    ]
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Commands", "", _made_by(), "", _text(aqsync.help), ""]
    lines += _table(top_context())
    lines.append("What the exit codes mean, and which error gives which: [errors.md](errors.md).")
    lines.append("")
    for context in commands():
        name, command = context.command_path, context.command
        lines += [f"{'#' * len(name.split())} {name}", ""]
        if can_run(command):
            lines += ["```", f"{name} {' '.join(command.collect_usage_pieces(context))}", "```", ""]
        lines += [_text(command.help), "", *_table(context)]
        lines += ["```", _text(command.epilog).removeprefix(EXAMPLE), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def top_context() -> click.Context:
    """The command `aqsync` itself, as it is called."""
    return click.Context(aqsync, info_name="aqsync", **aqsync.context_settings)


def can_run(command: click.Command) -> bool:
    """Tell whether a command does something without a subcommand."""
    return not isinstance(command, click.Group) or command.invoke_without_command


def commands() -> Iterator[click.Context]:
    """Every command and group of commands, each with the words that call it."""
    top = top_context()
    for name in COMMANDS:
        command = load(name)
        context = click.Context(command, top, name)
        yield context
        yield from _below(context)


def _below(context: click.Context) -> Iterator[click.Context]:
    """The commands of a group, and of groups in it."""
    if isinstance(context.command, click.Group):
        for word, command in context.command.commands.items():
            below = click.Context(command, context, word)
            yield below
            yield from _below(below)


def _table(context: click.Context) -> list[str]:
    parameters = sorted(context.command.params, key=lambda p: isinstance(p, click.Option))
    records = filter(None, (parameter.get_help_record(context) for parameter in parameters))
    rows = [f"| `{_text(names)}` | {_text(about)} |" for names, about in records]
    return ["| | |", "|---|---|", *rows, ""] if rows else []


def _text(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("|", "\\|").replace("  [", " [")


def _first_sentence(kind: type[AqsyncError]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].replace("``", "`")


def _made_by() -> str:
    return f"<!-- Made from the code by `{COMMAND}`; do not edit. -->"


if __name__ == "__main__":
    for page, content in pages().items():
        (REFERENCE / page).write_text(content, encoding="utf-8")
