"""What is behind a standard stream decides nothing but whether its words arrive."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.cli.streams import Outlet
from tests.support.patience import HANG_S

FULL = "error: the output cannot be written: No space left on device\n"


def test_a_pipe_that_nobody_reads_takes_everything() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outlet = Outlet(writing)
    stream = io.TextIOWrapper(io.BufferedWriter(outlet), write_through=True)

    for _ in range(3):
        stream.write("x" * 100_000)
        stream.flush()

    assert outlet.reader_gone
    os.close(writing)


def test_a_full_disk_is_remembered_and_tried_again() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        outlet = Outlet(full.fileno())
        assert outlet.write(b"lost") == len(b"lost")
        assert outlet.failure is not None
        assert outlet.failure.errno == errno.ENOSPC
        assert not outlet.reader_gone


def test_a_terminal_that_is_full_for_a_moment_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    outlet = Outlet(writing)
    size = 0
    while size < 1_000_000:
        size += outlet.write(bytes(1000))
        os.read(reading, 1000)
    assert outlet.failure is None
    for descriptor in (reading, writing):
        os.close(descriptor)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("$aq --version >/dev/full", 1, FULL),
        ("$aq nonsense 2>/dev/full", 2, ""),
        ("$aq --version >&- 2>&- <&-", 0, ""),
        ("$aq nonsense >&- 2>&- <&-", 2, ""),
    ],
)
def test_no_command_breaks_on_its_streams(line: str, status: int, said: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", line],
        env={"aq": f"{sys.executable} -m aqsync", "PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert (ran.returncode, ran.stderr) == (status, said)
