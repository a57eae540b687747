"""The tables of the server's database, as named migrations that run once each, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

_ORDER_OF_TAGS = """
CREATE TABLE tag_of_experiment (
    number INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (number) ON DELETE CASCADE,
    tag TEXT NOT NULL REFERENCES tag (key),
    UNIQUE (experiment, tag)
);
INSERT INTO tag_of_experiment SELECT rowid, experiment, tag FROM experiment_tag;
DROP TABLE experiment_tag;
ALTER TABLE tag_of_experiment RENAME TO experiment_tag;
CREATE INDEX experiment_tag_by_tag ON experiment_tag (tag);
"""
_ORDER_OF_TAGS_ON_POSTGRES = """
ALTER TABLE experiment_tag ADD COLUMN number INTEGER PRIMARY KEY;
"""

_TOKENS = """
CREATE TABLE token (
    uuid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    experiments TEXT,
    prefixes TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    ends_at INTEGER,
    revoked_at INTEGER,
    used_on TEXT
);
CREATE UNIQUE INDEX token_by_name ON token (name) WHERE revoked_at IS NULL;
CREATE TABLE task_token (task TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE);
ALTER TABLE task ADD COLUMN token TEXT;
"""

_PLACE_OF_FILES = """
-- The mark of the directory that has the files, where a database could be used with another one.
CREATE TABLE place_of_files (number INTEGER PRIMARY KEY CHECK (number = 1), mark TEXT NOT NULL);
"""

_SESSIONS = """
CREATE TABLE session (
    sha256 TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    token TEXT NOT NULL,
    used_at INTEGER NOT NULL
);
"""

_IMPORTS = """
CREATE TABLE imported_experiment (
    experiment INTEGER NOT NULL UNIQUE REFERENCES experiment (number) ON DELETE CASCADE,
    fields BLOB NOT NULL
);
CREATE TABLE imported_file (
    experiment INTEGER NOT NULL REFERENCES experiment (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    modified_at INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    compared INTEGER NOT NULL,
    PRIMARY KEY (experiment, name)
);
"""

_FILES = """
CREATE TABLE file (
    experiment INTEGER REFERENCES experiment (number) ON DELETE SET NULL,
    name TEXT NOT NULL,
    blob TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    owner TEXT,
    UNIQUE (experiment, name)
);
CREATE INDEX file_without_experiment ON file (blob) WHERE experiment IS NULL;
CREATE TABLE removed_blob (
    blob TEXT PRIMARY KEY,
    size INTEGER,
    removed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX removed_blob_by_age ON removed_blob (removed_at);
CREATE TABLE blob_lease (
    id TEXT PRIMARY KEY,
    blob TEXT NOT NULL,
    writing INTEGER NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX blob_lease_by_blob ON blob_lease (blob);
-- Experiments of which a file was removed: they had files, even if they have none.
CREATE TABLE had_files (
    experiment INTEGER NOT NULL UNIQUE REFERENCES experiment (number) ON DELETE CASCADE
);
CREATE TABLE sweep (what TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE file_note (
    experiment INTEGER NOT NULL REFERENCES experiment (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    stored_at INTEGER NOT NULL,
    sha256 BLOB,
    owner TEXT,
    PRIMARY KEY (experiment, name, stored_at)
) WITHOUT ROWID;
"""

_MOVE = """
-- That all of another storage is moved into this one; until that is done, no server starts on it.
CREATE TABLE move (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    source TEXT NOT NULL,
    done_at INTEGER
);
CREATE TABLE moved_experiment (uuid TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_IN_POSTGRES = {
    "INTEGER PRIMARY KEY": "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    "INTEGER": "bigint",
    "BLOB": "bytea",
    " WITHOUT ROWID": "",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a format of the database to the next.

    Args:
        name: A number and a name, which never change.
        sqlite: Its statements for SQLite; they never change either once they were released.
        other: Its statements for PostgreSQL, still in the words of SQLite, where they differ.
    """

    name: str
    sqlite: str
    other: str | None = None

    @property
    def postgres(self) -> str:
        """Its statements for PostgreSQL."""
        words = "|".join(map(re.escape, _IN_POSTGRES))
        text = self.sqlite if self.other is None else self.other
        return re.sub(words, lambda word: _IN_POSTGRES[word[0]], text)


MIGRATIONS = (
    Migration("0001-experiments", _EXPERIMENTS),
    Migration("0002-tasks", _TASKS),
    Migration("0003-order-of-tags", _ORDER_OF_TAGS, _ORDER_OF_TAGS_ON_POSTGRES),
    Migration("0004-tokens", _TOKENS),
    Migration("0005-place-of-files", _PLACE_OF_FILES),
    Migration("0006-sessions", _SESSIONS),
    Migration("0007-imports", _IMPORTS),
    Migration("0008-files", _FILES),
    Migration("0009-move", _MOVE),
)
