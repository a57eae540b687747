"""The embedded server on each combination of database and store of files, and three as one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.support.balancer import Balancer
from tests.support.embedded import EmbeddedServer
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres

DEFAULT = "sqlite+folders"
SHARED = "postgres+directory"
STORAGES = (
    DEFAULT,
    "sqlite+directory",
    "sqlite+bucket",
    "postgres+folders",
    SHARED,
    "postgres+bucket",
    "three servers+postgres+bucket",
)


class Servers:
    """A running server for each combination that was asked for.

    Args:
        folder: Where their data directories are.
        extensions: What they can run.
        request: What finds the parts that a combination needs.
    """

    def __init__(self, folder: Path, extensions: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._extensions = extensions
        self._request = request
        self._urls: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, storage: str) -> str:
        """Return the URL of the one on a combination; of several, that of the proxy in front."""
        if storage not in self._urls:
            *several, database, files = storage.split("+")
            place = self._files(storage, files)
            url = self._postgres() if database == "postgres" else None
            servers = [
                self._stack.enter_context(
                    EmbeddedServer(
                        self._folder / f"{storage}-{number}",
                        extensions=self._extensions,
                        database=url,
                        files=place,
                    )
                )
                for number in range(3 if several else 1)
            ]
            self._urls[storage] = self._in_front_of(servers) if several else servers[0].url
            # The database was begun after this fixture, so it would end before it, and a server
            # whose database is away waits for it before it stops.
            self._request.node.addfinalizer(self._stack.close)
        return self._urls[storage]

    def _in_front_of(self, servers: list[EmbeddedServer]) -> str:
        ports = [int(server.url.rpartition(":")[2]) for server in servers]
        return self._stack.enter_context(Balancer(ports)).url

    def _files(self, storage: str, files: str) -> str | None:
        if files == "bucket":
            store: ObjectStore = self._request.getfixturevalue("object_store")
            return store.place()
        return str(self._folder / f"{storage}-files") if files == "directory" else None

    def _postgres(self) -> str:
        cluster: Postgres = self._request.getfixturevalue("postgres")
        return cluster.database()
