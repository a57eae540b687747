from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from aqsync.cli import starting_server
from tests.contract.tasks import EXTENSIONS
from tests.support.embedded import EmbeddedServer
from tests.support.fake_clock import FakeClock
from tests.support.lab import Lab
from tests.support.object_store import CREDENTIALS, ObjectStore
from tests.support.postgres import Postgres

# How long an example takes says something about the machine, nothing about the code; and what
# fails in one run of a commit has to fail in the next.
_ANY_PACE = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("aqsync", _ANY_PACE, derandomize=True)
hypothesis.settings.register_profile("explore", _ANY_PACE)
hypothesis.settings.load_profile("aqsync")

# No command in this process waits in real time for a server that is down.
starting_server.CLOCK = FakeClock()

# Where a script runs the tests in the background, they and their processes would ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let no search for garbage look at the tests themselves again, which all stay to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aqueduct-url",
        metavar="URL",
        help="run tests/contract against this Aqueduct server instead of the embedded one;"
        " its token, if it wants one, is taken from AQSYNC_API_TOKEN or API_TOKEN",
    )


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One embedded server for all tests of a worker, without a token: make your own experiment."""
    data = tmp_path_factory.mktemp("embedded") / "data"
    with EmbeddedServer(data, extensions=EXTENSIONS) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a worker: make your own database."""
    with Postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """One object store for all tests of a worker, whose credentials are in the environment."""
    with pytest.MonkeyPatch.context() as patch, ObjectStore() as store:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield store


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """One mapping on real files and a real journal, with a fake server and a fake clock."""
    with Lab(tmp_path) as made:
        yield made
