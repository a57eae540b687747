"""Tokens in the database, who has them, and for how long that is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from aqsync.server.catalog.catalog import Catalog
from aqsync.server.catalog.opening import open_database
from aqsync.server.catalog.task_records import Orderer, TaskEnd, TaskRecords, TaskStatus
from aqsync.server.errors import OperationRefused
from aqsync.server.rights.rate_limit import RateLimit
from aqsync.server.rights.secret import digest_of
from aqsync.server.rights.token_directory import FRESH_SECONDS, TokenDirectory
from aqsync.server.rights.tokens import MOST_EXPERIMENTS, Tokens
from aqsync.server.rights.who import TOKEN_FILE, Scope, Who
from tests.support.postgres import Postgres

READER = Who("r", "ada", Scope.READ)


class Life:
    """Tokens of one database, and a time that is set."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.now = datetime(2026, 11, 30, 12, tzinfo=UTC)
        self.database = open_database(folder, url)
        self.tokens = Tokens(self.database, lambda: self.now)

    def make(self, who: Who = READER, ends_at: datetime | None = None) -> tuple[UUID, str]:
        token, secret = self.tokens.create(who, ends_at)
        return token.uuid, digest_of(secret.encode())

    def task(self, token: UUID | None) -> UUID:
        uuid = (
            Catalog(self.database).create("", "", [], by="ada", create_folder=lambda _: None).uuid
        )
        records = TaskRecords(self.database)
        return records.add(uuid, "e", "a", [], Orderer("ada", token), lambda *_: None).uuid

    @contextmanager
    def directory(self, file_token: str | None, seconds: list[float]) -> Iterator[TokenDirectory]:
        with ThreadPoolExecutor(1) as threads:
            yield TokenDirectory(self.tokens, file_token, threads, lambda: seconds[0])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Life]:
    url = None
    if request.param == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.database()
    made = Life(tmp_path, url)
    yield made
    made.database.close()


def test_a_token_counts_until_it_ends_or_is_revoked(life: Life) -> None:
    _, ending = life.make(ends_at=life.now + timedelta(hours=1))
    uuid, revoked = life.make(Who("other", "ada", Scope.WRITE, frozenset({uuid4()}), ("a", "b")))
    found = life.tokens.find(revoked)
    assert found is not None
    assert (found.scope, found.prefixes, len(found.experiments or ())) == (
        Scope.WRITE,
        ("a", "b"),
        1,
    )
    assert life.tokens.revoke("other").uuid == uuid
    assert life.tokens.find(revoked) is None
    life.now += timedelta(minutes=59)
    assert life.tokens.find(ending) is not None
    life.now += timedelta(minutes=1)
    assert life.tokens.find(ending) is None
    assert life.tokens.find(digest_of(b"")) is None


def test_too_many_experiments_for_one_token(life: Life) -> None:
    many = frozenset(uuid4() for _ in range(MOST_EXPERIMENTS + 1))
    with pytest.raises(OperationRefused, match="1000 experiments at most"):
        life.tokens.create(Who("n", "ada", Scope.READ, many))


def test_the_token_of_a_task_ends_with_the_task_and_with_what_it_was_ordered_with(
    life: Life,
) -> None:
    token, _ = life.make(Who("pc", "sem", Scope.UPLOAD))
    one, other = life.task(token), life.task(token)
    of_file = life.task(None)
    secrets = [digest_of(life.tokens.begin_task(task).encode()) for task in (one, other, of_file)]
    whose = [life.tokens.find(secret) for secret in secrets]
    assert [who and who.owner for who in whose] == ["sem", "sem", TOKEN_FILE.owner]
    records = TaskRecords(life.database)
    started = records.start_next()
    assert started is not None
    records.finish(started.uuid, TaskEnd(TaskStatus.SUCCESS))
    assert life.tokens.find(secrets[0]) is None, "a server that died here left its row"
    assert life.tokens.find(secrets[1]) is not None
    life.tokens.revoke("pc")
    assert life.tokens.find(secrets[1]) is None
    life.tokens.end_task(of_file)
    assert life.tokens.find(secrets[2]) is None


def test_a_revoked_token_is_believed_for_a_moment_and_a_new_one_at_once(life: Life) -> None:
    seconds = [100.0]
    _, digest = life.make()

    async def look(directory: TokenDirectory) -> list[bool]:
        found = [await directory.who_has(digest) is not None]
        life.tokens.revoke("r")
        found.append(await directory.who_has(digest) is not None)
        seconds[0] += FRESH_SECONDS
        found.append(await directory.who_has(digest) is not None)
        _, newer = life.make()
        found.append(await directory.who_has(newer) is not None)
        return found

    with life.directory("the token of the file", seconds) as directory:
        assert asyncio.run(look(directory)) == [True, True, False, True]
    assert [token.used_on is not None for token in life.tokens.all()] == [True, True]


def test_a_server_closes_with_its_first_token_and_never_opens_again(life: Life) -> None:
    seconds = [100.0]

    async def look(directory: TokenDirectory) -> list[bool]:
        found = [await directory.is_open()]
        life.make()
        found.append(await directory.is_open())
        seconds[0] += FRESH_SECONDS
        found.append(await directory.is_open())
        life.tokens.revoke("r")
        seconds[0] += 10 * FRESH_SECONDS
        found.append(await directory.is_open())
        return found

    with life.directory(None, seconds) as directory:
        assert asyncio.run(look(directory)) == [True, True, False, False]
    with life.directory(None, seconds) as directory:
        assert asyncio.run(directory.is_open()) is False


def test_the_token_of_the_file_needs_no_database(life: Life) -> None:
    life.database.close()
    with life.directory("the token of the file", [0.0]) as directory:
        who = asyncio.run(directory.who_sends(b"the token of the file"))
        assert who is not None
        assert who[1] is TOKEN_FILE
        assert asyncio.run(directory.is_open()) is False


def test_a_rate_is_kept_with_a_burst_and_each_pays_alone() -> None:
    seconds = [50.0]
    rate = RateLimit(2, lambda: seconds[0])
    assert [rate.wait_for("a") for _ in range(20)] == [0] * 20
    assert rate.wait_for("a") == 1
    assert rate.wait_for("b") == 0
    seconds[0] += 1
    assert [rate.wait_for("a") for _ in range(3)] == [0, 0, 1], "what was refused costs nothing"
    slow = RateLimit(0.01, lambda: seconds[0])
    assert slow.wait_for("a") == 0
    assert slow.wait_for("a") == 100
    seconds[0] += 100
    assert slow.wait_for("a") == 0
    assert all(RateLimit(None).wait_for("a") == 0 for _ in range(1000))
