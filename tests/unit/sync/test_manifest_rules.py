"""When a manifest is written: soon, and never for more than a tenth of what was sent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aqsync.sync.manifest_rules import (
    AT_LATEST_S,
    LATER_S,
    SHARE,
    SOON_S,
    SPARE_BYTES,
    Outdated,
    due_in,
    spare_after,
)

MIB = 1 << 20
HUGE = 8 * MIB


def outdated(
    first_s: float = 0.0,
    last_s: float = 0.0,
    sent_bytes: int = 0,
    size: int | None = None,
    written_s: float = 0.0,
    spare_bytes: int = 0,
    took_s: float = 0.0,
) -> Outdated:
    return Outdated(first_s, last_s, sent_bytes, size, written_s, spare_bytes, took_s)


def test_the_first_comes_soon_after_the_last_change() -> None:
    assert due_in(outdated()) == SOON_S
    assert due_in(outdated(first_s=20, last_s=4)) == SOON_S - 4
    assert due_in(outdated(first_s=20, last_s=SOON_S)) == 0


def test_while_more_follow_it_does_not_wait_for_the_last() -> None:
    assert due_in(outdated(first_s=LATER_S - 3, last_s=0)) == 3
    assert due_in(outdated(first_s=LATER_S, last_s=0)) == 0


def test_one_that_takes_long_is_rare_while_more_follow() -> None:
    busy = outdated(first_s=LATER_S, sent_bytes=HUGE * SHARE, size=HUGE, written_s=60, took_s=3)
    assert due_in(busy) == SOON_S
    assert due_in(outdated(100, 1, HUGE * SHARE, HUGE, 140, took_s=3)) == SOON_S - 1
    assert due_in(outdated(100, 1, HUGE * SHARE, HUGE, 150, took_s=3)) == 0


def test_at_the_end_of_a_push_nothing_is_waited_for() -> None:
    assert due_in(outdated(), at_end=True) == 0
    assert due_in(outdated(size=HUGE, written_s=60), at_end=True) == AT_LATEST_S - 60


@pytest.mark.parametrize("sent", [0, HUGE * SHARE - SHARE - SPARE_BYTES * SHARE])
def test_a_huge_one_costs_no_more_than_a_tenth_of_what_was_sent(sent: int) -> None:
    assert due_in(outdated(99, 99, sent, HUGE, 0)) == AT_LATEST_S
    assert due_in(outdated(99, 99, sent, HUGE, AT_LATEST_S - 5)) == 5


def test_what_was_sent_pays_for_it() -> None:
    assert due_in(outdated(99, 99, HUGE * SHARE, HUGE, 1)) == 0


def test_once_an_hour_it_may_cost_what_it_costs() -> None:
    assert due_in(outdated(99, 99, 1, HUGE, AT_LATEST_S)) == 0
    assert due_in(outdated(99, 99, 1, HUGE, 5 * AT_LATEST_S)) == 0


def test_a_small_one_is_paid_by_what_may_be_saved_up() -> None:
    small = outdated(99, 99, 10, 4_000, 1, spare_bytes=10_000)
    assert due_in(small) == 0
    assert spare_after(small, 5_000) == pytest.approx(5_000, abs=100)


def test_a_clock_that_is_set_back_keeps_nothing_waiting() -> None:
    assert due_in(outdated(99, 99, 1, HUGE, -1e6)) == 0


@dataclass
class Hours:
    """Time in which files are sent, one every so often, and a manifest is written when due."""

    size: int
    every_s: int
    file_size: int

    def written(self, hours: int) -> list[int]:
        """The sizes of the manifests that were written."""
        found, spare, sent, first, last, at = list[int](), 0, 0, None, 0, -4_000
        for second in range(hours * 3_600):
            if second % self.every_s == 0:
                sent, last = sent + self.file_size, second
                first = second if first is None else first
            if first is None:
                continue
            state = outdated(second - first, second - last, sent, self.size, second - at, spare)
            if due_in(state) == 0:
                spare, sent, first, at = spare_after(state, self.size), 0, None, second
                found.append(self.size)
        return found


@pytest.mark.parametrize("size", [2_000, 60_000, 900_000, HUGE])
@pytest.mark.parametrize(("every_s", "file_size"), [(1, 100), (60, 1_000), (2, 30_000)])
def test_all_of_them_cost_a_tenth_and_what_may_be_spared(
    size: int, every_s: int, file_size: int
) -> None:
    hours = 3
    written = Hours(size, every_s, file_size).written(hours)
    sent = hours * 3_600 // every_s * file_size
    assert sum(written) <= sent / SHARE + (hours + 1) * max(SPARE_BYTES, size)
    assert len(written) >= hours


def test_one_that_the_server_lost_is_written_again_an_hour_after_it_was() -> None:
    lost = Outdated(99, 99, 0, 1_000, 600, SPARE_BYTES, lost=True)
    assert due_in(lost) == due_in(lost, at_end=True) == AT_LATEST_S - 600


def test_what_a_person_frees_is_told_whatever_it_costs() -> None:
    assert due_in(Outdated(0, 0, 0, HUGE, 1, 0, lacks_freed=True)) == 0
