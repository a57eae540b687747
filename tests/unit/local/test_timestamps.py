"""What a file's times are worth: pure rules, and a real file system with whole seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.clock import SystemClock
from aqsync.local.disk import REAL_DISK
from aqsync.model import SECOND_NS, Signature
from aqsync.sync.order import Limits, Order
from aqsync.sync.progress import Event, Pausing
from aqsync.timestamps import granularity_ns, recheck_at_ns, settle_ns
from tests.support.lab import Lab
from tests.support.mounts import mounted_ext4

MS_NS = SECOND_NS // 1000
EVEN, ODD = 1_795_428_000 * SECOND_NS, 1_795_428_001 * SECOND_NS


def stamped(mtime_ns: int, ctime_ns: int) -> Signature:
    return Signature(size=4, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=7)


@pytest.mark.parametrize(
    ("mtime_ns", "ctime_ns", "seconds"),
    [
        (ODD, ODD, 1),
        (ODD, EVEN, 1),
        (EVEN, ODD, 1),
        (EVEN, EVEN, 2),
        (EVEN, EVEN + 1, 0),
        (EVEN + 1, EVEN, 0),
        (EVEN + 500 * MS_NS, EVEN + 500 * MS_NS, 0),
        (ODD, ODD + 4 * MS_NS, 0),
    ],
)
def test_the_granularity_shows_in_both_times(mtime_ns: int, ctime_ns: int, seconds: int) -> None:
    assert granularity_ns(stamped(mtime_ns, ctime_ns)) == seconds * SECOND_NS


def test_a_short_settle_time_is_no_shorter_than_the_granularity_and_a_second() -> None:
    assert settle_ns(stamped(ODD, ODD), 200 * MS_NS) == 2 * SECOND_NS
    assert settle_ns(stamped(EVEN, EVEN), 200 * MS_NS) == 3 * SECOND_NS
    assert settle_ns(stamped(EVEN, EVEN), 0) == 3 * SECOND_NS


def test_a_long_settle_time_stays() -> None:
    assert settle_ns(stamped(EVEN, EVEN), 5 * SECOND_NS) == 5 * SECOND_NS


def test_a_time_that_a_program_has_set_costs_nothing() -> None:
    assert settle_ns(stamped(EVEN, EVEN + 7), 200 * MS_NS) == 200 * MS_NS


def test_a_real_file_with_an_mtime_that_was_set_has_a_finer_ctime(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"
    place.write_bytes(b"data")
    for _ in range(3):  # a ctime may fall on a whole second by chance
        os.utime(place, ns=(ODD, ODD))
        _, *seen = REAL_DISK.look(tmp_path, "a.csv")
        if granularity_ns(Signature(*seen)) == 0:
            return
    pytest.skip("the file system of the temporary directory has coarse times itself")


# Too young to be believed

WRITE_BACK_NS = 45 * SECOND_NS
TOUCHED_NS = ODD + 7


@pytest.mark.parametrize(
    "signature",
    [stamped(TOUCHED_NS, ODD - 9), stamped(ODD - 9, TOUCHED_NS), stamped(7, TOUCHED_NS)],
)
def test_a_version_read_too_young_is_hashed_again_once_all_is_written_back(
    signature: Signature,
) -> None:
    due_ns = TOUCHED_NS + WRITE_BACK_NS
    assert recheck_at_ns(signature, TOUCHED_NS + SECOND_NS, WRITE_BACK_NS) == due_ns
    assert recheck_at_ns(signature, due_ns, WRITE_BACK_NS) == due_ns
    assert recheck_at_ns(signature, due_ns + 1, WRITE_BACK_NS) is None


@pytest.mark.parametrize(("second_ns", "seconds"), [(EVEN, 2), (ODD, 1)])
def test_with_coarse_times_the_last_store_may_have_been_later(second_ns: int, seconds: int) -> None:
    coarse = stamped(second_ns, second_ns)
    read_ns = second_ns + 10 * SECOND_NS
    due_ns = second_ns + seconds * SECOND_NS + WRITE_BACK_NS
    assert recheck_at_ns(coarse, read_ns, WRITE_BACK_NS) == due_ns


def test_a_time_in_the_future_counts_as_just_written() -> None:
    future = stamped(EVEN + 3600 * SECOND_NS, ODD)
    assert recheck_at_ns(future, EVEN, WRITE_BACK_NS) == EVEN + WRITE_BACK_NS


# A real file system with whole seconds


class RealTime:
    """The machine's clocks, in the place of a test's."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.now_ns = self._clock.now_ns
        self.monotonic = self._clock.monotonic
        self.wait = self._clock.wait


class Rewriter:
    """In the first pause that is shown a program writes all files once more."""

    def __init__(self, places: list[Path]) -> None:
        self._places = places
        self.done = False

    def rewrite(self) -> None:
        if not self.done:
            self.done = True
            for place in self._places:
                place.write_bytes(b"new!")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Pausing):
            self.rewrite()


@pytest.fixture
def small_inodes(tmp_path: Path) -> Iterator[Lab]:
    """A lab whose root is on ext4 with inodes of 128 bytes."""
    with (
        Lab(tmp_path, settle=0.2) as lab,
        mounted_ext4(lab.root, tmp_path / "ext4.img", "-I", "128", "-O", "^metadata_csum"),
    ):
        lab.clock = lab.server._clock = RealTime()  # type: ignore[assignment]  # the kernel has no other
        lab.configure(settle=0.2, ignore=("lost+found",))
        yield lab


def test_rewrites_of_the_same_size_within_a_second_are_sent(small_inodes: Lab) -> None:
    lab = small_inodes
    places = [lab.root / f"{number}.csv" for number in range(8)]
    for place in places:
        place.write_bytes(b"old.")
    status = places[0].stat()
    assert granularity_ns(stamped(status.st_mtime_ns, status.st_ctime_ns)) >= SECOND_NS
    rewriter = Rewriter(places)
    for _ in range(2):
        lab.serve(Order(Limits(), rewriter))
        rewriter.rewrite()
    assert lab.remote == {place.name: b"new!" for place in places}
