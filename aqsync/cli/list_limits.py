"""Lists that may be long: how much of one is wanted, and how much of it was shown."""

from __future__ import annotations

import click

from aqsync.cli.output import complain
from aqsync.errors import ConfigError

_DEFAULT_LIMIT = 20

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 500),
    help=f"So many at most; {_DEFAULT_LIMIT} by default.",
)
all_option = click.option(
    "--all", "everything", is_flag=True, help="Every one, however many there are."
)


def how_many_wanted(limit: int | None, *, everything: bool) -> int | None:
    """Return how many to list at most; None for all.

    Raises:
        ConfigError: The two options contradict each other.
    """
    if everything and limit is not None:
        raise ConfigError("--limit and --all cannot stand together", hint="leave one of them out")
    return None if everything else limit or _DEFAULT_LIMIT


def say_how_many(shown: int, total: int, what: str) -> None:
    """Say it where a list is empty or not the whole."""
    if shown == 0:
        complain(f"no {what} found")
    elif shown < total:
        complain(f"{shown} of {total} {what}; --all lists every one")
