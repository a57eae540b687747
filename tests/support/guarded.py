"""An embedded server with tokens, as several people and PCs use it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from aqsync.server.files.handing_over import hand_over
from aqsync.server.rights.opening import open_database_of
from aqsync.server.rights.tokens import Tokens
from aqsync.server.rights.who import Scope, Who
from aqsync.server.settings import StorageSettings
from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit


class Guarded:
    """Makes tokens beside a running server, as ``aqsync serve token`` does.

    Args:
        server: The server.
        database: The URL of its PostgreSQL database; None: a file in its data directory.
    """

    _numbers = itertools.count()

    def __init__(self, server: EmbeddedServer, database: str | None = None) -> None:
        self.server = server
        self._database = database

    @property
    def _settings(self) -> StorageSettings:
        return StorageSettings(self.server.data, self._database, self.server.files)

    @contextmanager
    def tokens(self) -> Iterator[Tokens]:
        with closing(open_database_of(self._settings)) as database:
            yield Tokens(database)

    def hand_over(self, uuid: str, owner: str, prefix: str) -> int:
        """Give an owner the files of nobody whose names begin so."""
        settings = self._settings
        with closing(open_database_of(settings)) as database:
            return hand_over(
                settings, database, UUID(uuid), owner, lambda name: name.startswith(prefix)
            )

    def secret(
        self,
        owner: str,
        scope: Scope,
        *,
        experiments: frozenset[UUID] | None = None,
        prefixes: tuple[str, ...] = (),
        name: str | None = None,
        ends_at: datetime | None = None,
    ) -> str:
        """Make a token."""
        name = f"t{next(self._numbers)}" if name is None else name
        with self.tokens() as tokens:
            return tokens.create(Who(name, owner, scope, experiments, prefixes), ends_at)[1]

    @contextmanager
    def visit(self, owner: str, scope: Scope, **more: Any) -> Iterator[Visit]:
        """Come with a new token."""
        with Visit(self.server.url, self.secret(owner, scope, **more)) as visit:
            yield visit
