from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.tasks import EXTENSIONS
from tests.contract.wire import Aqueduct, Json, http_client
from tests.support.storages import DEFAULT, SHARED, STORAGES, Servers

EVERY_DAY = ("test_experiments", "test_tags", "test_experiment_list", "test_delete")
"""What is tried every day on one more storage than the default; the rest takes long."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every storage, or on the server that was named."""
    if "storage" not in metafunc.fixturenames:
        return
    given = metafunc.config.getoption("--aqueduct-url")
    share = str(metafunc.module.__name__).rpartition(".")[2] in EVERY_DAY
    every_day = (DEFAULT, SHARED) if share else (DEFAULT,)
    metafunc.parametrize(
        "storage",
        ["given"]
        if given
        else [
            pytest.param(each, marks=() if each in every_day else pytest.mark.long)
            for each in STORAGES
        ],
        indirect=True,
        scope="session",
    )


@pytest.fixture(scope="session")
def storage(request: pytest.FixtureRequest) -> str:
    """Where the server under test keeps everything."""
    where: str = request.param
    return where


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("servers"), EXTENSIONS, request) as running:
        yield running


@pytest.fixture(scope="session")
def server_token(request: pytest.FixtureRequest) -> str | None:
    """What the server under test wants to see; the embedded one of these tests wants nothing."""
    if not request.config.getoption("--aqueduct-url"):
        return None
    return os.environ.get("AQSYNC_API_TOKEN") or os.environ.get("API_TOKEN")


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest, storage: str) -> str:
    given: str | None = request.config.getoption("--aqueduct-url")
    if given:
        return given
    if storage == DEFAULT:
        url: str = request.getfixturevalue("embedded_server").url
        return url
    servers: Servers = request.getfixturevalue("servers")
    return servers.url(storage)


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
