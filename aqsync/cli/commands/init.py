"""``aqsync init``: writes a commented configuration, from options or a few questions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from aqsync.cli.output import say
from aqsync.config import MappingDraft, render_config
from aqsync.errors import ConfigError, ExitCode

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@click.command()
@click.option(
    "--output",
    type=Path,
    default=Path("aqsync.yaml"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--url", help="The server's address.")
@click.option("--token-file", type=Path, help="The file that holds the token.")
@click.option("--directory", type=Path, help="The directory to upload.")
@click.option("--experiment", help="The EID, such as 20261123-1.")
@click.option("--path", help='With --experiment "{eid}": where it stands, "{eid}_*/**".')
@click.option("--name", help="The mapping's name.")
@click.option("--prefix", help="What every remote name begins with.")
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
    force: bool,
) -> ExitCode:
    """Write a commented configuration, from options or a few questions."""
    if output.exists() and not force:
        raise ConfigError(f"{output} exists already", hint="choose another --output, or --force")
    url = url or _ask("The server's address", "http://127.0.0.1:8000", "--url")
    root = Path(directory or _ask("The directory to upload", None, "--directory"))
    root = root.expanduser().absolute()
    draft = MappingDraft(
        experiment=experiment
        or _ask("The experiment's EID, such as 20261123-1", None, "--experiment"),
        name=name or _NOT_IN_NAMES.sub("-", root.name).strip("-._") or "data",
        directory=str(root),
        path=path,
        prefix=prefix,
    )
    token = None if token_file is None else str(token_file.absolute())
    text = render_config(url, [draft], token_file=token, at=output.absolute())
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{output} cannot be written: {exc.strerror}") from exc
    say(f"wrote {output}; next: aqsync check --online --config {output}")
    return ExitCode.OK


def _ask(question: str, default: str | None, option: str) -> str:
    if not sys.stdin.isatty():
        if default is not None:
            return default
        raise ConfigError(
            f"{option} is missing, and there is no terminal to ask on", hint=f"give {option}"
        )
    answer: str = click.prompt(question, default=default)
    return answer.strip()
