"""Which experiments are exported, and what they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.exports import Exports
from aqsync.server.errors import FileRefused
from aqsync.server.files.store import OpenFile
from aqsync.server.moving.moved import MovedTask, MoveRefused, Whole
from aqsync.server.storage import Storage


@dataclass(frozen=True, slots=True)
class Selection:
    """Which experiments are exported: those that fit all of this, archived ones too.

    Args:
        eids: Only these; none: all.
        tags: Only those with all of these tags, in any case.
        title: Only those with this text in the title, in any case; none: all.
        since: Only those created at or after this time; none: all.
    """

    eids: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    title: str | None = None
    since: datetime | None = None

    def takes(self, experiment: Experiment) -> bool:
        """Tell whether it takes an experiment."""
        have = {tag.lower() for tag in experiment.tags}
        return (
            (not self.eids or experiment.eid in self.eids)
            and {tag.lower() for tag in self.tags} <= have
            and (self.title or "").casefold() in experiment.title.casefold()
            and (self.since is None or experiment.created_at >= self.since)
        )


class Found(NamedTuple):
    """How much is exported."""

    experiments: int
    files: int


class Outbound:
    """Gives what is exported.

    Args:
        storage: Where it is.
        selection: Which experiments.
    """

    def __init__(self, storage: Storage, selection: Selection) -> None:
        self._storage = storage
        self._selection = selection

    def check(self) -> Found:
        """Return how much there is to be exported.

        Raises:
            MoveRefused: There is none, or one that is named is not there.
        """
        found = files = 0
        missing = set(self._selection.eids)
        for each in self._all():
            missing.discard(each.eid)
            if self._selection.takes(each):
                found += 1
                files += len(self.names(each))
        if missing:
            raise MoveRefused(
                f"there is no such experiment here: {', '.join(sorted(missing))}",
                "Leave it out, or name it as the server lists it.",
            )
        if not found:
            raise MoveRefused(
                "there is no experiment to be exported",
                "Ask for other tags, another title or an earlier time.",
            )
        return Found(found, files)

    def experiments(self) -> Iterator[Experiment]:
        """Give those that are exported, the oldest entry first."""
        return filter(self._selection.takes, self._all())

    def _all(self) -> Iterator[Experiment]:
        return Exports(self._storage.database).all()

    def whole(self, experiment: Experiment) -> Whole:
        """Return an experiment with its tasks."""
        records = self._storage.tasks
        tasks = records.of_experiment(experiment.uuid)
        return Whole(
            experiment, tuple(MovedTask(task, *records.output(task.uuid)) for task in tasks)
        )

    def names(self, experiment: Experiment) -> list[str]:
        """Return the names of an experiment's files, sorted."""
        return self._storage.files.listing(experiment.uuid).names()

    def times(self, experiment: Experiment) -> dict[str, str]:
        """Return, by name, the times of an experiment's files as lists show them."""
        columns = self._storage.files.listing(experiment.uuid).columns()
        return dict(zip(columns.names, columns.times, strict=True))

    @contextmanager
    def opened(self, experiment: Experiment, name: str) -> Iterator[OpenFile | None]:
        """Open a file for reading; None if it was removed since it was listed.

        Raises:
            OSError: The disk failed.
        """
        try:
            found = self._storage.files.open_for_reading(experiment.uuid, name)
        except FileRefused:
            yield None
            return
        try:
            yield found
        finally:
            found.close()


def pieces(found: OpenFile, eid: str, name: str) -> Iterator[bytes]:
    """Give a file's bytes, exactly as many as it has.

    Raises:
        MoveRefused: It ends too early.
    """
    left = found.facts.size
    while left and (piece := found.next_piece()):
        left -= len(piece)
        yield piece
    if left:
        raise MoveRefused(f"{name!r} of {eid} cannot be read to its end")
