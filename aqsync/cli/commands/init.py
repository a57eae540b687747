"""``aqsync init``: writes a commented configuration, from options or a few questions."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from aqsync.cli.output import say
from aqsync.config import MappingDraft, render_config
from aqsync.errors import ConfigError, ExitCode

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What the command line said; None is asked for."""

    output: Path
    url: str | None
    token_file: Path | None
    directory: Path | None
    experiment: str | None
    path: str | None
    name: str | None
    prefix: str | None
    force: bool


def init(options: InitOptions) -> ExitCode:
    """Run the command.

    Raises:
        ConfigError: The file exists, an answer is missing or makes no valid configuration.
    """
    if options.output.exists() and not options.force:
        raise ConfigError(
            f"{options.output} exists already", hint="choose another --output, or --force"
        )
    url = options.url or _ask("The server's address", "http://127.0.0.1:8000", "--url")
    directory = str(options.directory or _ask("The directory to upload", None, "--directory"))
    experiment = options.experiment or _ask(
        "The experiment's EID, such as 20261123-1", None, "--experiment"
    )
    absolute = Path(directory).expanduser().absolute()
    name = options.name or _NOT_IN_NAMES.sub("-", absolute.name).strip("-._") or "data"
    draft = MappingDraft(
        name=name,
        directory=str(absolute),
        experiment=experiment,
        path=options.path,
        prefix=options.prefix,
    )
    token_file = None if options.token_file is None else str(options.token_file.absolute())
    text = render_config(url, [draft], token_file=token_file, at=options.output.absolute())
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{options.output} cannot be written: {exc.strerror}") from exc
    say(f"wrote {options.output}; next: aqsync check --online --config {options.output}")
    return ExitCode.OK


def _ask(question: str, default: str | None, option: str) -> str:
    if not sys.stdin.isatty():
        if default is not None:
            return default
        raise ConfigError(
            f"{option} is missing, and there is no terminal to ask on", hint=f"give {option}"
        )
    answer: str = typer.prompt(question, default=default)
    return answer.strip()
