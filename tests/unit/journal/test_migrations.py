"""Journals of earlier formats, brought up to the present one with all that they know."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal
from aqsync.journal.mappings import RootIdentity
from aqsync.journal.schema import APPLICATION_ID, MIGRATIONS
from aqsync.model import Explanation, Problem, Reason
from tests.support.notes import AT1, EID, NOW, SHA1, V1, V2, notes

RELEASED = {
    "0001-first": "c4840bb97936c0e5df24a20ccf07edc5bc68fc57790f3e78f4f2d369e9e4c466",
}
"""By migration, the SHA-256 of its text: one that ran somewhere must never change."""
WITHOUT_CODES = 18
"""The last format in which reasons had no codes."""


def begin_first_format(path: Path) -> None:
    """A journal as the first release left it: one file in sync, one new, one gone."""
    path.parent.mkdir(parents=True)
    name, script = MIGRATIONS[0]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL;"
        f"CREATE TABLE migration (name TEXT PRIMARY KEY, applied_at_ns INTEGER);{script}"
        f"INSERT INTO migration VALUES ('{name}', {NOW});"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"
        "INSERT INTO mapping (name, root_device, root_inode) VALUES ('m', 1, 2);"
        f"INSERT INTO experiment (eid, uuid, listed_sequence) VALUES ('{EID}', 'uuid', 5);"
        f"INSERT INTO remote_file VALUES ('{EID}', 'synced.csv', '{AT1}');"
    )
    for file, size, synced in (("synced.csv", 10, True), ("new.csv", 10, False), ("x", None, True)):
        connection.execute(
            "INSERT INTO file (mapping_id, directory, name, kind, size, mtime_ns, ctime_ns, inode,"
            " since_ns, eid, remote_name) VALUES (1, '', ?, 0, ?, 100, 100, 7, ?, ?, ?)",
            (file, size, NOW, EID, file),
        )
        if synced:
            connection.execute(
                "UPDATE file SET synced_size = 10, synced_mtime_ns = 100, synced_ctime_ns = 100,"
                " synced_inode = 7, synced_sha256 = ?, synced_at_ns = ?, synced_sequence = 3,"
                " synced_modified_at = ? WHERE name = ?",
                (SHA1, NOW, AT1, file),
            )
    connection.close()


def test_migrations_that_were_released_stay_as_they_are() -> None:
    texts = dict(MIGRATIONS)
    for name, digest in RELEASED.items():
        assert hashlib.sha256(texts[name].encode()).hexdigest() == digest


def test_a_journal_of_the_first_format_keeps_all_that_it_knows(path: Path) -> None:
    begin_first_format(path)
    with Journal.open_for_writing(path, NOW + 1) as journal:
        noted = notes(journal)
        record = journal.mappings.find("m")
        assert record is not None
        assert record.root == RootIdentity(1, 2)
        assert noted.at("new.csv").local == V1
        assert noted.at("new.csv").changing_since_ns is None
        assert noted.at("x").local is None
        synced = noted.at("synced.csv").synced
        assert synced is not None
        assert (synced.signature, synced.sha256, synced.modified_at) == (V1, SHA1, AT1)
        assert journal.observations.quiet(noted.mapping_id) == (1, 10, 0, 0)
        assert journal.mappings.watch(noted.mapping_id) is None
        assert journal.pauses.all() == {}
        assert journal.history.recent(10) == []
        assert noted.see("new.csv", V2, since_ns=NOW + 1).changing_since_ns == NOW
    with Journal.open_for_writing(path, NOW + 2) as journal:
        assert notes(journal).at("new.csv").changing_since_ns == NOW


def begin_without_codes(path: Path) -> None:
    """A journal as the last release left it that kept the words of a reason and no code."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE migration (name TEXT PRIMARY KEY, applied_at_ns INTEGER)")
        for name, script in MIGRATIONS[:WITHOUT_CODES]:
            connection.executescript(script)
            connection.execute("INSERT INTO migration VALUES (?, ?)", (name, NOW))
        connection.executescript(
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {WITHOUT_CODES};"
            "INSERT INTO mapping (name, watch_message, watch_hint, watch_since_ns)"
            f" VALUES ('m', 'w', 'wh', {NOW});"
            f"INSERT INTO trouble VALUES (1, '', 't', 'th', {NOW});"
            "INSERT INTO experiment (eid, problem_message, problem_hint, problem_since_ns)"
            f" VALUES ('{EID}', 'e', 'eh', {NOW});"
            f"INSERT INTO server_problem VALUES ('s', 'sh', 0, {NOW}, 1, {NOW}, 0);"
            f"INSERT INTO history VALUES (1, {NOW}, 'server away', '', '', 's');"
            f"INSERT INTO history VALUES (2, {NOW}, 'uploaded', 'm', 'a',"
            f" '10 bytes, SHA-256 {SHA1.hex()}');"
            "INSERT INTO file (mapping_id, directory, name, kind, size, mtime_ns, ctime_ns, inode,"
            " since_ns, eid, remote_name, failure_message, failure_hint, failure_permanent,"
            " failure_count, failure_at_ns)"
            f" VALUES (1, '', 'a', 0, 10, 1, 1, 7, {NOW}, '{EID}', 'a', 'f', 'fh', 1, 1, {NOW});"
        )


def test_reasons_without_codes_keep_their_words(path: Path) -> None:
    begin_without_codes(path)

    def earlier(message: str) -> Problem:
        return Problem(Explanation(Reason.EARLIER, message, f"{message}h"), NOW)

    with Journal.open_for_writing(path, NOW + 1) as journal:
        noted = notes(journal)
        assert journal.mappings.watch(noted.mapping_id) == earlier("w")
        assert journal.mappings.troubles(noted.mapping_id) == {"": earlier("t")}
        assert journal.remote.problems()[EID][0] == earlier("e")
        server = journal.remote.server_problem()
        assert server is not None
        assert server.why == earlier("s").why
        failure = noted.at("a").failure
        assert failure is not None
        assert (failure.why, failure.permanent) == (earlier("f").why, True)
        [event, uploaded] = journal.history.recent(9)
        assert (event.text, event.reason, event.size) == ("s", None, None)
        assert (uploaded.text, uploaded.size, uploaded.sha256) == ("", 10, SHA1.hex())


def test_a_copy_of_a_journal_of_the_first_format_knows_the_same(path: Path) -> None:
    begin_first_format(path)
    before = path.read_bytes()
    with Journal.copy_in_memory(path, NOW + 1) as copy:
        assert notes(copy).at("synced.csv").synced is not None
        assert copy.pauses.all() == {}
    assert path.read_bytes() == before


def test_a_journal_of_the_first_format_is_not_read_beside_its_writer(path: Path) -> None:
    begin_first_format(path)
    with pytest.raises(JournalError, match="written by an older aqsync") as caught:
        Journal.open_for_reading(path)
    assert "aqsync push" in caught.value.hint
    Journal.open_for_writing(path, NOW).close()
    with Journal.open_for_reading(path) as journal:
        assert journal.history.recent(1) == []
