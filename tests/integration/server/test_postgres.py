"""A server on a real PostgreSQL: how it starts, and what it does while that is away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from aqsync.errors import ServeFailed
from aqsync.server.catalog.database import DatabaseAway, transaction
from aqsync.server.catalog.postgres import PostgresDatabase
from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.errors import OperationRefused, ServerStartError
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.old_catalogs import FORMATS, begin_in_postgres, check_that_all_is_there
from tests.support.patience import wait_until
from tests.support.postgres import Postgres
from tests.support.project import run
from tests.support.visit import Visit

SECRET = "s3cret"


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A database of the test's own."""
    return postgres.database()


def refusal(data: Path, url: str) -> ServerStartError:
    with pytest.raises(ServerStartError) as caught:
        Storage(StorageSettings(data, url)).close()
    assert not caught.value.message.endswith(".")
    assert caught.value.hint
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize("number", FORMATS)
def test_a_database_of_an_earlier_format_keeps_all_that_it_holds(
    tmp_path: Path, url: str, number: int
) -> None:
    begin_in_postgres(url, number)
    for _ in range(2):
        storage = Storage(StorageSettings(tmp_path / "data", url))
        try:
            check_that_all_is_there(storage)
        finally:
            storage.close()


def test_many_servers_that_start_at_once(postgres: Postgres, url: str) -> None:
    def start(_: int) -> None:
        PostgresDatabase(PostgresAddress(url)).close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(8)))
    names = postgres.run("SELECT name FROM migration ORDER BY name", url)
    assert names == [(step.name,) for step in MIGRATIONS]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TABLE alembic_version (x int)", "is a database of another program"),
        ("CREATE TABLE migration (x int)", "is a database of another program"),
        ("UPDATE migration SET name = '0001-other'", "is a database of another program"),
        ("INSERT INTO migration VALUES ('9999-new', 0)", "was made by a newer release"),
    ],
)
def test_a_database_of_others(
    tmp_path: Path, postgres: Postgres, url: str, sql: str, message: str
) -> None:
    if not sql.startswith("CREATE"):
        PostgresDatabase(PostgresAddress(url)).close()
        sql = sql if "INSERT" in sql else f"{sql} WHERE name LIKE '0001-%'"
    postgres.run(sql, url)
    before = postgres.run("SELECT tablename FROM pg_tables ORDER BY tablename", url)
    assert message in refusal(tmp_path / "data", url).message
    assert postgres.run("SELECT tablename FROM pg_tables ORDER BY tablename", url) == before


def test_an_encoding_that_cannot_hold_everything(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.database("ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    refused = refusal(tmp_path / "data", url)
    assert "has the encoding SQL_ASCII" in refused.message


def test_a_database_that_tells_capital_umlauts_from_small_ones_is_warned_of(
    tmp_path: Path, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres.database("ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C'")
    Storage(StorageSettings(tmp_path / "data", url)).close()
    assert "made with --locale C.UTF-8" in caplog.text


def test_passwords_come_from_the_usual_places(
    tmp_path: Path,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    postgres.run(f"CREATE ROLE careful LOGIN PASSWORD '{SECRET}'")
    name = postgres.database().rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} OWNER TO careful")
    bare = f"postgresql://careful@127.0.0.1:{postgres.port}/{name}"
    files = tmp_path / "pgpass"
    files.write_text(f"127.0.0.1:*:*:careful:{SECRET}\n")
    files.chmod(0o600)

    def opens(url: str) -> None:
        Storage(StorageSettings(tmp_path / "data", url)).close()

    assert "no password supplied" in refusal(tmp_path / "data", bare).message
    wrong = bare.replace("careful@", f"careful:{SECRET}-not@")
    assert "password authentication failed" in refusal(tmp_path / "data", wrong).message
    opens(bare.replace("careful@", f"careful:{SECRET}@"))
    assert "can see the password" in caplog.text
    assert SECRET not in caplog.text
    caplog.clear()
    with monkeypatch.context() as patched:
        patched.setenv("PGPASSFILE", str(files))
        opens(bare)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    opens(bare)
    assert not caplog.text


def test_it_is_reached_by_its_socket_too(tmp_path: Path, postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    where = f"postgresql:///{name}?host={postgres.folder}&port={postgres.port}&user=postgres"
    Storage(StorageSettings(tmp_path / "data", where)).close()


def test_files_and_database_that_do_not_belong_together(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    Storage(StorageSettings(tmp_path / "first", url)).close()
    refused = refusal(tmp_path / "second", url)
    assert "the files of this database are not in" in refused.message
    mark = (tmp_path / "first" / "server.id").read_text().strip()
    assert mark in refused.hint
    Storage(StorageSettings(tmp_path / "third")).close()
    assert "whose database is in it" in refusal(tmp_path / "third", postgres.database()).message


def test_a_command_that_finds_no_database_says_so(tmp_path: Path) -> None:
    url = f"postgresql://lab:{SECRET}@127.0.0.1:1/aqueduct"
    ran = run("serve", "--port", "0", "--data", tmp_path / "data", "--database", url)
    assert ran.exit_code == ServeFailed.exit_code
    said = ran.text
    assert "the database aqueduct on 127.0.0.1:1 cannot be used" in said
    assert SECRET not in said
    assert "Traceback" not in said


def test_a_text_that_cannot_be_stored_is_refused(tmp_path: Path, url: str) -> None:
    storage = Storage(StorageSettings(tmp_path / "data", url))
    try:
        with pytest.raises(OperationRefused, match="cannot be stored"):
            storage.catalog.create("a\0b", "", [], by="admin", create_folder=storage.files.create)
        assert storage.catalog.uuids() == []
    finally:
        storage.close()


def test_while_it_is_away_clients_are_told_and_all_goes_on_after_it(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    with (
        EmbeddedServer(tmp_path / "data", database=url) as server,
        Visit(server.url) as visit,
    ):
        made = visit.create("made before")
        postgres.stop()
        for _ in range(3):
            answer = visit.http.post(
                f"{server.url}/api/graphql",
                json={"query": "{experiments(offset: 0, limit: 9) {totalExperimentsCount}}"},
            )
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert answer.json() == {"detail": "The server's database cannot be reached for now."}
        page = visit.http.get(f"{server.url}/experiments/{made['eid']}")
        assert page.status_code == 503
        assert "cannot be reached for now" in page.text
        postgres.start()
        wait_until(lambda: is_there(visit), "the server finds its database again")
        assert visit.create("made afterwards")["eid"] != made["eid"]
        assert server.stop() == 0
    assert "Traceback" not in server.log
    assert server.log.count("cannot be reached") == 1


def test_files_that_the_database_knows_are_refused_for_now(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    more = ("--files", str(tmp_path / "files"))
    with (
        EmbeddedServer(tmp_path / "data", database=url, more=more) as server,
        Visit(server.url) as visit,
    ):
        uuid = visit.create()["uuid"]
        visit.put(uuid, "a", b"first")
        postgres.stop()
        try:
            answers = [
                visit.upload(uuid, "a", b"second"),
                visit.upload(uuid, "b", b"x" * 2_000_000),
                visit.http.get(f"/api/files/{uuid}/a"),
                visit.delete(uuid, ["a"]),
            ]
        finally:
            postgres.start()
        assert [each.status_code for each in answers] == [503] * 4
        assert {each.headers["retry-after"] for each in answers} == {"5"}
        wait_until(lambda: is_there(visit), "the server finds its database again")
        assert visit.get(uuid, "a") == b"first"
        assert visit.names(uuid) == ["a"]
        visit.put(uuid, "a", b"second")
    assert "Traceback" not in server.log


def is_there(visit: Visit) -> bool:
    answer = visit.http.get(f"{visit.url}/")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200


def test_connections_that_broke_meanwhile_cost_nobody_an_answer(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    storage = Storage(StorageSettings(tmp_path / "data", url))
    try:
        with ThreadPoolExecutor(8) as threads:
            for _ in range(2):
                assert list(threads.map(lambda _: storage.catalog.uuids(), range(40))) == [[]] * 40
                postgres.break_connections(url)
    finally:
        storage.close()


@pytest.mark.parametrize("ends", [False, True])
def test_a_transaction_whose_connection_is_lost(
    postgres: Postgres, url: str, *, ends: bool
) -> None:
    database = PostgresDatabase(PostgresAddress(url))
    runs: list[str] = []

    @transaction
    def change() -> None:
        runs.append(f"run {len(runs)}")
        with database.changing() as connection:
            connection.execute("INSERT INTO removed VALUES (?)", (runs[-1],))
            if len(runs) == 1:
                postgres.break_connections(url)
            if not ends:
                connection.execute("SELECT 1")

    try:
        if ends:
            # Nobody can tell whether it was committed, so it is not done again unasked.
            with pytest.raises(DatabaseAway, match="look whether this was done"):
                change()
        else:
            change()
        assert postgres.run("SELECT uuid FROM removed", url) == ([] if ends else [("run 1",)])
    finally:
        database.close()


def test_a_transaction_that_went_on_after_an_error_is_no_success(url: str) -> None:
    database = PostgresDatabase(PostgresAddress(url))

    def go_on() -> None:
        with database.changing() as connection:
            connection.execute("INSERT INTO removed VALUES (?)", ("x",))
            with suppress(psycopg.Error):
                connection.execute("SELECT 1 / 0")

    try:
        with pytest.raises(DatabaseAway):
            go_on()
        with database.reading() as connection:
            assert connection.execute("SELECT uuid FROM removed").fetchall() == []
    finally:
        database.close()
    with pytest.raises(DatabaseAway), database.reading():
        pytest.fail("it is closed")


def test_all_servers_have_the_time_of_the_database(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 5 * 3600 * 10**9)
    with closing(PostgresDatabase(PostgresAddress(url))) as database:
        assert abs(database.now() - real() // 1000) < 3600 * 10**6
