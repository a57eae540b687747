from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, to be killed or looked into."""
    with EmbeddedServer(tmp_path / "data") as server:
        yield server


@pytest.fixture
def own(server: EmbeddedServer) -> Iterator[Visit]:
    """A visit to the test's own server."""
    with Visit(server.url) as visit:
        yield visit


@pytest.fixture
def visit(embedded_server: EmbeddedServer) -> Iterator[Visit]:
    """A visit to the server that tests share."""
    with Visit(embedded_server.url) as visit:
        yield visit
