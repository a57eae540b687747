"""Databases of earlier releases, brought up to the present format with all that they hold."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage

RELEASED = {
    "0001-experiments": "c44cbf1130ad253effbb07784bdcf528e9aad05401f3409ba779e9a57a890c49",
    "0002-tasks": "0e88b6ce9671a82dbaaf3cfe3a7b09101081263ddb7737e8bf4dcb36826dd4b5",
}
"""By migration, the SHA-256 of its text for SQLite: one that ran somewhere must never change."""
OLD = UUID("5a0c0d06-7d5c-4b2f-9e8b-a3c5a4f6d001")
EXPERIMENTS = f"""
INSERT INTO experiment VALUES (7, '{OLD}', '20260102-3', 'old', 'text', 'admin', 10, 20);
INSERT INTO tag VALUES ('b', 'B'), ('a', 'A'), ('c', 'c');
INSERT INTO experiment_tag (experiment, tag) VALUES (7, 'c'), (7, 'a'), (7, 'b');
INSERT INTO last_eid VALUES ('20260102', 3);
"""


def begin_format(data: Path, number: int) -> None:
    """Make a data directory as a release left it that knew only so many migrations."""
    data.mkdir(mode=0o700)
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as database:
        database.executescript(
            "PRAGMA journal_mode = WAL;"
            + "".join(step.sqlite for step in MIGRATIONS[:number])
            + f"PRAGMA application_id = {0x41514453}; PRAGMA user_version = {number};{EXPERIMENTS}"
        )


def test_migrations_that_were_released_stay_as_they_are() -> None:
    texts = {step.name: step.sqlite for step in MIGRATIONS}
    for name, digest in RELEASED.items():
        assert hashlib.sha256(texts[name].encode()).hexdigest() == digest, name


def test_migrations_are_numbered() -> None:
    assert [step.name[:5] for step in MIGRATIONS] == [
        f"{number:04}-" for number in range(1, len(MIGRATIONS) + 1)
    ]


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
def test_a_catalog_of_an_earlier_format_keeps_all_that_it_holds(
    tmp_path: Path, number: int
) -> None:
    data = tmp_path / "data"
    begin_format(data, number)
    for _ in range(2):
        storage = Storage(StorageSettings(data))
        try:
            [found], total = storage.catalog.search(ExperimentFilter(text="OLD"), 0, 9)
            assert (found.uuid, found.eid, found.title) == (OLD, "20260102-3", "old")
            assert (found.tags, total) == (("c", "A", "B"), 1)
            assert storage.catalog.tags(unused=False) == ["A", "B", "c"]
            assert storage.tasks.of_experiment(OLD) == []
            storage.catalog.add_tags(OLD, ["A", "d"])
            assert storage.catalog.by_uuid(OLD).tags == ("c", "A", "B", "d")
            storage.catalog.remove_tag(OLD, "d")
        finally:
            storage.close()


def test_a_number_of_the_day_is_not_given_again_after_an_upgrade(tmp_path: Path) -> None:
    begin_format(tmp_path / "data", 1)
    storage = Storage(StorageSettings(tmp_path / "data"))
    try:
        with storage.database.reading() as database:
            assert database.execute("SELECT day, number FROM last_eid").fetchall() == [
                ("20260102", 3)
            ]
    finally:
        storage.close()
