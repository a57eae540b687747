"""How long a store through mmap may go unseen, as the kernel is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.local.disk import REAL_DISK
from aqsync.local.writeback import LONGEST_NS, UNKNOWN_NS, WRITING_NS, write_back_ns
from aqsync.model import SECOND_NS


def settings(folder: Path, expire: str, every: str) -> Path:
    (folder / "dirty_expire_centisecs").write_text(expire, encoding="ascii")
    (folder / "dirty_writeback_centisecs").write_text(every, encoding="ascii")
    return folder


def test_it_is_what_the_kernel_waits_and_the_time_of_writing(tmp_path: Path) -> None:
    assert write_back_ns(settings(tmp_path, "3000\n", "500\n")) == 35 * SECOND_NS + WRITING_NS


def test_a_minute_where_the_system_does_not_say(tmp_path: Path) -> None:
    assert write_back_ns(tmp_path) == UNKNOWN_NS == 60 * SECOND_NS
    assert write_back_ns(settings(tmp_path, "much\n", "500\n")) == UNKNOWN_NS


@pytest.mark.parametrize(("expire", "every"), [("3000", "0"), ("0", "500"), ("9000000", "500")])
def test_an_hour_where_nothing_is_written_back_sooner(
    tmp_path: Path, expire: str, every: str
) -> None:
    assert write_back_ns(settings(tmp_path, expire, every)) == LONGEST_NS == 3600 * SECOND_NS


def test_this_machine_has_some_such_time() -> None:
    assert 0 < REAL_DISK.write_back_ns() <= LONGEST_NS
