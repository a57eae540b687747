"""Going through a long list page by page while it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from aqsync.aqueduct.records import ExperimentPage, ExperimentRef
from aqsync.errors import BadAnswer

Page = Callable[[datetime | None, int], ExperimentPage]
"""Gives the newest experiments created at or before a time, without so many of them."""

_MOST = 1_000_000
"""No server has so many experiments."""
_MOST_BARREN = 100
"""Pages in a row that may bring nothing new: experiments created meanwhile move the list."""


def by_age(page: Page, size: int, end: datetime | None) -> Iterator[ExperimentRef]:
    """Give all experiments, newest first, each once.

    Each page begins at the creation time of the last one seen, not at its place in the list, which
    moves when something is created or removed above it.

    Args:
        page: How to get a page.
        size: How many experiments a page has that is not the last.
        end: Leave out what was created after this time.

    Raises:
        BadAnswer: The pages do not lead on, so that there would be no end.
    """
    offset = 0
    seen: set[UUID] = set()
    given = barren = 0
    while True:
        found = page(end, offset).experiments
        new = [each for each in found if each.uuid not in seen]
        yield from new
        if len(found) < size:
            return
        given += len(new)
        barren = 0 if new else barren + 1
        if given > _MOST or barren > _MOST_BARREN:
            raise BadAnswer("search for experiments: the server gives pages without an end")
        last = found[-1].created_at
        if last == end:  # a whole page of one instant
            offset += size
        else:
            end, offset, seen = last, 0, set()
        seen.update(each.uuid for each in found if each.created_at == last)
