"""Where the bars of a plot stand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

HEIGHT, BASE, TOP = 190, 165, 20
"""Of the picture, of the line on which bars stand, and of the highest bar, in pixels."""
_MOST_LABELS = 8
"""More of them would run into each other on a phone."""
_BAR_SHARE = 0.8
"""The rest of a bar's room stays empty."""


class Bar(NamedTuple):
    """A bar; across in per cent of the picture's width, so that its texts keep their size."""

    x: float
    width: float
    middle: float
    y: float
    height: float
    label: str
    """Empty: it has no room for one."""
    told: str
    """Its name and value in words."""


class Plot(NamedTuple):
    """What is drawn."""

    bars: list[Bar]
    top: str
    """What the highest bar stands for."""


def plot(columns: Sequence[tuple[str, int]], said: Callable[[int], str]) -> Plot:
    """Work out the bars.

    Args:
        columns: Each with its name, and a number of at least 0.
        said: Such a number in words.
    """
    most = max((value for _, value in columns), default=0)
    room = 100 / max(1, len(columns))
    every = -(-len(columns) // _MOST_LABELS)
    found = list[Bar]()
    for place, (name, value) in enumerate(columns):
        share = value / most if most else 0
        height = max(1.0, share * (BASE - TOP)) if value else 0.0
        label = "" if place % every else name
        across = (place * room + room * (1 - _BAR_SHARE) / 2, room * _BAR_SHARE)
        x, width, middle = (round(each, 3) for each in (*across, (place + 0.5) * room))
        y = round(BASE - height, 1)
        bar = Bar(x, width, middle, y, round(height, 1), label, f"{name}: {said(value)}")
        found.append(bar)
    return Plot(found, said(most))
