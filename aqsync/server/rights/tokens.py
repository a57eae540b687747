"""The tokens in the database. Of a secret only its SHA-256 is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aqsync.server.catalog.database import Connection, Database, Row, transaction
from aqsync.server.catalog.times import from_microseconds, to_microseconds
from aqsync.server.errors import OperationRefused
from aqsync.server.rights.secret import digest_of, new_secret
from aqsync.server.rights.who import ADMIN_OWNER, TOKEN_FILE, Scope, Who

MOST_EXPERIMENTS = 1000
"""Experiments that one token may be bound to: each list asks for them all."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_COLUMNS = (
    "uuid, name, owner, scope, experiments, prefixes, created_at, ends_at, revoked_at, used_on"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token as the database holds it.

    Args:
        who: Its name, its owner, and what it may do.
        created_at: When it was made.
        ends_at: From when on it counts no more; None: it does not end.
        revoked_at: When it was revoked; None if it was not.
        used_on: The last day (UTC) on which it was used, as in ``2026-01-31``; None if it was not.
    """

    who: Who
    created_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    used_on: str | None

    @property
    def uuid(self) -> UUID:
        """What tells it from all others."""
        assert self.who.token is not None  # noqa: S101 - as all that come from the database
        return self.who.token

    def counts(self, now: datetime) -> bool:
        """Tell whether it lets its holder in."""
        return self.revoked_at is None and (self.ends_at is None or now < self.ends_at)


class Tokens:
    """The tokens. Any thread may call; other processes may change them at any time.

    Args:
        database: Where they are kept.
        now: The time, in UTC.
    """

    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._now = now

    @transaction
    def create(self, who: Who, ends_at: datetime | None = None) -> tuple[Token, str]:
        """Enter a new token, and return it with its secret, which nobody can be told again.

        Args:
            who: Its name, its owner, and what it may do.
            ends_at: From when on it counts no more.

        Raises:
            OperationRefused: Its name is taken, or something of it is not allowed.
        """
        _check(who)
        if ends_at is not None and ends_at <= self._now():
            raise OperationRefused("The token would have ended already.")
        secret = new_secret()
        uuid = str(uuid4())
        bound = None if who.experiments is None else sorted(map(str, who.experiments))
        with self._database.changing() as database:
            for (owner,) in database.execute("SELECT DISTINCT owner FROM token"):
                if owner != who.owner and owner.casefold() == who.owner.casefold():
                    raise OperationRefused(
                        f"There is an owner {owner!r}, who is not {who.owner!r}."
                    )
            made = database.execute(
                "INSERT INTO token (uuid, name, owner, scope, experiments, prefixes, sha256,"
                " created_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    *(uuid, who.name, who.owner, who.scope.word),
                    *(None if bound is None else json.dumps(bound), json.dumps(who.prefixes)),
                    *(digest_of(secret.encode()), to_microseconds(self._now())),
                    None if ends_at is None else to_microseconds(ends_at),
                ),
            ).rowcount
            if not made:
                raise OperationRefused(f"There is a token {who.name!r} already.")
            return _one(database, "uuid", uuid), secret

    def all(self) -> list[Token]:
        """Return every token, revoked ones too, oldest first."""
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM token ORDER BY created_at, name"  # noqa: S608 - of constants
            ).fetchall()
        return [_token(row) for row in rows]

    @transaction
    def revoke(self, name: str) -> Token:
        """Revoke a token; its row stays, so that a server never opens because all are revoked.

        Args:
            name: Its name or its UUID.

        Raises:
            OperationRefused: There is none, or it was revoked before.
        """
        with self._database.changing() as database:
            row = database.execute(
                "SELECT uuid FROM token WHERE (name = ? OR uuid = ?) AND revoked_at IS NULL",
                (name, name.lower()),
            ).fetchone()
            if row is None:
                raise OperationRefused(
                    f"No token {name!r} counts; `aqsync serve token list` shows those that do."
                )
            database.execute(
                "UPDATE token SET revoked_at = ? WHERE uuid = ?",
                (to_microseconds(self._now()), row[0]),
            )
            return _one(database, "uuid", row[0])

    def there_are_any(self) -> bool:
        """Tell whether a token was ever made, also one that counts no more."""
        with self._database.reading() as database:
            return database.execute("SELECT 1 FROM token LIMIT 1").fetchone() is not None

    def find(self, digest: str) -> Who | None:
        """Return who has the secret with this SHA-256; None if it does not count (any more)."""
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM token WHERE sha256 = ?",  # noqa: S608 - of constants
                (digest,),
            ).fetchone()
            if row is not None:
                return self._that_counts(_token(row))
            task = database.execute(
                "SELECT task.uuid, task.token FROM task_token JOIN task ON task.uuid ="
                " task_token.task WHERE task_token.sha256 = ? AND task.ended_at IS NULL",
                (digest,),
            ).fetchone()
            if task is None:
                return None
            if task[1] is None:
                return TOKEN_FILE
            # It ends with the token that the task was ordered with, too.
            return self._that_counts(_one(database, "uuid", task[1]))

    def _that_counts(self, token: Token) -> Who | None:
        return token.who if token.counts(self._now()) else None

    @transaction
    def note_use(self, token: UUID) -> None:
        """Note that a token was used today."""
        today = self._now().astimezone(UTC).strftime("%Y-%m-%d")
        with self._database.changing() as database:
            database.execute(
                "UPDATE token SET used_on = ? WHERE uuid = ? AND (used_on IS NULL OR used_on <> ?)",
                (today, str(token), today),
            )

    @transaction
    def begin_task(self, task: UUID) -> str:
        """Return a new secret for the script of a task: it ends with the task."""
        secret = new_secret()
        with self._database.changing() as database:
            database.execute("DELETE FROM task_token WHERE task = ?", (str(task),))
            database.execute(
                "INSERT INTO task_token (task, sha256) VALUES (?, ?)",
                (str(task), digest_of(secret.encode())),
            )
        return secret

    @transaction
    def end_task(self, task: UUID) -> None:
        """Forget the secret of a task."""
        with self._database.changing() as database:
            database.execute("DELETE FROM task_token WHERE task = ?", (str(task),))


def _check(who: Who) -> None:
    for what, text in (("name", who.name), ("owner", who.owner)):
        if not _NAME.fullmatch(text):
            raise OperationRefused(
                f"{text!r} cannot be the {what} of a token: it has 1 to 64 letters from A to Z,"
                " digits, and . _ @ + - after the first."
            )
    if who.owner.casefold() == ADMIN_OWNER and who.scope is not Scope.ADMIN:
        raise OperationRefused(
            f"What {ADMIN_OWNER!r} owns belongs to the token of --token-file: give this token"
            " another owner, or the scope 'admin'."
        )
    if who.experiments is not None and len(who.experiments) > MOST_EXPERIMENTS:
        raise OperationRefused(f"A token is bound to {MOST_EXPERIMENTS} experiments at most.")
    if "" in who.prefixes:
        raise OperationRefused("Every name begins with an empty prefix: leave it out.")


def _one(database: Connection, key: str, value: str) -> Token:
    row = database.execute(
        f"SELECT {_COLUMNS} FROM token WHERE {key} = ?",  # noqa: S608 - of constants
        (value,),
    ).fetchone()
    assert row is not None  # noqa: S101 - rows are never removed
    return _token(row)


def _token(row: Row) -> Token:
    uuid, name, owner, scope, experiments, prefixes, created, ends, revoked, used_on = row
    return Token(
        Who(
            name,
            owner,
            Scope[scope.upper()],
            None if experiments is None else frozenset(map(UUID, json.loads(experiments))),
            tuple(json.loads(prefixes)),
            UUID(uuid),
        ),
        from_microseconds(created),
        None if ends is None else from_microseconds(ends),
        None if revoked is None else from_microseconds(revoked),
        used_on,
    )
