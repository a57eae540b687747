"""The notify protocol on a real socket."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.service.systemd_notify import Notifier
from tests.support.fake_clock import FakeClock


class Systemd:
    """Its end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.environ = {"NOTIFY_SOCKET": address}

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(65_536).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    if request.param == "abstract":
        if sys.platform != "linux":
            pytest.skip("abstract sockets are Linux's")
        address = f"@aqsync-test-{secrets.token_hex(8)}"
    else:
        address = str(tmp_path / "notify")
    made = Systemd(address)
    yield made
    made.close()


def test_what_is_said(systemd: Systemd) -> None:
    clock = FakeClock()
    notifier = Notifier(systemd.environ, clock)
    notifier.ready("1 mapping")
    notifier.status("12 files waiting")
    notifier.watchdog()
    notifier.reloading()
    notifier.extend(2.5)
    notifier.stopping()
    assert systemd.heard() == [
        "READY=1\nSTATUS=1 mapping",
        "STATUS=12 files waiting",
        "WATCHDOG=1",
        f"RELOADING=1\nMONOTONIC_USEC={int(clock.monotonic() * 1_000_000)}",
        "EXTEND_TIMEOUT_USEC=2500000",
        "STOPPING=1",
    ]


def test_the_same_status_is_said_once(systemd: Systemd) -> None:
    notifier = Notifier(systemd.environ, FakeClock())
    notifier.ready("idle")
    for text in ("idle", "busy", "busy", "idle"):
        notifier.status(text)
    assert systemd.heard()[1:] == ["STATUS=busy", "STATUS=idle"]


def test_a_status_is_no_way_to_say_something_else(systemd: Systemd) -> None:
    notifier = Notifier(systemd.environ, FakeClock())
    notifier.status("held: a\nMAINPID=1\udce9")
    notifier.status("x" * 1_000_000)
    first, second = systemd.heard()
    assert first == "STATUS=held: a?MAINPID=1?"
    assert len(second) < 2_000


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier({}, FakeClock())
    notifier.ready("idle")
    notifier.watchdog()
    assert notifier.watchdog_interval_s is None


def test_a_dead_socket_is_logged_once_and_a_status_said_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": address}, FakeClock())
    for _ in range(3):
        notifier.watchdog()
        notifier.status("busy")
    [record] = caplog.records
    assert record.getMessage() == "systemd cannot be told how the daemon is"
    systemd = Systemd(address)
    notifier.status("busy")
    assert systemd.heard() == ["STATUS=busy"]
    systemd.close()
    notifier.watchdog()
    assert len(caplog.records) == 2  # it is another failure


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_interval(environ: dict[str, str], interval_s: float | None) -> None:
    assert Notifier(environ, FakeClock()).watchdog_interval_s == interval_s
