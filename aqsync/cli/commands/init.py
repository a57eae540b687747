"""``aqsync init``: writes a commented configuration, from options or a few questions."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import click

from aqsync.cli.interview import (
    ask_for_directory,
    ask_for_experiment,
    ask_for_folders,
    ask_for_patterns,
    ask_for_preset,
    ask_for_server,
    default_url,
    directory_named,
    entries_below,
)
from aqsync.cli.local_path import PATH
from aqsync.cli.main import load
from aqsync.cli.output import say
from aqsync.config import MappingDraft, render_config
from aqsync.config.made import NEW
from aqsync.config.presets import presets
from aqsync.errors import ConfigError, ExitCode
from aqsync.paths import absolute

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_ANY_EID = "20000101-1"


class _Answers(NamedTuple):
    """What is to be written."""

    url: str
    token_file: Path | None
    directory: Path
    experiment: str
    include: tuple[str, ...]
    preset: str | None
    path: str | None


@click.command(epilog="Example: aqsync init --output lab.yaml")
@click.option(
    "--output",
    type=PATH,
    default=Path("aqsync.yaml"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--url", help="The server's address; else $AQSYNC_URL.")
@click.option("--token-file", type=PATH, help="The file that holds the token.")
@click.option("--directory", type=PATH, help="The directory to upload.")
@click.option("--experiment", help="The EID, such as 20261123-1; or new, one for each folder.")
@click.option(
    "--path",
    help='With --experiment "{eid}": where it stands, "{eid}_*/**"; with new: the folders,'
    ' "{date}/{name}/**".',
)
@click.option("--name", help="The mapping's name.")
@click.option("--prefix", help="What every remote name begins with.")
@click.option("--include", multiple=True, help="A pattern of what is uploaded; may be repeated.")
@click.option(
    "--preset", type=click.Choice(list(presets())), help="Settings for a known program's files."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init(
    *,
    output: Path,
    url: str | None,
    token_file: Path | None,
    directory: Path | None,
    experiment: str | None,
    path: str | None,
    name: str | None,
    prefix: str | None,
    include: tuple[str, ...],
    preset: str | None,
    force: bool,
) -> ExitCode:
    """Write a commented configuration, from options or a few questions.

    On a terminal it asks for what the options leave out, tries server, token, directory and
    experiment at once, offers to store the token, and ends with what a push would do. Elsewhere
    it asks nobody, and writes what the options say.
    """
    if output.exists() and not force:
        raise ConfigError(f"{output} exists already", hint="choose another --output, or --force")
    _require_room_for(absolute(output))
    token_file = None if token_file is None else absolute(token_file)
    asked = sys.stdin.isatty() and sys.stdout.isatty()
    given = (url, token_file, directory, experiment, include, preset, path)
    answers = _asked(*given, at=absolute(output)) if asked else _as_given(*given)
    draft = MappingDraft(
        experiment=answers.experiment,
        name=name or _name_of(answers.directory),
        directory=str(answers.directory),
        path=answers.path,
        prefix=prefix,
        include=answers.include,
        preset=answers.preset,
    )
    token = None if answers.token_file is None else str(answers.token_file)
    text = render_config(answers.url, [draft], token_file=token, at=absolute(output))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{output} cannot be written: {exc.strerror}") from exc
    if not asked:
        say(f"wrote {output}; next: aqsync check --online --config {output}")
        return ExitCode.OK
    say(f"wrote {output}; this is what a push would do:")
    rehearsed = load("push").main(
        ["--dry-run", "--no-wait", "--config", str(output)], "aqsync push", standalone_mode=False
    )
    say(f"next: aqsync push --config {output}")
    return ExitCode.OK if rehearsed == ExitCode.INCOMPLETE else ExitCode(rehearsed)


def _require_room_for(output: Path) -> None:
    """Find out before anything is asked whether the answers can be written.

    Raises:
        ConfigError: They cannot.
    """
    folder = next(parent for parent in output.parents if parent.exists())
    if not os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ConfigError(
            f"{output} cannot be written: this user may not write into {folder}",
            hint="change into a folder of your own, or choose another --output",
        )


def _name_of(directory: Path) -> str:
    return _NOT_IN_NAMES.sub("-", directory.name).strip("-._") or "data"


def _asked(
    url: str | None,
    token_file: Path | None,
    directory: Path | None,
    experiment: str | None,
    include: tuple[str, ...],
    preset: str | None,
    path: str | None,
    *,
    at: Path,
) -> _Answers:
    """Ask for what is missing, and try everything."""
    server = ask_for_server(url, token_file)

    def check(root: Path) -> None:
        draft = MappingDraft(_name_of(root), str(root), _ANY_EID)
        token = None if server.token_file is None else str(server.token_file)
        render_config(server.url, [draft], token_file=token, at=at)

    with server.client:
        root = ask_for_directory(directory, check)
        eid = ask_for_experiment(server.client, experiment)
    if eid == NEW:
        path = ask_for_folders(path)
    entries = entries_below(root)
    if preset is None and not include:
        preset = ask_for_preset(entries)
    if preset is None:  # one knows which of its program's files matter
        include = ask_for_patterns(entries, include)
    return _Answers(server.url, server.token_file, root, eid, include, preset, path)


def _as_given(
    url: str | None,
    token_file: Path | None,
    directory: Path | None,
    experiment: str | None,
    include: tuple[str, ...],
    preset: str | None,
    path: str | None,
) -> _Answers:
    if directory is None:
        raise _missing("--directory")
    if experiment is None:
        raise _missing("--experiment")
    root = directory_named(str(directory))
    return _Answers(url or default_url(), token_file, root, experiment, include, preset, path)


def _missing(option: str) -> ConfigError:
    return ConfigError(
        f"{option} is missing, and there is no terminal to ask on", hint=f"give {option}"
    )
