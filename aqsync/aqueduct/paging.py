"""Going through a long list page by page while it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from aqsync.aqueduct.records import ExperimentPage, ExperimentRef

Page = Callable[[datetime | None, int], ExperimentPage]
"""Gives the newest experiments created at or before a time, without so many of them."""


def by_age(page: Page, size: int, end: datetime | None) -> Iterator[ExperimentRef]:
    """Give all experiments, newest first, each once.

    Each page begins at the creation time of the last one seen, not at its place in the list, which
    moves when something is created or removed above it.

    Args:
        page: How to get a page.
        size: How many experiments a page has that is not the last.
        end: Leave out what was created after this time.
    """
    offset = 0
    seen: set[UUID] = set()
    while True:
        found = page(end, offset).experiments
        yield from (each for each in found if each.uuid not in seen)
        if len(found) < size:
            return
        last = found[-1].created_at
        if last == end:  # a whole page of one instant
            offset += size
        else:
            end, offset, seen = last, 0, set()
        seen.update(each.uuid for each in found if each.created_at == last)
