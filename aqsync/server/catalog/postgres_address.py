"""Where a PostgreSQL database is: its URL, which may hold a password."""

from __future__ import annotations

import re

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aqsync.server.errors import ServerStartError

_DEFAULTS: dict[str, str | int] = {
    "application_name": "aqsync serve",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # Of several hosts the one that can be written to, also after a failover.
    "target_session_attrs": "read-write",
}
_SECRETS = ("password", "sslpassword", "passfile")
_HINT = (
    "Write it as postgresql://USER@HOST:PORT/DATABASE or postgresql:///DATABASE?host=/SOCKET;"
    " in a password, %40 stands for @, %2F for /, %3A for : and %25 for %."
)


class PostgresAddress:
    """Where a database is. As a text it shows no password, nor do its errors.

    Args:
        url: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE``. What is missing comes
            from the environment (``PGPASSWORD``, ``PGHOST`` ...) and ``~/.pgpass``, as for psql.

    Raises:
        ServerStartError: It is no such URL.
    """

    def __init__(self, url: str) -> None:
        self._options = _parsed(url)

    def __str__(self) -> str:
        """Return the name of the database, and where it is."""
        hosts = str(self._options.get("host") or "this machine")
        port = str(self._options.get("port") or "").strip(",")
        return f"{self._options.get('dbname') or ''} on {hosts}{f':{port}' if port else ''}".strip()

    @property
    def shows_a_password(self) -> bool:
        """Whether the URL has one, which others may see where the URL was given."""
        return any(self._options.get(name) for name in ("password", "sslpassword"))

    def conninfo(self) -> str:
        """Return what to connect with, secrets included."""
        return make_conninfo("", **{**_DEFAULTS, **self._options})

    def without_secrets(self, text: str) -> str:
        """Return what the engine says on one line, without what must not be shown."""
        for name in _SECRETS:
            secret = str(self._options.get(name) or "")
            text = text.replace(secret, "***") if secret else text
        return " ".join(text.split()).removeprefix("connection failed: ")


def _parsed(url: str) -> dict[str, str | int]:
    # The engine's own words would show a part of a password that was not written as it must be.
    if not url.startswith(("postgresql://", "postgres://")):
        raise ServerStartError("the address of the database is no URL of PostgreSQL", _HINT)
    try:
        options = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):
        raise ServerStartError("the URL of the database cannot be read", _HINT) from None
    places = f"{options.get('host', '')}{options.get('dbname', '')}"
    if "@" in places or not re.fullmatch(r"[\d,]*", str(options.get("port") or "")):
        raise ServerStartError("the URL of the database cannot be read", _HINT)
    return {name: value for name, value in options.items() if value is not None}
