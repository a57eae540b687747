"""How much of a long list to print, and a note if it was not all."""

from __future__ import annotations

import click

from aqsync.cli.output import complain
from aqsync.errors import ConfigError

_DEFAULT_LIMIT = 20

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 500),
    help=f"How many to list at most; {_DEFAULT_LIMIT} by default.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All of them, however many.")


def how_many_wanted(limit: int | None, *, everything: bool) -> int | None:
    """Return how many to list at most; None means all.

    Raises:
        ConfigError: The two options contradict each other.
    """
    if everything and limit is not None:
        raise ConfigError("--limit and --all cannot stand together", hint="leave one of them out")
    return None if everything else limit or _DEFAULT_LIMIT


def say_how_many(shown: int, total: int, what: str) -> None:
    """Print a note if a list is empty or not complete."""
    if shown == 0:
        complain(f"no {what} found")
    elif shown < total:
        complain(f"{shown} of {total} {what}; --all lists every one")
