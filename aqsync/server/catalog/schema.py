"""The catalog's tables, and opening it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from aqsync.server.errors import ServerStartError

_APPLICATION_ID = 0x41514453  # "AQDS"
_EXPERIMENTS = """
CREATE TABLE experiment (
    number INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    eid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX experiment_by_age ON experiment (created_at, number);
CREATE TABLE tag (key TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (number) ON DELETE CASCADE,
    tag TEXT NOT NULL REFERENCES tag (key),
    UNIQUE (experiment, tag)
);
CREATE INDEX experiment_tag_by_tag ON experiment_tag (tag);
CREATE TABLE last_eid (day TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE removed (uuid TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_TASKS = """
CREATE TABLE task (
    number INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (number) ON DELETE CASCADE,
    extension TEXT NOT NULL,
    action TEXT NOT NULL,
    parameters TEXT NOT NULL,
    created_by TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    ended_at INTEGER,
    std_out TEXT,
    std_err TEXT,
    result_code INTEGER
);
CREATE INDEX task_by_experiment ON task (experiment);
CREATE INDEX task_by_age ON task (received_at, number);
CREATE INDEX task_unfinished ON task (status, number) WHERE ended_at IS NULL;
"""
_STEPS = (_EXPERIMENTS, _TASKS)
"""What each version has more than the one before it."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open a catalog, or make one; threads may share the connection.

    Raises:
        ServerStartError: The file is no catalog, or a newer release made it.
    """
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _check(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        database.create_function("casefold", 1, str.casefold, deterministic=True)
    except sqlite3.DatabaseError as exc:
        database.close()
        raise ServerStartError(
            f"the catalog {path} cannot be used: {exc}",
            "Restore it from a backup, or start with another data directory.",
        ) from exc
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a catalog without changing it; bring an older one up to date."""
    ((application_id,),) = database.execute("PRAGMA application_id")
    ((version,),) = database.execute("PRAGMA user_version")
    ((tables,),) = database.execute("SELECT count(*) FROM sqlite_master")
    if tables and application_id != _APPLICATION_ID:
        raise ServerStartError(
            f"{path} is a database of another program",
            "Start with another data directory.",
        )
    if version > len(_STEPS):
        raise ServerStartError(
            f"the catalog {path} was made by a newer release of aqsync",
            "Upgrade aqsync.",
        )
    steps = _STEPS[version if tables else 0 :]
    if steps:
        # In one transaction with its marks: a crash leaves all of it or nothing.
        database.executescript(
            f"BEGIN; {''.join(steps)} PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {len(_STEPS)}; COMMIT;"
        )
