from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import Listen, Listening


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    return place


@pytest.fixture
def listen(root: Path) -> Iterator[Listen]:
    made: list[Listening] = []

    def start() -> Listening:
        made.append(Listening(root))
        return made[-1]

    yield start
    for listening in made:
        listening.watcher.stop()
