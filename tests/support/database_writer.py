"""An instrument's program that writes to a database for ever: run as a process of its own.

Each transaction adds one to a counter and notes it in one of 200 rows, so a copy shows whether it
is a state that the database really had. After each commit the counter is noted in a plain file.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROWS = 200
BURST = 20


def prepare(place: Path, mode: str) -> None:
    """A database with all rows, and a counter of 0."""
    connection = sqlite3.connect(place, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE counter (value INTEGER)")
    connection.execute("CREATE TABLE row (k INTEGER PRIMARY KEY, value INTEGER, data BLOB)")
    connection.execute("CREATE INDEX by_value ON row (value)")
    connection.execute("INSERT INTO counter VALUES (0)")
    connection.executemany("INSERT INTO row VALUES (?, 0, '')", ((k,) for k in range(ROWS)))
    connection.close()


def check(place: Path) -> int:
    """The counter of a copy that opens, is whole, and is a state that the database had."""
    connection = sqlite3.connect(place, isolation_level=None)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        value = int(connection.execute("SELECT value FROM counter").fetchone()[0])
        rows = dict(connection.execute("SELECT k, value FROM row"))
    finally:
        connection.close()
    assert rows == {k: max(0, value - (value - k) % ROWS) for k in range(ROWS)}
    return value


def committed(counter: Path) -> int:
    """What the writer had committed by now, at least."""
    return int.from_bytes(counter.read_bytes(), "big")


@contextmanager
def writing(
    place: Path, counter: Path, autocheckpoint: int, now_and_then: str, rest_s: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Such a process at work; killed at the end.

    Args:
        place: The database.
        counter: Where it notes what it has committed.
        autocheckpoint: Pages of the log after which SQLite writes them into the database.
        now_and_then: A statement that runs about every 50 transactions; empty: none.
        rest_s: Seconds that it rests after every 20 transactions.
    """
    values = (place, counter, autocheckpoint, now_and_then, rest_s)
    before = committed(counter)
    process = subprocess.Popen([sys.executable, "-SE", __file__, *map(str, values)])
    try:
        while committed(counter) == before:
            assert process.poll() is None
            time.sleep(0.001)
        yield process
    finally:
        process.kill()
        process.wait()


def write(place: str, counter: str, autocheckpoint: str, now_and_then: str, rest_s: str) -> None:
    """Write until the end."""
    connection = sqlite3.connect(place, isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = 10")  # so that transactions reach the file early
    connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint}")
    value = int(connection.execute("SELECT value FROM counter").fetchone()[0])
    noted = os.open(counter, os.O_WRONLY)
    while True:
        for _ in range(BURST):
            value += 1
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE counter SET value = ?", (value,))
            connection.execute(
                "UPDATE row SET value = ?, data = randomblob(?) WHERE k = ?",
                (value, random.randrange(4000), value % ROWS),
            )
            connection.execute("COMMIT")
            os.pwrite(noted, value.to_bytes(8, "big"), 0)
            if now_and_then and value % 50 == 0:
                connection.execute(now_and_then).fetchall()
        time.sleep(float(rest_s))


if __name__ == "__main__":
    write(*sys.argv[1:])
