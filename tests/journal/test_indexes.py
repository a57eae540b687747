"""The questions of every run are answered by an index, however many files there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aqsync.journal import Journal
from tests.journal.notes import EID, NOW, Notes, notes


def steps_per_file(noted: Notes, ask: Callable[[], object], files: int = 400) -> float:
    """How many more virtual instructions SQLite takes for each file more."""

    def steps() -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with noted.journal._database.reading() as connection:
            connection.set_progress_handler(step, 1)
            try:
                ask()
            finally:
                connection.set_progress_handler(None, 0)
        return count

    few = steps()
    for number in range(files):
        noted.sync(f"run-{number % 3}/{number}.csv")
    listed = {noted.at(f"run-{n % 3}/{n}.csv").remote_name: f"at {n}" for n in range(files)}
    noted.list(listed)
    return (steps() - few) / files


@pytest.mark.parametrize("question", ["clock_set_back", "end_pauses", "unchanged", "mapped_eids"])
def test_it_costs_nothing_for_files_that_are_well(journal: Journal, question: str) -> None:
    noted = notes(journal)
    noted.sync("one.csv")
    sequence = noted.list({"one.csv": "at one"})
    ask: dict[str, Callable[[], object]] = {
        "clock_set_back": lambda: journal.observations.clock_set_back(noted.mapping_id, NOW),
        "end_pauses": lambda: journal.outcomes.end_pauses(noted.mapping_id),
        "unchanged": lambda: journal.remote.unchanged([EID], sequence + 1000, NOW),
        "mapped_eids": lambda: journal.remote.mapped_eids([noted.mapping_id]),
    }
    assert steps_per_file(noted, ask[question]) < 0.2


def test_the_measure_itself_finds_a_full_scan(journal: Journal) -> None:
    noted = notes(journal)
    assert steps_per_file(noted, lambda: journal.observations.targets(noted.mapping_id)) > 1
