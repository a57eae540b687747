"""The same is done in a SQLite file and in PostgreSQL: no answer tells them apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from aqsync.server.catalog.catalog import Catalog, Experiment
from aqsync.server.catalog.database import Database
from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.catalog.opening import open_database
from aqsync.server.catalog.task_records import Orderer, TaskFilter, TaskRecords
from aqsync.server.errors import OperationRefused
from tests.support.postgres import Postgres

LETTERS = "abAB äÄéÉ_%\\'\"?-1:\n\0"
TAGS = ["a", "A", "b-1", "B-1", "x/y", "X/Y", "__archived__", "no tag", "", "t" * 64, "t" * 65]
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Both:
    """What is done to both, and what each has answered."""

    def __init__(self, databases: list[Database], chance: random.Random) -> None:
        self._catalogs = [Catalog(database) for database in databases]
        self._tasks = [TaskRecords(database) for database in databases]
        self._made: list[list[UUID]] = [[], []]
        self._chance = chance

    def step(self) -> None:
        chance = self._chance
        act = chance.choice(
            [
                *(self._create, self._create, self._update, self._tag, self._untag, self._remove),
                *(self._search, self._search, self._search, self._look, self._order),
            ]
        )
        told: list[object] = []
        state = chance.getstate()
        for side in (0, 1):
            chance.setstate(state)
            told.append(self._told(side, act))
        assert told[0] == told[1], act.__name__

    def _told(self, side: int, act: Callable[[int], object]) -> object:
        try:
            return act(side)
        except OperationRefused as exc:
            return str(exc)

    def _one(self, side: int) -> UUID:
        number = self._chance.randrange(len(self._made[side]) + 1)
        return self._made[side][number] if number < len(self._made[side]) else uuid4()

    def _text(self, longest: int = 6) -> str:
        return "".join(self._chance.choices(LETTERS, k=self._chance.randrange(longest)))

    def _some_tags(self) -> list[str]:
        return self._chance.choices(TAGS[: self._chance.choice((6, 7, 11))], k=2)

    def _shown(self, side: int, found: Experiment) -> object:
        number = self._made[side].index(found.uuid)
        return replace(found, uuid=UUID(int=number), created_at=NEVER, updated_at=NEVER)

    def _create(self, side: int) -> object:
        made = self._catalogs[side].create(
            self._text(), self._text(), self._some_tags(), by="one", create_folder=lambda _: None
        )
        self._made[side].append(made.uuid)
        return self._shown(side, made)

    def _update(self, side: int) -> object:
        title = self._chance.choice((None, "", self._text(), "x" * 257))
        return self._shown(side, self._catalogs[side].update(self._one(side), title, self._text()))

    def _tag(self, side: int) -> object:
        return self._shown(side, self._catalogs[side].add_tags(self._one(side), self._some_tags()))

    def _untag(self, side: int) -> object:
        tag = self._chance.choice(TAGS)
        return self._shown(side, self._catalogs[side].remove_tag(self._one(side), tag))

    def _remove(self, side: int) -> object:
        return self._catalogs[side].remove(self._one(side))

    def _search(self, side: int) -> object:
        chance = self._chance
        wanted = ExperimentFilter(
            text=chance.choice((None, self._text(4))),
            any_tags=chance.choice((None, None, [], self._some_tags())),
            all_tags=chance.choice((None, None, [], self._some_tags()[:1])),
            start=chance.choice((None, NEVER)),
            end=chance.choice((None, None, None, NEVER)),
        )
        found, total = self._catalogs[side].search(
            wanted, chance.randrange(-3, 4), chance.randrange(-3, 20)
        )
        return [self._shown(side, each) for each in found], total

    def _look(self, side: int) -> object:
        catalog = self._catalogs[side]
        unused = self._chance.random() < 0.5
        return (
            self._shown(side, catalog.by_uuid(self._one(side))),
            sorted(catalog.tags(unused=unused)),
            len(catalog.removed()),
        )

    def _order(self, side: int) -> object:
        records = self._tasks[side]
        records.add(
            self._one(side), "e", self._chance.choice("ab"), [], Orderer("one"), lambda *_: None
        )
        offset, limit = self._chance.randrange(-3, 3), self._chance.randrange(-3, 9)
        found, total = records.search(TaskFilter(action="a"), offset, limit)
        return [(each.action, each.status) for each in found], total


@contextmanager
def both(folder: Path, url: str, seed: int) -> Iterator[Both]:
    folder.mkdir()
    with ExitStack() as stack:
        databases = [open_database(folder, None), open_database(folder / "no file", url)]
        for database in databases:
            stack.callback(database.close)
        yield Both(databases, random.Random(seed))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 15))]
)
def test_both_answer_alike(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    with both(tmp_path / "data", postgres.database(), seed) as pair:
        for _ in range(300 if seed else 120):
            pair.step()
