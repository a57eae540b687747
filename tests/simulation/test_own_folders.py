"""Random histories of folders that get an experiment each: exactly one a folder, in the end."""

from __future__ import annotations

import pytest

from tests.simulation.own_folders import BROKEN, first_caught, lived
from tests.support.length import long_but

pytestmark = pytest.mark.no_cover
CHUNK = 10
MOST_SEEDS = 200


@pytest.mark.parametrize("first", long_but(1, range(0, 200, CHUNK)))
def test_each_folder_has_exactly_one_experiment(first: int) -> None:
    for seed in range(first, first + CHUNK):
        wrong, trace = lived(seed)
        assert not wrong, "\n".join([f"seed {seed}", *trace])


@pytest.mark.parametrize("name", long_but(1, ["renamed folder gets a new one", *BROKEN]))
def test_a_broken_engine_is_caught(name: str) -> None:
    assert first_caught(name, MOST_SEEDS) is not None


def test_the_same_seed_gives_the_same_history() -> None:
    assert lived(3) == lived(3)
