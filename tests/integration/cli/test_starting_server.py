"""A command that comes a moment before its server waits for it: here only, and not for long."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aqsync.cli import starting_server
from aqsync.cli.starting_server import LONGEST_S, await_start
from tests.support.embedded import EmbeddedServer
from tests.support.fake_clock import FakeClock
from tests.support.project import run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(starting_server, "CLOCK", clock)
    return clock


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """It has a port, and refuses connections until it listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def after(waits: int, clock: FakeClock, happens: Callable[[], object]) -> None:
    def count(_seconds: float) -> None:
        if len(clock.waits) == waits:
            happens()

    clock.while_waiting = count


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_waits_until_the_server_listens(
    clock: FakeClock, bound: socket.socket, host: str
) -> None:
    after(7, clock, bound.listen)
    await_start(f"http://{host}:{bound.getsockname()[1]}")
    assert len(clock.waits) == 7


def test_it_gives_up(clock: FakeClock, bound: socket.socket) -> None:
    await_start(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert LONGEST_S <= sum(clock.waits) < LONGEST_S + 1


def test_a_server_that_listens_is_not_waited_for(clock: FakeClock, bound: socket.socket) -> None:
    bound.listen()
    await_start(f"https://127.0.0.1:{bound.getsockname()[1]}/path")
    assert clock.waits == []


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:9",
        "http://no-such-host.invalid",
        "http://no-such-host.localhost",
        "http://127.0.0.1:99999",
        "nonsense",
        "",
    ],
)
def test_nothing_else_is_waited_for(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("not refused")

    monkeypatch.setattr(socket, "create_connection", fail)
    await_start(url)
    assert clock.waits == []


def test_another_machine_is_not_even_asked(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    await_start("http://192.0.2.1:9")
    assert clock.waits == []


@pytest.mark.parametrize(
    "command",
    [
        ("experiment", "find"),
        ("push",),
        ("push", "--dry-run"),
        ("check", "--online"),
        ("ls", "--refresh"),
    ],
    ids=" ".join,
)
def test_every_command_waits(
    clock: FakeClock, bound: socket.socket, tmp_path: Path, command: tuple[str, ...]
) -> None:
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    (tmp_path / "root").mkdir()
    (tmp_path / "aqsync.yaml").write_text(
        f"server: {{url: '{url}'}}\n"
        f"journal: {tmp_path}/journal.db\n"
        f"mappings: [{{name: a, directory: {tmp_path}/root, experiment: 20261123-1}}]\n"
    )
    run(*command, "--config", tmp_path / "aqsync.yaml")
    assert LONGEST_S <= sum(clock.waits) < LONGEST_S + 1


def test_a_command_meets_a_server_that_is_starting(clock: FakeClock, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        server.stop()
        after(3, clock, server.start)
        assert run("experiment", "create", "First", "--url", server.url).exit_code == 0
