"""How large a file the server accepts, as its refusals have shown."""

from __future__ import annotations

import threading
from dataclasses import replace

from aqsync.journal.database import Database
from aqsync.journal.rows import explained
from aqsync.model import Explanation, Reason, SizeLimit


class Limits:
    """The table of the size limit: at most one row.

    It is also kept in memory, as every upload reads it: only one `Limits` may write to a journal.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changing = threading.Lock()
        self._found: SizeLimit | None = None
        self._loaded = False
        self._largest_accepted = -1

    def size(self) -> SizeLimit | None:
        """The limit that is known."""
        if not self._loaded:
            with self._database.reading() as connection:  # its lock keeps writers out
                row = connection.execute(
                    "SELECT bytes, named, message, hint, again_ns FROM size_limit"
                ).fetchone()
                self._found = None
                if row is not None:
                    most, named, message, hint, again_ns = row
                    why = Explanation(Reason.FILE_REFUSED, message, hint)
                    self._found = SizeLimit(most, bool(named), why, again_ns)
                self._loaded = True
        return self._found

    def refused(
        self, size: int, named: int | None, why: Explanation, again_ns: int
    ) -> SizeLimit | None:
        """A file was too large.

        Args:
            size: Its bytes.
            named: The limit that the answer named; None: it named none.
            why: The answer.
            again_ns: When a larger file may try again.

        Returns:
            The limit as it is known now; None if the refusal was not about the size alone.
        """
        with self._changing:
            before = self.size()
            if named is not None:
                most = named
            elif size <= self._largest_accepted:
                return None
            else:
                most = min(size - 1, size if before is None else before.bytes)
            if not 0 <= most < size:
                return None
            self._set(SizeLimit(most, named is not None, why, again_ns))
            return self.size()

    def accepted(self, size: int) -> bool:
        """A file of this size was accepted; returns whether that ends a limit."""
        with self._changing:
            self._largest_accepted = max(self._largest_accepted, size)
            limit = self.size()
            if limit is None or size <= limit.bytes:
                return False
            self._set(None)
            return True

    def tried(self, again_ns: int) -> None:
        """A file that is too large tries the limit now; the next one may at `again_ns`."""
        with self._changing:
            limit = self.size()
            if limit is not None:
                self._set(replace(limit, again_ns=again_ns))

    def _set(self, limit: SizeLimit | None) -> None:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM size_limit")
            if limit is not None:
                connection.execute(
                    "INSERT INTO size_limit (bytes, named, message, hint, again_ns)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (limit.bytes, int(limit.named), *explained(limit.why)[1:], limit.again_ns),
                )
            self._loaded = False
