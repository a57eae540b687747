"""The questions of every run are answered by an index, however many files there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aqsync.journal import Journal
from aqsync.model import Touched
from tests.support.notes import AT1, EID, NOW, SHA1, V1, Notes, notes


def listed_paths(files: int) -> list[str]:
    return [f"run-{number % 3}/{number}.csv" for number in range(files)]


def steps_per_file(
    noted: Notes,
    ask: Callable[[], object],
    files: int = 400,
    recheck_at_ns: int | None = None,
) -> float:
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
    for path in listed_paths(files):
        noted.sync(path)
    listed = {noted.at(path).remote_name: AT1 for path in listed_paths(files)}
    noted.list(listed)
    if recheck_at_ns is not None:
        for path in listed_paths(files):
            file = noted.at(path)
            done = Touched(V1, SHA1)
            noted.journal.outcomes.record(file, done, NOW, recheck_at_ns=recheck_at_ns)
    return (steps() - few) / files


@pytest.mark.parametrize(
    "question",
    [
        "clock_set_back",
        "end_pauses",
        "unchanged",
        "mapped_eids",
        "due",
        "next_ns",
        "pending",
        "unfinished",
        "damaged",
        "leftovers",
        "databases",
    ],
)
def test_it_costs_nothing_for_files_that_are_well(journal: Journal, question: str) -> None:
    noted = notes(journal)
    noted.sync("one.csv")
    sequence = noted.list({"one.csv": AT1})
    ask: dict[str, Callable[[], object]] = {
        "clock_set_back": lambda: journal.observations.clock_set_back(noted.mapping_id, NOW),
        "end_pauses": lambda: journal.outcomes.end_pauses(noted.mapping_id),
        "unchanged": lambda: journal.remote.unchanged([EID], sequence + 1000, NOW),
        "due": lambda: [*journal.rechecks.due(noted.mapping_id, NOW)],
        "next_ns": lambda: journal.rechecks.next_ns(noted.mapping_id, NOW),
        "pending": lambda: journal.rechecks.pending(noted.mapping_id),
        "unfinished": lambda: journal.observations.sent_unfinished(noted.mapping_id),
        "damaged": lambda: journal.observations.damaged(noted.mapping_id),
        "leftovers": lambda: journal.observations.leftovers(noted.mapping_id),
        "databases": lambda: journal.observations.databases(noted.mapping_id),
        "mapped_eids": lambda: journal.remote.mapped_eids([noted.mapping_id]),
    }
    assert steps_per_file(noted, ask[question]) < 0.2


@pytest.mark.parametrize(
    "question", ["changes", "counts", "entries", "not_there", "directories", "changed_since"]
)
def test_a_measurement_costs_nothing_for_files_of_others(journal: Journal, question: str) -> None:
    noted = notes(journal)
    noted.sync("folder/one.csv")
    mapping_id, kept = noted.mapping_id, journal.measurements
    ask: dict[str, Callable[[], object]] = {
        "changes": lambda: kept.changes(mapping_id, NOW, "folder"),
        "counts": lambda: kept.counts(mapping_id, "folder"),
        "entries": lambda: [*kept.entries(mapping_id, "folder", ["one.csv"])],
        "not_there": lambda: kept.not_there(mapping_id, "folder"),
        "directories": lambda: kept.directories(mapping_id),
        "changed_since": lambda: kept.changed_since(mapping_id, NOW),
    }
    assert steps_per_file(noted, ask[question]) < 1


def test_the_measure_itself_finds_a_full_scan(journal: Journal) -> None:
    noted = notes(journal)
    assert steps_per_file(noted, lambda: journal.observations.targets(noted.mapping_id)) > 1


@pytest.mark.parametrize("question", ["due", "next_ns"])
def test_it_costs_nothing_for_files_that_are_to_be_checked_again_later(
    journal: Journal, question: str
) -> None:
    noted = notes(journal)
    noted.sync("one.csv")
    noted.list({"one.csv": AT1})
    ask: dict[str, Callable[[], object]] = {
        "due": lambda: [*journal.rechecks.due(noted.mapping_id, NOW)],
        "next_ns": lambda: journal.rechecks.next_ns(noted.mapping_id, NOW),
    }
    assert steps_per_file(noted, ask[question], recheck_at_ns=NOW + 1) < 0.2
    assert journal.rechecks.pending(noted.mapping_id).files == 400
    assert len(journal.observations.unquiet(noted.mapping_id)) == 1, "only the one not listed"
