"""What is read of a file whose beginning is in memory."""

from __future__ import annotations

import pytest

from aqsync.local.formats import View
from aqsync.local.formats.view import MOST_BYTES, MOST_READS, PAGE, TooMuch
from tests.unit.local.formats.viewing import Reads

CONTENT = bytes(range(256)) * 64


@pytest.fixture
def reads() -> Reads:
    return Reads(CONTENT, in_memory=100)


@pytest.fixture
def view(reads: Reads) -> View:
    return View(len(CONTENT), reads.beginning, reads.read_at)


def test_what_is_in_memory_is_not_read(view: View, reads: Reads) -> None:
    assert view.at(0, 100) == CONTENT[:100]
    assert view.at(99, 1) == CONTENT[99:100]
    assert reads.count == 0
    assert view.at(99, 2) == CONTENT[99:101]
    assert reads.count == 1


def test_a_page_is_read_at_once_and_kept_until_the_next(view: View, reads: Reads) -> None:
    for offset in (5000, 5001, 5000 + PAGE - 10):
        assert view.at(offset, 10) == CONTENT[offset : offset + 10]
    assert (reads.count, reads.bytes) == (1, PAGE)
    view.at(5000 + PAGE - 9, 10)
    assert reads.count == 2
    view.at(50, 10)
    assert reads.count == 2


@pytest.mark.parametrize(("offset", "length"), [(-1, 5), (0, 0), (len(CONTENT), 1), (1 << 70, 9)])
def test_outside_of_the_file_is_nothing(view: View, reads: Reads, offset: int, length: int) -> None:
    assert view.at(offset, length) == b""
    assert reads.count == 0


def test_the_end_of_a_file_cuts_what_is_asked_for() -> None:
    view = View(10, b"0123456789")
    assert view.at(8, 5) == b"89"
    assert view.numbers("<I", 8) is None
    assert view.numbers("<H", 8) == (0x3938,)


def test_a_file_that_became_shorter_gives_fewer_bytes() -> None:
    assert View(1000, b"", lambda _offset, _size: b"ab").at(500, 10) == b"ab"
    assert View(1000, b"only these").at(500, 10) == b""


def test_no_more_than_a_limit_is_read(view: View, reads: Reads) -> None:
    for number in range(MOST_READS):
        view.at(200 + number % 2 * PAGE * 2, 1)
    assert reads.count == MOST_READS
    with pytest.raises(TooMuch):
        view.at(200 + PAGE * 2 + PAGE, 1)
    huge = View(1 << 40, b"", lambda _offset, size: bytes(size))
    assert len(huge.at(9, MOST_BYTES)) == MOST_BYTES
    with pytest.raises(TooMuch):
        huge.at(9, MOST_BYTES + 1)
