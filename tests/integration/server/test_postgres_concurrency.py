"""Two servers on one PostgreSQL, and many threads that change the same at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import pytest

from aqsync.server.catalog.catalog import Catalog, Experiment
from aqsync.server.catalog.database import transaction
from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.catalog.postgres import PostgresDatabase
from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.catalog.task_records import Orderer, TaskRecords
from aqsync.server.errors import OperationRefused
from tests.support.length import long_but
from tests.support.postgres import Postgres

THREADS = 8
GONE = (
    "Experiment not found in the database.",
    "Non-existing experiment with the specified UUID for the user.",
    "DB query failed due to non-existing experiment with the specified UUID.",
    "DB query failed due to non-existing tag with the provided experiment.",
)


class Server:
    """The catalog of one of several servers."""

    def __init__(self, url: str) -> None:
        self.database = PostgresDatabase(PostgresAddress(url))
        self.catalog = Catalog(self.database)
        self.tasks = TaskRecords(self.database)

    def create(self, *tags: str) -> Experiment:
        return self.catalog.create("title", "", tags, by="admin", create_folder=lambda _: None)


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
def servers(url: str) -> Iterator[list[Server]]:
    both = [Server(url), Server(url)]
    yield both
    for server in both:
        server.database.close()


def at_once(act: Callable[[int], object], times: int = THREADS) -> list[object]:
    """Call it on as many threads, which begin together; errors of all of them come out."""
    ready = threading.Barrier(times)

    def run(number: int) -> object:
        ready.wait()
        return act(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


def test_no_eid_is_given_twice(servers: list[Server], postgres: Postgres, url: str) -> None:
    def live(number: int) -> list[str]:
        server, given = servers[number % 2], []
        for turn in range(20):
            made = server.create()
            given.append(made.eid)
            if turn % 3 == 0:
                server.catalog.remove(made.uuid)
        return given

    given = [eid for each in at_once(live) for eid in each]  # type: ignore[attr-defined]
    assert len(set(given)) == len(given) == 20 * THREADS
    days = {eid.partition("-")[0] for eid in given}
    numbers = postgres.run("SELECT sum(number) FROM last_eid", url)
    assert numbers == [(20 * THREADS,)] or len(days) == 2
    assert not set(given) & {servers[0].create().eid}


@pytest.mark.parametrize("turns", long_but(1, [1, 3]))
def test_a_new_tag_that_many_make_at_once(servers: list[Server], turns: int) -> None:
    for turn in range(turns):
        make_the_same_tags(servers, f"tag-{turn}")


def make_the_same_tags(servers: list[Server], name: str) -> None:
    experiments = [servers[0].create().uuid for _ in range(THREADS)]
    tags = [f"{name}-{number}" for number in range(20)]

    def tag(number: int) -> None:
        # In opposite orders, so that two of them could wait for each other.
        wanted = tags if number % 2 else tags[::-1]
        written = [each.upper() if number % 3 else each for each in wanted]
        servers[number % 2].catalog.add_tags(experiments[number], written)

    at_once(tag)
    known = servers[1].catalog.tags(unused=False)
    assert set(tags) <= set(map(str.lower, known))
    for number, uuid in enumerate(experiments):
        found = servers[0].catalog.by_uuid(uuid).tags
        assert [each.lower() for each in found] == (tags if number % 2 else tags[::-1])


def test_two_that_wait_for_each_other_both_get_through(servers: list[Server]) -> None:
    uuids = [servers[0].create().uuid for _ in range(2)]
    both_hold_one = threading.Barrier(2)
    tries: list[int] = []

    @transaction
    def change(number: int) -> None:
        tries.append(number)
        with servers[number].database.changing() as connection:
            for turn, uuid in enumerate(uuids if number else reversed(uuids)):
                connection.execute(
                    "UPDATE experiment SET title = title || ? WHERE uuid = ?",
                    (str(number), str(uuid)),
                )
                if turn == 0 and len(tries) <= 2:
                    both_hold_one.wait()

    at_once(change, 2)
    assert len(tries) == 3
    for uuid in uuids:
        assert sorted(servers[0].catalog.by_uuid(uuid).title.removeprefix("title")) == ["0", "1"]


@pytest.mark.long
def test_one_experiment_that_many_tag_at_once(servers: list[Server]) -> None:
    uuid = servers[0].create().uuid

    def tag(number: int) -> None:
        for each in range(10):
            servers[number % 2].catalog.add_tags(uuid, ["same", f"{number}-{each}"])
        servers[number % 2].catalog.remove_tag(uuid, f"{number}-0")

    at_once(tag)
    found = servers[0].catalog.by_uuid(uuid).tags
    assert set(found) == {"same"} | {f"{n}-{e}" for n in range(THREADS) for e in range(1, 10)}
    assert len(found) == len(set(found))


@pytest.mark.long
def test_a_removal_while_others_write(servers: list[Server], postgres: Postgres, url: str) -> None:
    refused: list[str] = []

    def write(server: Server, uuid: UUID, number: int) -> None:
        acts: list[Callable[[], object]] = [
            lambda: server.catalog.add_tags(uuid, [f"tag-{number}"]),
            lambda: server.catalog.update(uuid, f"title {number}", None),
            lambda: server.catalog.remove_tag(uuid, "first"),
            lambda: server.tasks.add(
                uuid, "extension", "action", [], Orderer("admin", None), lambda *_: None
            ),
        ]
        try:
            for act in acts[number % 4 :] + acts[: number % 4]:
                act()
        except OperationRefused as exc:
            refused.append(str(exc))

    removed: list[UUID] = []
    for _ in range(10):
        doomed = servers[0].create("first").uuid

        def live(number: int, doomed: UUID = doomed) -> None:
            server = servers[number % 2]
            if number < 2:
                with suppress(OperationRefused):
                    server.catalog.remove(doomed)
                    removed.append(doomed)
            else:
                write(server, doomed, number)

        at_once(live)
        assert removed.count(doomed) == 1
    assert set(refused) <= set(GONE)
    for table in ("experiment", "experiment_tag", "task"):
        assert postgres.run(f"SELECT count(*) FROM {table}", url) == [(0,)], table
    assert sorted(servers[1].catalog.removed()) == sorted(removed)


@pytest.mark.long
def test_a_page_shows_one_moment(servers: list[Server]) -> None:
    over = threading.Event()
    pages: list[tuple[int, int, int]] = []

    def look() -> None:
        while not over.is_set():
            found, total = servers[1].catalog.search(ExperimentFilter(), 0, 500)
            tagged = sum(each.tags == ("a", "b") for each in found)
            pages.append((len(found), total, tagged))

    with ThreadPoolExecutor(2) as lookers:
        looking = [lookers.submit(look) for _ in range(2)]
        try:
            for _ in range(30):
                made = [servers[0].create("a", "b") for _ in range(3)]
                servers[0].catalog.remove(made[0].uuid)
        finally:
            over.set()
        for each in looking:
            each.result()
    assert pages
    assert all(found == total == tagged for found, total, tagged in pages)


def test_what_is_held_up_for_too_long_is_refused_not_waited_for(
    servers: list[Server], postgres: Postgres, url: str
) -> None:
    with servers[0].database.changing() as connection:
        ((limit,),) = connection.execute("SHOW lock_timeout").fetchall()
        ((idle,),) = connection.execute("SHOW idle_in_transaction_session_timeout").fetchall()
        ((level,),) = connection.execute("SHOW synchronous_commit").fetchall()
    assert (limit, idle, level) == ("20s", "1min", "on")
    name = url.rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    third = Server(url)
    try:
        with third.database.reading() as connection:
            assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
    finally:
        third.database.close()
