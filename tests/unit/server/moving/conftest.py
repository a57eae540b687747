from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage(StorageSettings(tmp_path / "data"))
    yield opened
    opened.close()
