"""Databases of earlier releases, brought up to the present format with all that they hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from aqsync.server.catalog.schema import MIGRATIONS
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.old_catalogs import FORMATS, begin_in_sqlite, check_that_all_is_there

RELEASED = {
    "0001-experiments": "c44cbf1130ad253effbb07784bdcf528e9aad05401f3409ba779e9a57a890c49",
    "0002-tasks": "0e88b6ce9671a82dbaaf3cfe3a7b09101081263ddb7737e8bf4dcb36826dd4b5",
}
"""By migration, the SHA-256 of its text for SQLite: one that ran somewhere must never change."""


def test_migrations_that_were_released_stay_as_they_are() -> None:
    texts = {step.name: step.sqlite for step in MIGRATIONS}
    for name, digest in RELEASED.items():
        assert hashlib.sha256(texts[name].encode()).hexdigest() == digest, name


def test_migrations_are_numbered() -> None:
    assert [step.name[:5] for step in MIGRATIONS] == [
        f"{number:04}-" for number in range(1, len(MIGRATIONS) + 1)
    ]


@pytest.mark.parametrize("number", FORMATS)
def test_a_catalog_of_an_earlier_format_keeps_all_that_it_holds(
    tmp_path: Path, number: int
) -> None:
    begin_in_sqlite(tmp_path / "data", number)
    for _ in range(2):
        storage = Storage(StorageSettings(tmp_path / "data"))
        try:
            check_that_all_is_there(storage)
        finally:
            storage.close()
