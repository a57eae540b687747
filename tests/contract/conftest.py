from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.wire import Aqueduct, Json, http_client


@pytest.fixture(scope="session")
def server_token(request: pytest.FixtureRequest) -> str | None:
    """What the server under test wants to see; the embedded one of these tests wants nothing."""
    if not request.config.getoption("--aqueduct-url"):
        return None
    return os.environ.get("AQSYNC_API_TOKEN") or os.environ.get("API_TOKEN")


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    given: str | None = request.config.getoption("--aqueduct-url")
    if given:
        return given
    url: str = request.getfixturevalue("embedded_server").url
    return url


@pytest.fixture(scope="session")
def http(server_token: str | None) -> Iterator[httpx.Client]:
    with http_client(server_token) as client:
        yield client


@pytest.fixture
def aqueduct(server_url: str, http: httpx.Client) -> Iterator[Aqueduct]:
    """The server under test; what the test makes on it is removed afterwards."""
    with Aqueduct(server_url, http) as server:
        yield server


@pytest.fixture
def experiment(aqueduct: Aqueduct) -> Json:
    """A new experiment without tags and files."""
    return aqueduct.create()


@pytest.fixture
def folder(experiment: Json) -> str:
    """The UUID under which the new experiment's files are."""
    uuid: str = experiment["uuid"]
    return uuid
