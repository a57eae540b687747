"""What the files of a SQLite database tell by their names and their first bytes. All is pure.

Beside a database ``X`` SQLite keeps ``X-wal`` (the log of the WAL mode, which holds what is not in
``X`` yet), ``X-shm`` (an index of the log, which can always be made anew) and ``X-journal`` (what
``X`` held before a transaction that is under way, or whose writer was killed).
"""

from __future__ import annotations

import hashlib

from aqsync.local.disk import Seen
from aqsync.model import EntryKind

DATABASE = "sqlite"
"""What the journal calls the format of a database."""
HEADER = 16
"""Bytes by which a database is known."""
LOG_HEADER = 32
"""Bytes of a log's header."""
FILE_HEADER = 100
"""Bytes of a database's own header."""
PAGE = 512
"""Bytes of the smallest page; a database at rest is a multiple of it."""
LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"
PARTS = (LOG, INDEX, JOURNAL)
"""What is put behind a database's name in the names of its parts."""

_DATABASE = b"SQLite format 3\0"
_LOGS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""The last bit says in which byte order the checksums are."""
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


def database_of(path: str) -> str | None:
    """The path of the database that a file is a part of, by its name; None: it has no such name."""
    if not path.endswith(PARTS):  # asked for each new file
        return None
    for part in PARTS:
        if path.endswith(part):
            base = path[: -len(part)]
            return base if base and not base.endswith("/") else None
    return None


def family_of(base: str) -> set[str]:
    """The names of a database and of all its parts."""
    return {base + part for part in ("", *PARTS)}


def begins_database(first: bytes) -> bool:
    """Whether a file with these first bytes, `HEADER` at least, is a database."""
    return first.startswith(_DATABASE)


def begins_log(first: bytes) -> bool:
    """Whether a file with these first bytes is the log of a database."""
    return first.startswith(_LOGS)


def begins_journal(first: bytes) -> bool:
    """Whether a file with these first bytes is a journal that SQLite may have to roll back.

    The journal of a transaction that was committed begins with zeros, or is empty.
    """
    return first.startswith(_JOURNAL)


def holds_something(part: Seen | None) -> bool:
    """Whether a database's log or journal is there and holds anything.

    SQLite makes and removes empty ones without changing the database, and opens nothing but files.
    """
    return part is not None and part[0] in {EntryKind.FILE, EntryKind.OTHERS} and part[1] > 0


def log_number(*parts: Seen | None) -> int:
    """A number that changes whenever one of these parts of a database does.

    Args:
        parts: Its log and its journal, in this order; None where there is none.

    Returns:
        0 if none holds anything; else at least 1 and less than 2 to the power of 63.
    """
    full = [part[1:] if part is not None and holds_something(part) else None for part in parts]
    if not any(full):
        return 0
    digest = hashlib.blake2b(repr(full).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def log_header(first: bytes) -> bytes:
    """The header of a log, which holds the two salts of its frames; empty where it is not whole."""
    return first[:LOG_HEADER] if len(first) >= LOG_HEADER else b""


def change_counter(first: bytes) -> bytes:
    """What each transaction in the mode without a log changes, of a file's first bytes."""
    return first[24:28]


def names_other_journal(last: bytes) -> bool:
    """Whether a journal with these last bytes belongs to a transaction of several databases.

    It names a file in which all of their journals stand, and SQLite looks for that file.
    """
    return last.endswith(_JOURNAL)
