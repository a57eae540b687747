"""The next chunk is prepared while the one before is in use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from aqsync.local.read_ahead import read_ahead
from tests.support.patience import HANG_S


def numbered(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b"%d" % number


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_all_chunks_come_in_order(count: int) -> None:
    assert list(read_ahead(numbered(count))) == list(numbered(count))


def test_the_next_chunk_is_prepared_while_one_is_in_use() -> None:
    second = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"first"
        second.set()
        yield b"second"

    with closing(read_ahead(chunks())) as ahead:
        assert next(ahead) == b"first"
        assert second.wait(HANG_S), "nobody asked for it"


def test_an_error_comes_in_the_place_of_its_chunk() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"good"
        raise OSError("the disk")

    ahead = read_ahead(chunks())
    assert next(ahead) == b"good"
    with pytest.raises(OSError, match="the disk"):
        next(ahead)


def test_once_closed_nothing_runs_any_more() -> None:
    running = threading.Event()
    go_on = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"first"
        running.set()
        go_on.wait(HANG_S)
        running.clear()
        yield b"second"

    ahead = read_ahead(chunks())
    next(ahead)
    assert running.wait(HANG_S)
    threading.Timer(0.05, go_on.set).start()
    ahead.close()
    assert not running.is_set()
