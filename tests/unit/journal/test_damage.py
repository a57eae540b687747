"""Damage that SQLite lives with: it is found, and the journal set aside."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aqsync.errors import JournalBroken
from aqsync.journal import Journal
from aqsync.model import EntryKind
from tests.support.notes import AT1, EID, NOW, notes

Damage = Callable[[Path], None]


@pytest.fixture
def filled(path: Path) -> Path:
    """A journal with some files, closed in good order."""
    with Journal.open_for_writing(path, NOW) as journal:
        noted = notes(journal)
        for name in ("aaa.csv", "bbb.csv", "ccc.csv"):
            noted.sync(name)
        noted.list(dict.fromkeys(("aaa.csv", "bbb.csv", "ccc.csv"), AT1))
    return path


def replacing(old: bytes, new: bytes) -> Damage:
    """Changes the first place in the file."""

    def damage(path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, 1))

    return damage


def by_sql(*statements: str) -> Damage:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(replacing(b"changing_since_ns", b"changing_sinse_ns"), id="a column's name"),
        pytest.param(replacing(b"REFERENCES mapping", b"REFERENCES lapping"), id="a reference"),
        pytest.param(replacing(b"PRIMARY KEY (eid, name)", b"PRIMARY KEY (name, eid)"), id="a key"),
        pytest.param(replacing(b"COLLATE NOCASE", b"COLLATE BINARY"), id="a rule"),
        pytest.param(
            replacing(
                EID.encode() + b"bbb.csv" + AT1.encode(), EID.encode() + b"zbb.csv" + AT1.encode()
            ),
            id="the order of the mirror",
        ),
        pytest.param(
            replacing(EID.encode() + b"bbb.csv", EID.encode() + b"bbc.csv"), id="an index"
        ),
        pytest.param(by_sql("UPDATE file SET since_ns = x'01'"), id="a number's type"),
        pytest.param(by_sql("UPDATE experiment SET uuid = x'01'"), id="a text's type"),
        pytest.param(by_sql("DROP INDEX file_by_remote_name"), id="an index is missing"),
        pytest.param(
            by_sql(
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_schema SET sql = CAST(sql AS BLOB) WHERE name = 'tag'",
            ),
            id="a description that is no text",
        ),
    ],
)
def test_what_sqlite_passes_over_is_found(filled: Path, damage: Damage) -> None:
    damage(filled)
    with Journal.open_for_writing(filled, NOW + 1) as journal:
        assert journal.broken_set_aside is not None
        assert notes(journal).find("aaa.csv") is None


def test_a_verdict_that_is_no_text_is_damage(filled: Path) -> None:
    """SQLite puts names into its verdict as they stand in the file."""
    replacing(b"CREATE TABLE tag", b"CREATE TABLE t\xd5g")(filled)
    with Journal.open_for_writing(filled, NOW + 1) as journal:
        assert journal.broken_set_aside is not None


def test_text_that_is_no_text_is_damage(filled: Path) -> None:
    with Journal.open_for_writing(filled, NOW) as journal:
        by_sql("UPDATE experiment SET problem_message = CAST(x'ff' AS TEXT)")(filled)
        with pytest.raises(JournalBroken, match="not UTF-8"):
            journal.remote.experiments()
        assert journal.met_damage


def test_damage_once_met_need_not_be_found_again(filled: Path) -> None:
    """A check may pass over what a use of the journal stumbles upon, again and again."""
    with Journal.open_for_writing(filled, NOW) as journal:
        by_sql("UPDATE experiment SET problem_message = CAST(x'ff' AS TEXT)")(filled)
        with pytest.raises(JournalBroken):
            journal.remote.experiments()
    by_sql("UPDATE experiment SET problem_message = NULL")(filled)
    with Journal.open_for_writing(filled, NOW + 1) as journal:
        assert journal.broken_set_aside is not None
    with Journal.open_for_writing(filled, NOW + 2) as journal:
        assert journal.broken_set_aside is None


def test_what_no_check_can_find_is_asked_for_anew(filled: Path) -> None:
    with Journal.open_for_writing(filled, NOW) as journal:
        uuid = journal.remote.uuid(EID)
        assert journal.remote.digest([uuid]) is not None
    os.utime(filled)
    with Journal.open_for_writing(filled, NOW) as journal:
        assert journal.broken_set_aside is None
        assert journal.remote.digest([uuid]) is None
        assert journal.remote.uuid(EID) == uuid
    by_sql("UPDATE experiment SET uuid = 'm' || substr(uuid, 2)")(filled)
    with Journal.open_for_writing(filled, NOW) as journal:
        assert journal.remote.experiments()[EID].uuid is None
        assert notes(journal).at("aaa.csv").synced is not None


def test_a_kind_that_does_not_exist_is_not_opened(filled: Path) -> None:
    by_sql("UPDATE file SET kind = 77")(filled)
    with Journal.open_for_writing(filled, NOW) as journal:
        assert notes(journal).at("aaa.csv").kind is EntryKind.SPECIAL
