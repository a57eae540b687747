"""Long lists, page by page: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DIGITS = 9


def number_of(text: str) -> int:
    """Return the page's number, from 1, that a link asks for; 1 if that is not a number."""
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return max(1, int(text))
    return 1


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a list a page is.

    Args:
        wanted: The number of the page that was asked for, from 1.
        length: How many entries a page has.
        total: How many entries there are.
    """

    wanted: int
    length: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.length))

    @property
    def number(self) -> int:
        """The page's number: the last one's, if there are fewer than was asked for."""
        return min(self.wanted, self.last)

    @property
    def start(self) -> int:
        """How many entries come before the page."""
        return (self.number - 1) * self.length
