"""Going through all experiments, page by page, each page one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from aqsync.server.catalog.catalog import Experiment, numbered_experiments
from aqsync.server.catalog.database import Database, transaction

_PAGE = 200


class Exports:
    """All experiments. Any thread may call.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Iterator[Experiment]:
        """Give every experiment that is there at the beginning, the oldest entry first."""
        last = 0
        while page := self._after(last):
            for last, experiment in page:  # noqa: B007 - used for the next page
                yield experiment

    @transaction
    def _after(self, number: int) -> list[tuple[int, Experiment]]:
        with self._database.reading() as database:
            return numbered_experiments(database, number, _PAGE)
