"""The sessions of people who have logged in to the page."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from aqsync.server.catalog.database import Database, transaction
from aqsync.server.rights.secret import digest_of

IDLE_SECONDS = 12 * 3600.0
"""A session that is not used for this long ends."""

TLS = "tls"
"""The origin of all sessions whose cookie is sent by TLS only."""

_MOST_SESSIONS = 1000
_NOTED_EACH_SECONDS = 60.0
"""How exactly it is known when a session was used: a look at a page is no change of a database."""


class Sessions:
    """The sessions, in the database: all servers that share it know them. Any thread may call.

    Only digests of their ids are kept. Without TLS a session can be used only from the address that
    began it, so that another server on the same host, which is sent the cookie too, cannot use it.

    Args:
        database: Where they are kept.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def begin(self, origin: str, token: str) -> str:
        """Begin a session and return its id, which is random.

        Args:
            origin: What its requests have in common: `TLS`, or the address of the client.
            token: The key of the token that it was begun with (`TokenDirectory.who_sends`).
        """
        session = secrets.token_urlsafe(32)
        self._enter(digest_of(session.encode()), origin, token)
        return session

    @transaction
    def token_of(self, session: str | None, origin: str) -> str | None:
        """Return the key of the token of a session, and note that it was used.

        None if this is the id of no session of this origin.
        """
        digest = digest_of((session or "").encode())
        with self._database.reading() as database:
            row = database.execute(
                "SELECT token, used_at FROM session WHERE sha256 = ? AND origin = ?",
                (digest, origin),
            ).fetchone()
        if row is None:
            return None
        token, used_at = row
        idle = self._clock() - used_at / 1e6
        if idle > IDLE_SECONDS:
            self.end(session)
            return None
        if idle > _NOTED_EACH_SECONDS:
            with self._database.changing() as database:
                database.execute(
                    "UPDATE session SET used_at = ? WHERE sha256 = ?", (_us(self._clock()), digest)
                )
        return str(token)

    @transaction
    def end(self, session: str | None) -> None:
        """End a session, if this is the id of one."""
        if session:
            with self._database.changing() as database:
                database.execute(
                    "DELETE FROM session WHERE sha256 = ?", (digest_of(session.encode()),)
                )

    @transaction
    def _enter(self, digest: str, origin: str, token: str) -> None:
        now = self._clock()
        with self._database.changing() as database:
            database.execute("DELETE FROM session WHERE used_at < ?", (_us(now - IDLE_SECONDS),))
            database.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?)", (digest, origin, token, _us(now))
            )
            database.execute(
                "DELETE FROM session WHERE sha256 NOT IN"
                " (SELECT sha256 FROM session ORDER BY used_at DESC, sha256 = ? DESC LIMIT ?)",
                (digest, _MOST_SESSIONS),
            )


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
