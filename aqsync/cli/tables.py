"""Tables and blocks of fields: drawn on a terminal, plain aligned columns elsewhere."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from aqsync.cli.output import say
from aqsync.local_time import local_text
from aqsync.wording import printable

_GAP = "  "
_WIDEST = 255
"""Columns that are filled with blanks; one text of 64 KiB would fill every line up to there."""
_WIDE = {"W", "F"}
_LONGEST_WORD = 16
"""A longer one is folded where there is no room."""


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; nothing if it has no rows.

    Args:
        headings: One for each column.
        rows: Each with a text for each column.
    """
    cells = [[printable(text) for text in row] for row in rows]
    if not cells:
        return
    if sys.stdout.isatty() and _draw(headings, cells):
        return
    for line in aligned([list(headings), *cells]):
        say(line)


def say_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print names with their values, each value's further lines below its first."""
    pairs = [(f"{name}:", value) for name, value in fields]
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        for index, line in enumerate(value.splitlines() or [""]):
            say(f"{name if index == 0 else '':{width}}{_GAP}{line}".rstrip())


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Put texts into columns; the last may have any width, and what is wider than any name."""
    widths = [min(max(map(_width, column)), _WIDEST) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def time_text(moment: datetime | None) -> str:
    """A time as `local_text` writes it; empty if there is none."""
    return "" if moment is None else local_text(moment)


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in _WIDE)
        for c in text
    )


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Draw a table as wide as the terminal; leave it if that is too narrow for its words."""
    from rich.console import Console  # noqa: PLC0415 - rich is slow to import
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    console = Console()
    columns = list(zip(headings, *rows, strict=True))
    least = [min(_LONGEST_WORD, max(map(_longest_word, column))) for column in columns]
    least[0] = max(map(_width, columns[0]))  # people copy names from it, so it is never folded
    if sum(least) + len(_GAP) * (len(least) - 1) > console.width:
        return False
    table = Table(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False)
    for heading, width in zip(headings, least, strict=True):
        table.add_column(heading, overflow="fold", min_width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    return True


def _longest_word(text: str) -> int:
    return max(map(_width, text.split()), default=0)
