"""Random histories of the whole engine: see docs/explanation/reliability.md, "The simulation"."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import first_caught
from tests.simulation.histories import Verdict, play, shrunk, told
from tests.support.length import long_but

FIRST = int(os.environ.get("AQSYNC_SIMULATION_SEED", "0"))
"""Another number gives other histories."""
pytestmark = pytest.mark.no_cover  # it would take twice as long
CHUNK = 60
CHUNKS = 25
QUICKLY_CAUGHT = (
    *("no-settling", "adopted-by-size", "removed-without-config", "failure-blocks"),
    *("late-answer-counts", "checks-are-assumed", "list-not-refreshed", "never-rechecked"),
    *("differing-in-sync", "anything-is-the-beginning", "measurement-not-awaited"),
    *("unfinished-sent", "copy-not-checked", "part-sent", "line-cut", "budget-ignored"),
    *("claim-permits-replacing", "manifest-of-others-replaced", "manifest-believed-unread"),
    *("freed-removed", "freed-replaced", "manifest-of-freed-unasked"),
    *("locks-uncounted", "ignored-database-sent", "room-not-asked", "large-unpaid"),
)

BEGINNINGS = range(FIRST, FIRST + CHUNK * CHUNKS, CHUNK)


@pytest.mark.parametrize("first", long_but(1, BEGINNINGS))
def test_no_history_breaks_a_promise(first: int) -> None:
    for seed in range(first, first + CHUNK):
        verdict = play(seed)
        if verdict.broken:
            pytest.fail(told(shrunk(verdict)))


@pytest.mark.parametrize("mutation", long_but(2, QUICKLY_CAUGHT))
def test_a_broken_engine_is_caught(mutation: str) -> None:
    assert first_caught(mutation) is not None


def test_the_same_seed_gives_the_same_history() -> None:
    def lived(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "6"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=False,
            capture_output=True,
            text=True,
        ).stdout

    assert lived("1") == lived("2")
    traces = [play(7).trace for _ in range(2)]
    assert traces[0] == traces[1]


def test_a_failing_history_is_told_with_how_to_see_it_again() -> None:
    verdict = Verdict(5, [], ["a promise"], ["a line"] * 1000)
    lines = told(verdict, "no-settling").splitlines()
    assert len(lines) < 300
    assert "BROKEN: a promise" in lines
    assert lines[-1].endswith("python -m tests.simulation --seed 5 --mutation no-settling")
