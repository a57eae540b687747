"""What the commands on experiments, tags, files, extensions and tasks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration file; only its section `server` counts."
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server's address; else $AQSYNC_URL, else the configuration's."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="A file with the token; else $AQSYNC_API_TOKEN, $API_TOKEN or the configuration's.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value instead of lines.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, do it.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every one, however many.")]
LimitOption = Annotated[
    int | None, typer.Option(min=1, max=500, help="So many at most; 20 if left out.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(help="Not older than this: 2026-11-23, '2026-11-23 10:00', or 2d for two days."),
]
UntilOption = Annotated[
    str | None, typer.Option(help="Not younger than this; a date means the whole day.")
]
ExperimentArgument = Annotated[
    str, typer.Argument(metavar="EID", help="The experiment's EID (or UUID).", show_default=False)
]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which server is meant, as the command line says it; None where it does not.

    Args:
        config: The configuration file.
        url: The server's address.
        token_file: The file with the token.
    """

    config: Path | None
    url: str | None
    token_file: Path | None


def group(about: str) -> typer.Typer:
    """Make a group of commands.

    Args:
        about: What it is for.
    """
    return typer.Typer(help=about, no_args_is_help=True)
