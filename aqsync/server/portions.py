"""Long lists in portions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def portions(values: Iterable[_T], most: int) -> Iterator[list[_T]]:
    """Give values in lists of at most so many; an iterator is read as far as is asked for."""
    rest = iter(values)
    while some := list(islice(rest, most)):
        yield some
