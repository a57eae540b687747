"""The rate holds for the sum of all transfers, at every moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.errors import Interrupted
from aqsync.sync.rate import RateLimit
from tests.support.fake_clock import FakeClock

RATE = 100_000.0
KIB = 1024


def never() -> bool:
    return False


def send(limit: RateLimit, size: int) -> list[int]:
    return [len(piece) for piece in limit.paced(bytes(size), never)]


def test_without_a_rate_chunks_pass_as_they_are() -> None:
    clock = FakeClock()
    limit = RateLimit(None, clock)
    chunk = bytes(1 << 20)
    [piece] = limit.paced(chunk, never)
    assert piece is chunk
    limit.pay(1 << 30, never)
    assert limit.chunk(1 << 20) == 1 << 20
    assert clock.waits == []


def test_the_bytes_are_the_same() -> None:
    chunk = bytes(range(256)) * 400
    assert b"".join(RateLimit(RATE, FakeClock()).paced(chunk, never)) == chunk
    assert list(RateLimit(RATE, FakeClock()).paced(b"", never)) == []


def test_it_takes_the_time_that_the_rate_says() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    began = clock.monotonic()
    pieces = send(limit, 1_000_000)
    assert clock.monotonic() - began == pytest.approx(10, abs=0.2)
    assert max(pieces) == 5000  # what goes in 50 ms


@pytest.mark.parametrize(
    ("rate", "piece"), [(1024.0, 512), (16.0 * KIB, 819), (100e6, 64 * KIB), (10e9, 64 * KIB)]
)
def test_pieces_are_small_at_any_rate(rate: float, piece: int) -> None:
    assert max(send(RateLimit(rate, FakeClock()), 1 << 20)) == piece


def test_many_small_files_wait_as_one_large_file_does() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    began = clock.monotonic()
    for _ in range(1000):
        send(limit, 300)
    assert clock.monotonic() - began == pytest.approx(3, abs=0.2)


def test_what_is_received_counts_too() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    began = clock.monotonic()
    send(limit, 100_000)
    limit.pay(100_000, never)
    assert clock.monotonic() - began == pytest.approx(2, abs=0.2)


def test_transfers_share_alike() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    began = clock.monotonic()
    transfers = [limit.paced(bytes(size), never) for size in (50_000, 500_000, 50_000, 500_000)]
    done: list[float] = []
    while transfers:
        for transfer in list(transfers):
            if next(transfer, None) is None:
                transfers.remove(transfer)
                done.append(clock.monotonic() - began)
    # The short ones end when each has had a quarter of two seconds' worth.
    assert done == pytest.approx([2, 2, 11, 11], abs=0.3)


def test_an_idle_hour_is_not_made_up_for() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    send(limit, 100_000)
    clock.advance(3600)
    began = clock.monotonic()
    send(limit, 100_000)
    assert clock.monotonic() - began == pytest.approx(1, abs=0.2)


def test_slow_moments_are_made_up_for() -> None:
    """A pause that comes late, or a socket that is full for a moment, costs nothing in the end."""
    clock = FakeClock()
    clock.while_waiting = lambda _seconds: clock.advance(0.02)
    limit = RateLimit(RATE, clock)
    began = clock.monotonic()
    for _ in limit.paced(bytes(1_000_000), never):
        clock.advance(0.01)
    assert clock.monotonic() - began == pytest.approx(10, abs=0.2)


def test_an_abort_is_noticed_in_a_tenth_of_a_second() -> None:
    clock = FakeClock()
    limit = RateLimit(1024.0, clock)
    limit.bytes_per_s = 1.0
    at = clock.monotonic() + 5
    send(limit, 1)
    transfer = limit.paced(bytes(1 << 20), lambda: clock.monotonic() >= at)
    next(transfer)
    with pytest.raises(Interrupted):
        next(transfer)
    assert clock.monotonic() - at <= 0.1


def test_whoever_gave_up_keeps_nobody_waiting_for_long() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    for _ in range(3):
        send(limit, 5000)
        with pytest.raises(Interrupted):
            list(limit.paced(bytes(1 << 20), lambda: True))
    began = clock.monotonic()
    send(limit, 5000)
    assert clock.monotonic() - began < 0.3


def test_the_rate_may_change_meanwhile() -> None:
    clock = FakeClock()
    limit = RateLimit(RATE, clock)
    transfer: Iterator[bytes] = limit.paced(bytes(300_000), never)
    began = clock.monotonic()
    sent = 0
    while sent < 100_000:
        sent += len(next(transfer))
    limit.bytes_per_s = RATE * 2
    while sent < 200_000:
        sent += len(next(transfer))
    assert clock.monotonic() - began == pytest.approx(1.5, abs=0.2)
    limit.bytes_per_s = None
    assert len(next(transfer)) == 300_000 - sent
    assert clock.monotonic() - began == pytest.approx(1.5, abs=0.2)


def test_chunks_that_take_half_a_second() -> None:
    assert RateLimit(RATE, FakeClock()).chunk(1 << 20) == 50_000
    assert RateLimit(1e9, FakeClock()).chunk(1 << 20) == 1 << 20


@settings(deadline=None)
@given(
    rate=st.sampled_from([1024.0, 16.0 * KIB, 1e6, 1e8]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["send", "pay", "idle"]), st.integers(1, 200_000), st.floats(0, 2)
        ),
        max_size=20,
    ),
)
def test_in_no_stretch_of_time_is_there_more_than_the_rate_allows(
    rate: float, steps: list[tuple[str, int, float]]
) -> None:
    clock = FakeClock()
    limit = RateLimit(rate, clock)
    gone: list[tuple[float, int]] = []
    for what, size, idle in steps:
        if what == "idle":
            clock.advance(idle)
            continue
        if what == "send":
            for piece in limit.paced(bytes(size), never):
                gone.append((clock.monotonic(), len(piece)))  # noqa: PERF401 - the clock runs
        else:
            limit.pay(size, never)
            gone.append((clock.monotonic(), 0))
    for first in range(0, len(gone), max(1, len(gone) // 20)):
        total = 0
        for at, size in gone[first:]:
            total += size
            allowed = rate * (at - gone[first][0] + 0.1) + 64 * KIB
            assert total <= allowed + 1e-3
