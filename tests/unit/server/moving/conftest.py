from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.storages import DEFAULT, SHARED

EVERY_DAY = (DEFAULT, "sqlite+directory")
KINDS = (*EVERY_DAY, "postgres+folders", SHARED, "postgres+bucket")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what brings something on every kind of storage."""
    if "settings" not in metafunc.fixturenames:
        return
    kinds = KINDS if str(metafunc.module.__name__).endswith("test_imports") else (DEFAULT,)
    metafunc.parametrize(
        "settings",
        [pytest.param(k, marks=() if k in EVERY_DAY else pytest.mark.long) for k in kinds],
        indirect=True,
    )


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    """Where all is kept."""
    database, files = str(request.param).split("+")
    url: str | None = None
    if database == "postgres":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.database()
    place = str(tmp_path / "files") if files == "directory" else None
    if files == "bucket":
        store: ObjectStore = request.getfixturevalue("object_store")
        place = store.place()
    return StorageSettings(tmp_path / "data", url, place)


@pytest.fixture
def storage(settings: StorageSettings) -> Iterator[Storage]:
    opened = Storage(settings)
    yield opened
    opened.close()
