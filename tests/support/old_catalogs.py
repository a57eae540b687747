"""Databases as earlier releases left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg

from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.storage import Storage

FORMATS = range(1, len(MIGRATIONS) + 1)
OLD = UUID("5a0c0d06-7d5c-4b2f-9e8b-a3c5a4f6d001")
_CONTENT = f"""
INSERT INTO experiment (uuid, eid, title, description, created_by, created_at, updated_at)
    VALUES ('{OLD}', '20260102-3', 'old', 'text', 'admin', 10, 20);
INSERT INTO tag VALUES ('b', 'B'), ('a', 'A'), ('c', 'c');
INSERT INTO experiment_tag (experiment, tag) SELECT number, 'c' FROM experiment;
INSERT INTO experiment_tag (experiment, tag) SELECT number, 'a' FROM experiment;
INSERT INTO experiment_tag (experiment, tag) SELECT number, 'b' FROM experiment;
INSERT INTO last_eid VALUES ('20260102', 3);
"""


def begin_in_sqlite(data: Path, number: int) -> None:
    """Make a data directory as a release left it that knew only so many migrations."""
    data.mkdir(mode=0o700)
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as database:
        database.executescript(
            "PRAGMA journal_mode = WAL;"
            + "".join(step.sqlite for step in MIGRATIONS[:number])
            + f"PRAGMA application_id = {0x41514453}; PRAGMA user_version = {number};{_CONTENT}"
        )


def begin_in_postgres(url: str, number: int) -> None:
    """Bring an empty database to where a release left it that knew only so many migrations."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE migration (name text PRIMARY KEY, applied_at bigint)")
        for step in MIGRATIONS[:number]:
            connection.execute(step.postgres.encode())
            connection.execute("INSERT INTO migration VALUES (%s, 1)", (step.name,))
        connection.execute(_CONTENT.encode())


def check_that_all_is_there(storage: Storage) -> None:
    """See whether nothing of an old database was lost, and whether it can be worked with."""
    catalog = storage.catalog
    [found], total = catalog.search(ExperimentFilter(text="OLD"), 0, 9)
    assert (found.uuid, found.eid, found.title) == (OLD, "20260102-3", "old")
    assert (found.tags, total) == (("c", "A", "B"), 1)
    assert catalog.tags(unused=False) == ["A", "B", "c"]
    assert storage.tasks.of_experiment(OLD) == []
    assert catalog.add_tags(OLD, ["A", "d"]).tags == ("c", "A", "B", "d")
    catalog.remove_tag(OLD, "d")
    with storage.database.reading() as database:
        given = database.execute("SELECT day, number FROM last_eid").fetchall()
    assert given == [("20260102", 3)]
