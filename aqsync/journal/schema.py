"""The journal's tables, as named migrations that run once each, in order.

Columns of names and directories have no type: they hold text if it is UTF-8, otherwise the raw
bytes. A NULL size means that the file is gone. No id of a file is used twice, as work that ends
late must not count for another file.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x41515359
""""AQSY": marks the SQLite file as an aqsync journal."""

_FIRST = """
CREATE TABLE counter (value INTEGER NOT NULL);
INSERT INTO counter VALUES (0);

CREATE TABLE mapping (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    root_device INTEGER,
    root_inode INTEGER,
    selection_rules TEXT NOT NULL DEFAULT '',
    target_rules TEXT NOT NULL DEFAULT '',
    tag_rules TEXT NOT NULL DEFAULT '',
    scanned_at_ns INTEGER,
    complete_at_ns INTEGER
);

CREATE TABLE trouble (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    path NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, path)
) WITHOUT ROWID;

CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    directory NOT NULL,
    name NOT NULL,
    kind INTEGER NOT NULL,
    size INTEGER,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    since_ns INTEGER NOT NULL,
    eid TEXT,
    remote_name TEXT NOT NULL,
    synced_size INTEGER,
    synced_mtime_ns INTEGER,
    synced_ctime_ns INTEGER,
    synced_inode INTEGER,
    synced_sha256 BLOB,
    synced_at_ns INTEGER,
    synced_sequence INTEGER,
    synced_modified_at TEXT,
    synced_not_before REAL,
    synced_not_after REAL,
    sent_sha256 BLOB,
    sent_size INTEGER,
    differs_modified_at TEXT,
    differs_at_ns INTEGER,
    failure_message TEXT,
    failure_hint TEXT,
    failure_permanent INTEGER,
    failure_count INTEGER NOT NULL DEFAULT 0,
    failure_at_ns INTEGER,
    removed_at_ns INTEGER,
    insisted INTEGER NOT NULL DEFAULT 0,
    may_replace TEXT,
    UNIQUE (mapping_id, directory, name)
);
CREATE INDEX file_by_remote_name ON file (eid, remote_name);
-- For what every run asks: all that a scan compares, and for what it nearly never finds.
CREATE INDEX file_as_seen ON file
    (mapping_id, directory, name, kind, size, mtime_ns, ctime_ns, inode);
CREATE INDEX file_by_age ON file (mapping_id, since_ns, size);
CREATE INDEX file_failing ON file (mapping_id) WHERE failure_message IS NOT NULL;
CREATE INDEX file_to_be_listed ON file (eid)
    WHERE synced_modified_at IS NULL AND synced_sequence IS NOT NULL;

CREATE TABLE experiment (
    eid TEXT PRIMARY KEY,
    uuid TEXT,
    listed_sequence INTEGER NOT NULL DEFAULT 0,
    listed_at_ns INTEGER,
    problem_message TEXT,
    problem_hint TEXT,
    problem_since_ns INTEGER
) WITHOUT ROWID;

CREATE TABLE remote_file (
    eid TEXT NOT NULL,
    name TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    PRIMARY KEY (eid, name)
) WITHOUT ROWID;

CREATE TABLE listing (
    uuids TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE tag (
    eid TEXT NOT NULL,
    tag TEXT NOT NULL COLLATE NOCASE,
    earned_at_ns INTEGER NOT NULL,
    applied_at_ns INTEGER,
    failure_message TEXT,
    failure_hint TEXT,
    PRIMARY KEY (eid, tag)
) WITHOUT ROWID;

CREATE TABLE server_problem (
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    denied INTEGER NOT NULL,
    since_ns INTEGER NOT NULL,
    count INTEGER NOT NULL,
    probe_at_ns INTEGER NOT NULL
);
"""

_DAEMON = """
CREATE TABLE pause (
    mapping TEXT PRIMARY KEY,
    since_ns INTEGER NOT NULL,
    until_ns INTEGER
) WITHOUT ROWID;

ALTER TABLE mapping ADD COLUMN watch_message TEXT;
ALTER TABLE mapping ADD COLUMN watch_hint TEXT;
ALTER TABLE mapping ADD COLUMN watch_since_ns INTEGER;

ALTER TABLE file ADD COLUMN changing_since_ns INTEGER;

-- No index: one would cost every upload more than a question by path or time, which reads
-- through a million rows in less than half a second, is worth.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    mapping TEXT NOT NULL,
    path NOT NULL,
    text TEXT NOT NULL
);
"""

_MOUNTS = """
CREATE TABLE mount (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    path NOT NULL,
    device INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, path)
) WITHOUT ROWID;
"""

_REMOVALS = """
CREATE TABLE removal (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL
);
CREATE INDEX removal_by_time ON removal (mapping_id, at_ns);
"""

_DOUBT = """
ALTER TABLE mapping ADD COLUMN newest_undoubted INTEGER;
"""

_REMOVING = """
ALTER TABLE file ADD COLUMN removing INTEGER NOT NULL DEFAULT 0;
"""

_LATER_EXPERIMENTS = """
ALTER TABLE experiment ADD COLUMN problem_looks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE experiment ADD COLUMN problem_again_ns INTEGER;
"""

_RETRY_AFTER = """
ALTER TABLE server_problem ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;
"""

# A file that was never sent and was not in a root in doubt used to be marked as failed; now all
# files of such a root are held.
_IDENTITIES = """
ALTER TABLE mapping ADD COLUMN root_file_system INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mount ADD COLUMN inode INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mount ADD COLUMN file_system INTEGER NOT NULL DEFAULT 0;
UPDATE file SET failure_message = NULL, failure_hint = NULL, failure_permanent = NULL,
    failure_count = 0, failure_at_ns = NULL
    WHERE failure_message =
        'not in the directory when it was last looked at, and never uploaded';
"""

_PAST_VERSIONS = """
-- What was sent under a name before, or may have been: it outlives the file's row. A name on the
-- server that has such a content holds nothing of others.
CREATE TABLE past_version (
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (uuid, name, sha256)
) WITHOUT ROWID;
CREATE INDEX past_version_by_number ON past_version (number);

CREATE TRIGGER past_versions_are_few AFTER INSERT ON past_version BEGIN
    DELETE FROM past_version WHERE uuid = NEW.uuid AND name = NEW.name AND number <
        (SELECT number FROM past_version WHERE uuid = NEW.uuid AND name = NEW.name
         ORDER BY number DESC LIMIT 1 OFFSET 31);
END;

CREATE TRIGGER synced_is_past AFTER UPDATE OF synced_sha256, eid, remote_name ON file
WHEN OLD.synced_sha256 IS NOT NULL AND (NEW.synced_sha256 IS NOT OLD.synced_sha256
    OR NEW.eid IS NOT OLD.eid OR NEW.remote_name IS NOT OLD.remote_name) BEGIN
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.synced_sha256, OLD.synced_size, c.value
    FROM experiment e, counter c WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL;
END;
CREATE TRIGGER sent_is_past AFTER UPDATE OF sent_sha256, eid, remote_name ON file
WHEN OLD.sent_sha256 IS NOT NULL AND (NEW.sent_sha256 IS NOT OLD.sent_sha256
    OR NEW.eid IS NOT OLD.eid OR NEW.remote_name IS NOT OLD.remote_name)
    AND OLD.sent_sha256 IS NOT NEW.synced_sha256 BEGIN
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.sent_sha256, OLD.sent_size, c.value
    FROM experiment e, counter c WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL;
END;
CREATE TRIGGER versions_outlive_their_file BEFORE DELETE ON file
WHEN OLD.synced_sha256 IS NOT NULL OR OLD.sent_sha256 IS NOT NULL BEGIN
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.synced_sha256, OLD.synced_size, c.value
    FROM experiment e, counter c
    WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL AND OLD.synced_sha256 IS NOT NULL;
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.sent_sha256, OLD.sent_size, c.value
    FROM experiment e, counter c
    WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL AND OLD.sent_sha256 IS NOT NULL;
END;

-- What a comparison found, and whether a list has ever shown the synced version.
ALTER TABLE file RENAME COLUMN differs_modified_at TO compared_modified_at;
ALTER TABLE file RENAME COLUMN differs_at_ns TO compared_at_ns;
ALTER TABLE file ADD COLUMN compared_finding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN compared_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN compared_sha256 BLOB;
ALTER TABLE file ADD COLUMN synced_listed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE file ADD COLUMN synced_replaced TEXT;
ALTER TABLE file ADD COLUMN resends INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN resends_since_ns INTEGER;
UPDATE file SET synced_listed = 0
    WHERE synced_sequence IS NOT NULL AND synced_modified_at IS NULL;
DROP INDEX file_to_be_listed;
CREATE INDEX file_to_be_listed ON file (eid) WHERE synced_listed = 0;
"""

_REFUSALS = """
CREATE TABLE refusal (
    eid TEXT NOT NULL,
    action TEXT NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    again_ns INTEGER NOT NULL,
    PRIMARY KEY (eid, action)
) WITHOUT ROWID;

CREATE TABLE refused_file (
    eid TEXT NOT NULL,
    action TEXT NOT NULL,
    file_id INTEGER NOT NULL,
    in_a_row INTEGER NOT NULL,
    PRIMARY KEY (eid, action, file_id)
) WITHOUT ROWID;
"""

_SIZE_LIMIT = """
CREATE TABLE size_limit (
    bytes INTEGER NOT NULL,
    named INTEGER NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    again_ns INTEGER NOT NULL
);
"""

_LEFT_OUT = """
ALTER TABLE mapping ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
"""

_RECHECKS = """
ALTER TABLE file ADD COLUMN recheck_at_ns INTEGER;
-- A minute after 100,000 uploads all of them are due, and a day later none: only those are in it.
CREATE INDEX file_to_recheck ON file (mapping_id, recheck_at_ns) WHERE recheck_at_ns IS NOT NULL;
"""

_HANGS = """
CREATE TABLE hang (
    mapping TEXT NOT NULL,
    path NOT NULL,
    since_ns INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    PRIMARY KEY (mapping, path)
) WITHOUT ROWID;
"""

_ADDRESSES = """
-- By which address an experiment was found: of a server at another one nothing is known yet.
ALTER TABLE experiment ADD COLUMN address TEXT;
"""

_CLOCK = """
-- By how much the wall clock was ahead of the monotonic one, in nanoseconds: one row at most.
CREATE TABLE clock (ahead_ns INTEGER NOT NULL);
"""

_UNANSWERED = """
-- When the server was last found to have, or was sent again, what it had not answered for.
ALTER TABLE file ADD COLUMN unanswered_ns INTEGER;
"""

_REASONS = """
-- A reason's code, beside the words that it was told in; NULL: the words of an earlier release.
ALTER TABLE trouble ADD COLUMN code TEXT;
ALTER TABLE file ADD COLUMN failure_code TEXT;
ALTER TABLE experiment ADD COLUMN problem_code TEXT;
ALTER TABLE server_problem ADD COLUMN code TEXT;
ALTER TABLE mapping ADD COLUMN watch_code TEXT;
ALTER TABLE history ADD COLUMN code TEXT;
"""

_ACCEPTED = """
-- What a person has accepted since the last look at a root: it and the disks mounted below it.
CREATE TABLE accepted (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    path NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    file_system INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, path)
) WITHOUT ROWID;
"""

_HISTORY_OF_CONTENT = """
-- Of what was uploaded: the size and the SHA-256 in hexadecimal digits. Before, both stood in the
-- text, always in the same words.
ALTER TABLE history ADD COLUMN size INTEGER;
ALTER TABLE history ADD COLUMN sha256 TEXT;
UPDATE history SET size = CAST(text AS INTEGER), sha256 = substr(text, -64), text = ''
    WHERE kind IN ('uploaded', 'adopted') AND text GLOB '[0-9]* bytes, SHA-256 *';
"""

_DATABASES = """
-- Of a database, `log` changes with its log or its journal. `format` is NULL until a file is looked
-- into.
ALTER TABLE file ADD COLUMN log INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN synced_log INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN format TEXT;
CREATE INDEX file_databases ON file (mapping_id) WHERE format = 'sqlite';
"""

_MEASUREMENTS = """
-- Which files were open for writing when the system was last asked; NULL: it never was.
ALTER TABLE mapping ADD COLUMN open_asked_ns INTEGER;
CREATE TABLE open_file (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    directory NOT NULL,
    name NOT NULL,
    PRIMARY KEY (mapping_id, directory, name)
) WITHOUT ROWID;

-- How each measurement stood when that was last told; nothing is ever decided from it.
CREATE TABLE measurement (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    folder NOT NULL,
    state TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, folder)
) WITHOUT ROWID;
"""

_OPEN_FILES = """
-- The last file that was known when the system was asked which files are open, and whether it told.
ALTER TABLE mapping ADD COLUMN open_asked_newest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mapping ADD COLUMN open_told INTEGER NOT NULL DEFAULT 1;
"""

_UNFINISHED = """
-- A file that its writer had not closed, by its own format: when last looked into, and when sent.
ALTER TABLE file ADD COLUMN unfinished_format TEXT;
ALTER TABLE file ADD COLUMN unfinished_at_ns INTEGER;
ALTER TABLE file ADD COLUMN synced_unfinished TEXT;
CREATE INDEX file_unfinished ON file (mapping_id) WHERE unfinished_at_ns IS NOT NULL;
CREATE INDEX file_sent_unfinished ON file (mapping_id) WHERE synced_unfinished IS NOT NULL;
"""

_SNAPSHOTS = """
-- Of a database: the bytes on the server, where these are not as many as the file has, and what
-- SQLite found damaged in them.
ALTER TABLE file ADD COLUMN synced_bytes INTEGER;
ALTER TABLE file ADD COLUMN synced_damage TEXT;

DROP TRIGGER synced_is_past;
CREATE TRIGGER synced_is_past AFTER UPDATE OF synced_sha256, eid, remote_name ON file
WHEN OLD.synced_sha256 IS NOT NULL AND (NEW.synced_sha256 IS NOT OLD.synced_sha256
    OR NEW.eid IS NOT OLD.eid OR NEW.remote_name IS NOT OLD.remote_name) BEGIN
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.synced_sha256,
        coalesce(OLD.synced_bytes, OLD.synced_size), c.value
    FROM experiment e, counter c WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL;
END;
DROP TRIGGER versions_outlive_their_file;
CREATE TRIGGER versions_outlive_their_file BEFORE DELETE ON file
WHEN OLD.synced_sha256 IS NOT NULL OR OLD.sent_sha256 IS NOT NULL BEGIN
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.synced_sha256,
        coalesce(OLD.synced_bytes, OLD.synced_size), c.value
    FROM experiment e, counter c
    WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL AND OLD.synced_sha256 IS NOT NULL;
    INSERT OR REPLACE INTO past_version
    SELECT e.uuid, OLD.remote_name, OLD.sent_sha256, OLD.sent_size, c.value
    FROM experiment e, counter c
    WHERE e.eid = OLD.eid AND e.uuid IS NOT NULL AND OLD.sent_sha256 IS NOT NULL;
END;
"""

_GROWING = """
-- What was seen of a file that keeps changing, and what was sent of it meanwhile.
ALTER TABLE file ADD COLUMN only_grown INTEGER NOT NULL DEFAULT 1;
ALTER TABLE file ADD COLUMN begun_size INTEGER;
ALTER TABLE file ADD COLUMN begun_sha256 BLOB;
ALTER TABLE file ADD COLUMN tried_at_ns INTEGER;
ALTER TABLE file ADD COLUMN spent_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN synced_provisional INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file ADD COLUMN sent_provisional INTEGER NOT NULL DEFAULT 0;
"""

_LEFTOVERS = """
-- The parts of databases, for the few of them that an earlier release has sent.
CREATE INDEX file_part_of_database ON file (mapping_id) WHERE kind = 4;
"""

_LOOKS = """
-- While a look at the disk has written only a part of what it sees: the last file known before it.
ALTER TABLE mapping ADD COLUMN newest_looked_at INTEGER;
"""

_LOCKED_INODES = """
-- What was locked for writing on a root's device when the system was last asked.
CREATE TABLE locked_inode (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    inode INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, inode)
) WITHOUT ROWID;
"""

_FREED = """
-- A person removed a file here to free space: this copy on the server is the only one. It outlives
-- the file's row, and holds whichever mapping leads to the name.
CREATE TABLE freed (
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified_at TEXT NOT NULL,
    PRIMARY KEY (uuid, name)
) WITHOUT ROWID;
"""

_ACTIONS = """
-- Runs of actions on measurements: the start is noted before it is asked for.
CREATE TABLE action_run (
    id INTEGER PRIMARY KEY,
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    folder NOT NULL,
    action TEXT NOT NULL,
    extension TEXT NOT NULL,
    name TEXT NOT NULL,
    uuid TEXT NOT NULL,
    digest BLOB NOT NULL,
    parameters TEXT NOT NULL,
    after TEXT NOT NULL,
    noted_at_ns INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    task TEXT,
    result_code INTEGER,
    said TEXT NOT NULL DEFAULT '',
    ended_at_ns INTEGER,
    again INTEGER NOT NULL DEFAULT 0,
    UNIQUE (mapping_id, folder, action, uuid, digest)
);
CREATE INDEX action_run_by_state ON action_run (state);

-- What keeps a configured action from being run.
CREATE TABLE action_problem (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, action)
) WITHOUT ROWID;
"""

_MADE = """
-- Folders that get an experiment each. The key of one stands in the place of an EID, as `new:` and
-- the identity: in `file`, `experiment`, `tag`, `refusal` ... `folder` is NULL while another folder
-- has its path.
CREATE TABLE made_folder (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    folder,
    inode INTEGER NOT NULL,
    PRIMARY KEY (mapping_id, identity)
) WITHOUT ROWID;
CREATE UNIQUE INDEX made_folder_by_path ON made_folder (mapping_id, folder)
    WHERE folder IS NOT NULL;

-- The EID that people see, and when the server was asked to make an experiment without an answer.
ALTER TABLE experiment ADD COLUMN shown_eid TEXT;
ALTER TABLE experiment ADD COLUMN asked_at_ns INTEGER;

-- What was written to an experiment that made itself: title and description are NULL once a person
-- has changed them. `words_folder` is the folder's path that they tell of, and `words_whole` says
-- whether its files had told all that they were asked for.
CREATE TABLE made_experiment (
    eid TEXT PRIMARY KEY,
    made_at_ns INTEGER NOT NULL,
    looked_again INTEGER NOT NULL DEFAULT 0,
    title TEXT,
    description TEXT,
    cuts TEXT NOT NULL,
    words_folder NOT NULL,
    words_whole INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX made_to_look_for_again ON made_experiment (made_at_ns) WHERE NOT looked_again;
CREATE TABLE double_experiment (
    eid TEXT NOT NULL,
    uuid TEXT NOT NULL,
    shown_eid TEXT NOT NULL,
    PRIMARY KEY (eid, uuid)
) WITHOUT ROWID;
"""

_MANIFESTS = """
-- When a version's content was last modified, where its signature does not tell: of a database its
-- last commit, and of a version that was sent while the file kept changing.
ALTER TABLE file ADD COLUMN synced_content_ns INTEGER;
-- The version on the server was not read: a manifest says that it has this content.
ALTER TABLE file ADD COLUMN synced_claimed INTEGER NOT NULL DEFAULT 0;

-- The manifest of each experiment. `changes` counts what has changed of what it would say, `bytes`
-- what was sent to the experiment; `has_changes` and `has_bytes` are what they were when the one on
-- the server was begun. `waits`: it lacks times that no list has shown yet.
CREATE TABLE manifest (
    eid TEXT PRIMARY KEY,
    changes INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    uuid TEXT,
    name TEXT,
    size INTEGER,
    sha256 BLOB,
    at_ns INTEGER,
    sequence INTEGER NOT NULL DEFAULT 0,
    modified_at TEXT,
    has_changes INTEGER NOT NULL DEFAULT 0,
    has_bytes INTEGER NOT NULL DEFAULT 0,
    waits INTEGER NOT NULL DEFAULT 0,
    spare_bytes INTEGER NOT NULL DEFAULT 0,
    sent_sha256 BLOB,
    failure_code TEXT,
    failure_message TEXT,
    failure_hint TEXT,
    failure_count INTEGER NOT NULL DEFAULT 0,
    failure_at_ns INTEGER
) WITHOUT ROWID;
INSERT INTO manifest (eid, changes) SELECT eid, EXISTS
    (SELECT 1 FROM file WHERE file.eid = experiment.eid AND synced_at_ns IS NOT NULL)
    FROM experiment;
CREATE TRIGGER manifest_of_experiment AFTER INSERT ON experiment BEGIN
    INSERT OR IGNORE INTO manifest (eid) VALUES (NEW.eid);
END;
CREATE TRIGGER manifest_is_behind AFTER UPDATE OF
    synced_at_ns, synced_sequence, removed_at_ns, eid, remote_name ON file
WHEN NEW.synced_at_ns IS NOT OLD.synced_at_ns OR NEW.synced_sequence IS NOT OLD.synced_sequence
    OR NEW.removed_at_ns IS NOT OLD.removed_at_ns
    OR (OLD.synced_at_ns IS NOT NULL
        AND (NEW.eid IS NOT OLD.eid OR NEW.remote_name IS NOT OLD.remote_name)) BEGIN
    UPDATE manifest SET changes = changes + 1,
        bytes = bytes + CASE WHEN NEW.synced_sequence > coalesce(OLD.synced_sequence, 0)
            THEN coalesce(NEW.synced_bytes, NEW.synced_size) ELSE 0 END
        WHERE eid = NEW.eid;
    UPDATE manifest SET changes = changes + 1 WHERE eid = OLD.eid AND OLD.eid IS NOT NEW.eid;
END;
CREATE TRIGGER manifest_has_more AFTER DELETE ON file WHEN OLD.synced_at_ns IS NOT NULL BEGIN
    UPDATE manifest SET changes = changes + 1 WHERE eid = OLD.eid;
END;
CREATE TRIGGER manifest_lacks_freed AFTER INSERT ON freed BEGIN
    UPDATE manifest SET changes = changes + 1
        WHERE eid IN (SELECT eid FROM experiment WHERE uuid = NEW.uuid);
END;
CREATE TRIGGER manifest_calls_it_freed AFTER DELETE ON freed BEGIN
    UPDATE manifest SET changes = changes + 1
        WHERE eid IN (SELECT eid FROM experiment WHERE uuid = OLD.uuid);
END;
-- Folders in which nothing is.
CREATE TABLE empty_folder (
    mapping_id INTEGER NOT NULL REFERENCES mapping(id) ON DELETE CASCADE,
    path NOT NULL,
    eid TEXT,
    PRIMARY KEY (mapping_id, path)
) WITHOUT ROWID;
CREATE INDEX empty_folder_by_experiment ON empty_folder (eid);
CREATE TRIGGER manifest_lacks_folder AFTER INSERT ON empty_folder BEGIN
    UPDATE manifest SET changes = changes + 1 WHERE eid = NEW.eid;
END;
CREATE TRIGGER manifest_has_more_folders AFTER DELETE ON empty_folder BEGIN
    UPDATE manifest SET changes = changes + 1 WHERE eid = OLD.eid;
END;
CREATE TRIGGER manifest_of_measurement AFTER INSERT ON measurement BEGIN
    UPDATE manifest SET changes = changes + 1 WHERE eid IN (SELECT eid FROM file
        WHERE mapping_id = NEW.mapping_id AND synced_at_ns IS NOT NULL AND (directory = NEW.folder
        OR directory > NEW.folder || '/' AND directory < NEW.folder || '0'));
END;
"""

_HISTORY_OF_UPLOADS = """
-- Where a file went, since when it had been as it was sent, and how long that took.
ALTER TABLE history ADD COLUMN eid TEXT;
ALTER TABLE history ADD COLUMN written_ns INTEGER;
ALTER TABLE history ADD COLUMN took_ns INTEGER;
-- How much was still to come, now and then: for people only.
CREATE TABLE backlog (
    at_ns INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (at_ns, mapping)
) WITHOUT ROWID;
"""

_FREED_TOLD = """
-- `changes` of the manifest that is the first to call it freed. Whatever a clock says, no file goes
-- here before that one is written.
ALTER TABLE freed ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
UPDATE freed SET changes = coalesce((SELECT max(m.changes) FROM manifest m
    JOIN experiment e ON e.eid = m.eid WHERE e.uuid = freed.uuid), 0);
"""

_WORDS_SEEN = """
-- How the file stood that did not tell everything, so that it is read again once it has changed.
ALTER TABLE made_experiment ADD COLUMN words_seen TEXT NOT NULL DEFAULT '';
"""

_NOTICES = """
CREATE TABLE notice (
    kind TEXT NOT NULL,
    mapping TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    told_at_ns INTEGER NOT NULL,
    gone_at_ns INTEGER,
    over_at_ns INTEGER,
    again INTEGER NOT NULL,
    PRIMARY KEY (kind, mapping, code)
) WITHOUT ROWID;

CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns INTEGER NOT NULL,
    address TEXT NOT NULL,
    body TEXT NOT NULL
);
"""

_FLEET = """
CREATE TABLE fleet (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    sha256 BLOB
);
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("0001-first", _FIRST),
    ("0002-daemon", _DAEMON),
    ("0003-mounts", _MOUNTS),
    ("0004-removals", _REMOVALS),
    ("0005-doubt", _DOUBT),
    ("0006-removing", _REMOVING),
    ("0007-later-experiments", _LATER_EXPERIMENTS),
    ("0008-retry-after", _RETRY_AFTER),
    ("0009-identities", _IDENTITIES),
    ("0010-past-versions", _PAST_VERSIONS),
    ("0011-refusals", _REFUSALS),
    ("0012-size-limit", _SIZE_LIMIT),
    ("0013-left-out", _LEFT_OUT),
    ("0014-rechecks", _RECHECKS),
    ("0015-hangs", _HANGS),
    ("0016-addresses", _ADDRESSES),
    ("0017-clock", _CLOCK),
    ("0018-unanswered", _UNANSWERED),
    ("0019-reasons", _REASONS),
    ("0020-accepted", _ACCEPTED),
    ("0021-history-of-content", _HISTORY_OF_CONTENT),
    ("0022-databases", _DATABASES),
    ("0023-measurements", _MEASUREMENTS),
    ("0024-open-files", _OPEN_FILES),
    ("0025-unfinished", _UNFINISHED),
    ("0026-snapshots", _SNAPSHOTS),
    ("0027-growing", _GROWING),
    ("0028-leftovers", _LEFTOVERS),
    ("0029-looks", _LOOKS),
    ("0030-locked-inodes", _LOCKED_INODES),
    ("0031-freed", _FREED),
    ("0032-actions", _ACTIONS),
    ("0033-made", _MADE),
    ("0034-manifests", _MANIFESTS),
    ("0035-history-of-uploads", _HISTORY_OF_UPLOADS),
    ("0036-freed-told", _FREED_TOLD),
    ("0037-words-seen", _WORDS_SEEN),
    ("0038-notices", _NOTICES),
    ("0039-fleet", _FLEET),
)

VERSION = len(MIGRATIONS)
"""What PRAGMA user_version says of a journal that this release wrote."""


def migrate(connection: sqlite3.Connection, now_ns: int) -> None:
    """Run the migrations that this journal has not seen, each in its own transaction."""
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, (name, script) in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.executescript(
            "BEGIN IMMEDIATE;"
            "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied_at_ns INTEGER);"
            f"{script}"
            f"INSERT INTO migration VALUES ('{name}', {now_ns:d});"
            f"PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number};"
            "COMMIT;"
        )
