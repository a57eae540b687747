from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.aqueduct.client import Client
from aqsync.moving import server_import
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import InterceptingProxy

FILES = {"a~b.csv": b"1,2\n", "é.bin": b"\0\1", "empty": b"", "large.bin": b"x" * 3_000_000}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server with three experiments, one of them archived."""
    with (
        EmbeddedServer(tmp_path_factory.mktemp("source") / "data") as server,
        Client(server.url) as client,
    ):
        first = client.create_experiment("First é", "of three\n", ["Alpha", "run:1"])
        for name, content in FILES.items():
            client.upload(first.uuid, name, [content] if content else [], len(content))
        client.create_experiment("Second", "", ["__archived__"])
        client.create_experiment("Third", "x" * 5000)
        yield server


@pytest.fixture
def proxy(source: EmbeddedServer) -> Iterator[InterceptingProxy]:
    with InterceptingProxy(source.url) as made:
        yield made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where it is imported."""
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_import, "_FIRST_PAUSE_S", 0.0)
