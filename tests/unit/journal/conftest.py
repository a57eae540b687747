from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.journal import Journal
from tests.support.notes import NOW
from tests.support.quick_journal import open_quickly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal may be begun; its folder does not exist yet."""
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with open_quickly(path, NOW) as opened:
        yield opened
