"""Figures, their targets, and the table that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Args:
        name: What was measured.
        values: Of each round.
        unit: Of the values; empty for a ratio.
        at_least: The target, where more is better.
        at_most: The target, where less is better.
    """

    name: str
    values: Sequence[float]
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """The median: one round that something else disturbed does not count."""
        return median(self.values)

    @property
    def passed(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns, with the range over all rounds."""
    rows = [("figure", "median", "range", "target", "")]
    rows += [
        (f.name, _shown(f.value, f.unit), _range(f), _target(f), _verdict(f.passed))
        for f in figures
    ]
    return columns(rows, 1, 1)


def columns(rows: Sequence[Sequence[str]], left: int, left_at_end: int = 0) -> str:
    """Rows in columns, a line below the first.

    Args:
        rows: As many cells each; the first is the heading.
        left: How many of the first columns are words, which begin below each other.
        left_at_end: How many of the last ones are.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = {*range(left), *range(len(widths) - left_at_end, len(widths))}
    lines = [
        "  ".join(
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _shown(value: float, unit: str) -> str:
    digits = 2 if abs(value) < 10 else 0
    return f"{value:.{digits}f} {unit}".rstrip()


def _range(figure: Figure) -> str:
    if len(figure.values) == 1:
        return ""
    return f"{_shown(min(figure.values), '')}..{_shown(max(figure.values), '')}"


def _target(figure: Figure) -> str:
    if figure.at_least is not None:
        return f">= {figure.at_least:g} {figure.unit}".rstrip()
    return "" if figure.at_most is None else f"<= {figure.at_most:g} {figure.unit}".rstrip()


def _verdict(passed: bool | None) -> str:  # noqa: FBT001 - a verdict has nothing else to be
    return {True: "pass", False: "MISS", None: ""}[passed]
