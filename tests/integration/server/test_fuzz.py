"""Generated input: nothing fails, nothing leaves the data directory, the server keeps serving.

The same input each time, unless AQSYNC_FUZZ_EXAMPLES says how many random ones to try.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from graphql import build_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aqsync.server import rules
from aqsync.server.wire.graphql_api import schema
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import parameter, write_extension
from tests.support.hostile_graphql import EID_MARK, UUID_MARK, operations
from tests.support.hostile_http import requests
from tests.support.visit import Visit, read_all

_ASKED_FOR = os.environ.get("AQSYNC_FUZZ_EXAMPLES")
fuzzed = settings(
    max_examples=int(_ASKED_FOR or 60),
    derandomize=_ASKED_FOR is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
pytestmark = [
    # A failure is worth its long request.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]
KEPT_IN_DATA = {
    *("catalog.db", "catalog.db-shm", "catalog.db-wal", "server.lock"),
    *("experiments", "incoming", "removed", "environments", "logs"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def server(house: Path) -> Iterator[EmbeddedServer]:
    write_extension(house / "extensions" / "E", {"a": ":"}, parameters=[parameter("t", "str")])
    (house / "outside.txt").write_text("untouched")
    with EmbeddedServer(house / "data", extensions=house / "extensions") as server:
        yield server
    check_log(server)


@pytest.fixture(scope="module")
def visit(server: EmbeddedServer) -> Iterator[Visit]:
    with Visit(server.url) as visit:
        yield visit


@pytest.fixture(autouse=True)
def nothing_got_out(house: Path, server: EmbeddedServer) -> Iterator[None]:
    yield
    assert {path.name for path in house.iterdir()} == {
        *("data", "data.log", "extensions", "outside.txt")
    }
    assert (house / "outside.txt").read_text() == "untouched"
    assert {path.name for path in server.data.iterdir()} <= KEPT_IN_DATA
    assert not any((server.data / "incoming").iterdir())
    for folder in (server.data / "experiments").iterdir():
        assert str(UUID(folder.name)) == folder.name
        for file in folder.iterdir():
            assert file.is_file()
            assert rules.is_file_name(file.name)


def experiment(visit: Visit) -> dict[str, str]:
    """One to aim at: it also shows that the server still serves."""
    made: dict[str, str] = visit.create()
    return made


JSON = {"Content-Type": "application/json"}


def check_log(server: EmbeddedServer) -> None:
    assert server.log == ""


@given(body=operations(build_schema(schema.as_str())))
@fuzzed
def test_operations(server: EmbeddedServer, visit: Visit, body: dict[str, Any]) -> None:
    aim = experiment(visit)
    sent = json.dumps(body).replace(UUID_MARK, aim["uuid"]).replace(EID_MARK, aim["eid"])
    answer = visit.http.post("/api/graphql", content=sent, headers=JSON)
    assert answer.status_code in {200, 400}, answer.text
    assert "The server failed" not in answer.text
    kind = "application/json" if answer.status_code == 200 else "text/plain; charset=utf-8"
    assert answer.headers["content-type"] == kind
    assert kind != "application/json" or isinstance(answer.json(), dict)
    check_log(server)


@given(body=st.binary(max_size=200))
@fuzzed
def test_bodies_that_are_no_operations(server: EmbeddedServer, visit: Visit, body: bytes) -> None:
    assert visit.http.post("/api/graphql", content=body, headers=JSON).status_code == 400
    check_log(server)


@given(request=requests())
@fuzzed
def test_requests(server: EmbeddedServer, visit: Visit, request: bytes) -> None:
    aim = experiment(visit)["uuid"]
    visit.put(aim, "kept.txt", b"content")
    with visit.connection() as connection:
        # The server may have answered and closed before it has read all.
        with contextlib.suppress(OSError):
            connection.sendall(request.replace(UUID_MARK.encode(), aim.encode()))
            connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    # What breaks off before its end need not be answered.
    if answer:
        status = re.match(rb"HTTP/1\.[01] ([1-4]\d\d) ", answer)
        assert status is not None, (request, answer[:200])
        assert b"SQLite format" not in answer
        assert b"untouched" not in answer
    check_log(server)
