"""What is kept of hints until somebody takes them."""

from __future__ import annotations

from aqsync.local.hints import MOST_HINTS, Hints, PendingHints


def test_wake_is_called_once_until_something_is_taken() -> None:
    calls: list[int] = []
    pending = PendingHints(lambda: calls.append(1))
    pending.add("a", directory=False)
    pending.add("b", directory=False)
    assert len(calls) == 1
    assert pending.take() == Hints(frozenset({"a", "b"}), None)
    assert pending.take() == Hints(frozenset(), None)
    pending.add("a", directory=False)
    assert len(calls) == 2


def test_what_lies_below_a_hinted_directory_needs_no_hint_of_its_own() -> None:
    pending = PendingHints(lambda: None)
    pending.add("before/file", directory=False)
    pending.add("before", directory=True)
    for path in ("before/file", "before/deep/file", "before"):
        pending.add(path, directory=False)
    pending.add("before it", directory=False)
    assert pending.take().paths == {"before/file", "before", "before it"}
    pending.add("before/file", directory=False)
    assert pending.take().paths == {"before/file"}


def test_a_file_that_becomes_a_directory_covers_what_is_below() -> None:
    pending = PendingHints(lambda: None)
    pending.add("name", directory=False)
    pending.add("name", directory=True)
    pending.add("name/file", directory=False)
    assert pending.take().paths == {"name"}


def test_hints_are_never_more_than_a_fixed_number() -> None:
    pending = PendingHints(lambda: None)
    for number in range(MOST_HINTS):
        pending.add(str(number), directory=False)
    pending.add("0", directory=False)
    assert len(pending.take().paths) == MOST_HINTS
    for number in range(3 * MOST_HINTS):
        pending.add(str(number), directory=False)
    assert pending.take() == Hints(frozenset(), "more than 5,000 changes at once")
    pending.add("a", directory=False)
    assert pending.take() == Hints(frozenset({"a"}), None)


def test_closed_files_are_told_apart_also_below_a_hinted_directory() -> None:
    pending = PendingHints(lambda: None)
    pending.add("a", directory=False)
    pending.add("b", directory=False, closed=True)
    pending.add("run", directory=True)
    pending.add("run/c", directory=False, closed=True)
    assert pending.take() == Hints(
        frozenset({"a", "b", "run"}), None, closed=frozenset({"b", "run/c"})
    )
    assert pending.take() == Hints(frozenset(), None)


def test_closed_files_are_never_more_than_a_fixed_number() -> None:
    pending = PendingHints(lambda: None)
    pending.add("run", directory=True)
    for number in range(MOST_HINTS + 2):
        pending.add(f"run/{number}", directory=False, closed=True)
    hints = pending.take()
    assert len(hints.closed) == MOST_HINTS
    assert hints.everything is None
    pending.add("a", directory=False, closed=True)
    pending.doubt("why")
    assert pending.take() == Hints(frozenset(), "why")
