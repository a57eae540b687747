"""Long lists, page by page: pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aqsync.server.web.markup import EMPTY, Markup, fill

_MOST_DIGITS = 9


def number_of(text: str) -> int:
    """Return the page's number, from 1, that a link asks for; 1 for what is no number."""
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

    def links(self, name: str, link_to: Callable[[int], str]) -> Markup:
        """Return links to the pages beside this one, if there are any.

        Args:
            name: What the list holds.
            link_to: Makes the link to a page of its number.
        """
        if self.last == 1:
            return EMPTY
        before = fill("step", rel="prev", to=link_to(self.number - 1), text="Previous")
        after = fill("step", rel="next", to=link_to(self.number + 1), text="Next")
        return fill(
            "paging",
            name=name,
            before=before if self.number > 1 else EMPTY,
            number=self.number,
            last=self.last,
            after=after if self.number < self.last else EMPTY,
        )
