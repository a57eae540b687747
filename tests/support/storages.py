"""The embedded server on each combination of database and store of files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

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
        self._running: dict[str, EmbeddedServer] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def on(self, storage: str) -> EmbeddedServer:
        """Return the one on a combination."""
        if storage not in self._running:
            database, files = storage.split("+")
            server = EmbeddedServer(
                self._folder / storage,
                extensions=self._extensions,
                database=self._postgres() if database == "postgres" else None,
                files=self._files(storage, files),
            )
            self._running[storage] = self._stack.enter_context(server)
        return self._running[storage]

    def _files(self, storage: str, files: str) -> str | None:
        if files == "bucket":
            store: ObjectStore = self._request.getfixturevalue("object_store")
            return store.place()
        return str(self._folder / f"{storage}-files") if files == "directory" else None

    def _postgres(self) -> str:
        cluster: Postgres = self._request.getfixturevalue("postgres")
        return cluster.database()
