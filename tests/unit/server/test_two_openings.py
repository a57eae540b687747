"""A server that starts, and a command beside it, make one new database together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from aqsync.server.catalog.sqlite import SqliteDatabase

AT_ONCE = 4


def test_a_new_database_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    for number in range(10):
        begin = threading.Barrier(AT_ONCE)

        def open_it(
            _: int, path: Path = tmp_path / f"{number}.db", go: threading.Barrier = begin
        ) -> int:
            go.wait()
            with closing(SqliteDatabase(path)) as database, database.reading() as connection:
                ((tables,),) = connection.execute(
                    "SELECT count(*) FROM sqlite_master WHERE name = 'token'"
                ).fetchall()
                return int(tables)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            assert list(threads.map(open_it, range(AT_ONCE))) == [1] * AT_ONCE
