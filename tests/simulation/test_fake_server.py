"""The fake server goes wrong as it is told to, and remembers who did what."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import pytest

from aqsync.errors import (
    ExperimentNotFound,
    RemoteError,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from tests.simulation.fake_server import FINE, PIECE, Call, Fault, SimulatedServer
from tests.support.fake_clock import FakeClock

EID = "20261123-1"
CONTENT = b"0123456789"


class Told(SimulatedServer):
    """A server with one experiment whose next call goes wrong."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(self.clock)
        self.uuid = self.create(EID).uuid

    def next(self, fault: Fault) -> None:
        faults = [fault]
        self.fault = lambda _call: faults.pop() if faults else FINE

    def send(self, content: bytes = CONTENT, taken: list[int] | None = None) -> None:
        def chunks() -> Iterable[bytes]:
            for byte in content:
                if taken is not None:
                    taken.append(byte)
                yield bytes([byte])

        self.upload(self.uuid, "a", chunks(), len(content))

    def call_all(self) -> list[type[RemoteError] | None]:
        """What each method raises, in order."""
        found: list[type[RemoteError] | None] = []
        for call in (
            lambda: self.resolve([EID]),
            lambda: self.list_files([self.uuid]),
            self.send,
            lambda: self.download(self.uuid, "a").__enter__(),
            lambda: self.probe_file(self.uuid, "a"),
            lambda: self.remove_files(self.uuid, ["a"]),
            lambda: self.add_tags(self.uuid, ["tag"]),
            self.check_file_name_header,
        ):
            try:
                call()
            except RemoteError as exc:
                found.append(type(exc))
            else:
                found.append(None)
        return found


def told(server: Told) -> list[tuple[bool, str, bytes | None, bytes | None]]:
    """By us or not, the file's name, and its content before and after."""
    return [
        (e.ours, e.name, e.before and e.before.content, e.after and e.after.content)
        for e in server.events
    ]


@pytest.fixture
def server() -> Told:
    return Told()


def test_every_call_asks_what_goes_wrong(server: Told) -> None:
    asked: list[Call] = []

    def fault(call: Call) -> Fault:
        asked.append(call)
        return FINE

    server.fault = fault
    assert server.call_all() == [None] * 8
    assert asked == [
        ("resolve", (), (EID,)),
        ("list_files", (server.uuid,), ()),
        ("upload", (server.uuid,), ("a",)),
        ("download", (server.uuid,), ("a",)),
        ("probe_file", (server.uuid,), ("a",)),
        ("remove_files", (server.uuid,), ("a",)),
        ("add_tags", (server.uuid,), ("tag",)),
        ("check_file_name_header", (), ()),
    ]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(error=ServerFailed("500")), ServerFailed),
        (Fault(error=ServerUnreachable("down")), ServerUnreachable),
        (Fault(breaks_at=0.5), ServerUnreachable),
    ],
)
def test_what_fails_has_done_nothing(server: Told, fault: Fault, error: type[RemoteError]) -> None:
    server.put(EID, "a", CONTENT)
    before = server.contents(EID)
    server.fault = lambda _call: fault
    found = server.call_all()
    broken_later = fault.breaks_at is not None
    assert found == [error, error, error, None if broken_later else error] + [error] * 4
    assert server.contents(EID) == before
    assert server.of(EID).tags == []


def test_an_answer_that_is_lost_comes_after_the_request_is_served(server: Told) -> None:
    server.fault = lambda _call: Fault(answer_lost=True)
    with pytest.raises(ServerUnreachable):
        server.send()
    assert server.contents(EID) == {"a": CONTENT}
    with pytest.raises(ServerUnreachable):
        server.add_tags(server.uuid, ["tag"])
    assert server.of(EID).tags == ["tag"]
    with pytest.raises(ServerUnreachable):
        server.remove_files(server.uuid, ["a"])
    assert server.contents(EID) == {}


@pytest.mark.parametrize(("share", "passed"), [(0.0, 1), (0.35, 4), (0.99, 10), (1.0, 10)])
def test_an_upload_that_breaks_off(server: Told, share: float, passed: int) -> None:
    taken: list[int] = []
    server.next(Fault(breaks_at=share))
    with pytest.raises(ServerUnreachable):
        server.send(taken=taken)
    assert len(taken) == passed
    assert server.contents(EID) == {}
    server.send()
    assert server.contents(EID) == {"a": CONTENT}


@pytest.mark.parametrize(("share", "passed"), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_a_download_that_breaks_off(server: Told, share: float, passed: int) -> None:
    server.put(EID, "a", bytes(2 * PIECE))
    server.next(Fault(breaks_at=share))
    pieces: list[bytes] = []
    with server.download(server.uuid, "a") as download, pytest.raises(ServerUnreachable):
        pieces.extend(download.chunks())
    assert len(pieces) == passed


def test_a_slow_answer_takes_its_time(server: Told) -> None:
    began = server.clock.monotonic()
    server.next(Fault(seconds=7.5))
    server.send()
    assert server.clock.monotonic() - began == 7.5
    assert server.contents(EID) == {"a": CONTENT}


def test_a_revoked_token(server: Told) -> None:
    server.token_revoked = True
    assert server.call_all() == [TokenRefused] * 8
    assert server.events == []
    server.token_revoked = False
    assert server.call_all() == [None] * 8


def test_a_file_that_is_too_large(server: Told) -> None:
    server.most_bytes = len(CONTENT) - 1
    with pytest.raises(TransferRefused) as caught:
        server.send()
    assert caught.value.status == 413
    server.send(CONTENT[1:])


def test_an_experiment_that_is_made_again(server: Told) -> None:
    before = server.uuid
    server.put(EID, "a", b"x")
    server.destroy(EID)
    with pytest.raises(ExperimentNotFound):
        server.send()
    made = server.create(EID)
    assert made.uuid != before
    found = server.resolve([EID])[EID]
    assert found is not None
    assert found.uuid == made.uuid
    assert server.contents(EID) == {}


def test_others_may_do_things_in_the_middle_of_ours(server: Told) -> None:
    def fault(call: Call) -> Fault:
        if call.method == "upload":
            server.put(EID, "a", b"theirs")
        return FINE

    server.fault = fault
    server.send()
    assert [
        (e.ours, e.before and e.before.content, e.after and e.after.content) for e in server.events
    ] == [
        (False, None, b"theirs"),
        (True, b"theirs", CONTENT),
    ]


def test_an_experiment_that_vanishes_under_an_upload(server: Told) -> None:
    def chunks() -> Iterable[bytes]:
        yield b"1"
        server.destroy(EID)
        yield b"2"

    with pytest.raises(ExperimentNotFound):
        server.upload(server.uuid, "a", chunks(), 2)
    assert server.events == []


def test_who_did_what(server: Told) -> None:
    server.send(b"1")
    server.put(EID, "a", b"2")
    server.remove_files(server.uuid, ["a"])
    server.put(EID, "b", b"3")
    server.delete(EID, "b")
    assert told(server) == [
        (True, "a", None, b"1"),
        (False, "a", b"1", b"2"),
        (True, "a", b"2", None),
        (False, "b", None, b"3"),
        (False, "b", b"3", None),
    ]


def test_a_restored_server_holds_what_it_held(server: Told) -> None:
    server.send(b"1")
    server.put(EID, "b", b"theirs")
    first = server.of(EID).files["a"]
    backup = server.backup()
    server.clock.advance(10)
    server.send(b"2")
    server.put(EID, "c", b"later")
    before = len(server.events)
    server.restore(backup, new_times=False)
    assert server.contents(EID) == {"a": b"1", "b": b"theirs"}
    assert server.of(EID).files["a"] == first
    assert [(e.who, e.name) for e in server.events[before:]] == [
        ("restored", "a"),
        ("restored", "c"),
    ]
    server.restore(backup, new_times=True)
    assert server.contents(EID) == {"a": b"1", "b": b"theirs"}
    assert server.of(EID).files["a"].modified_at > first.modified_at


def test_a_proxy_that_stores_after_the_client_gave_up(server: Told) -> None:
    server.next(Fault(late_s=30.0))
    with pytest.raises(ServerUnreachable):
        server.send(b"old")
    server.send(b"new")
    server.store_late()
    assert server.contents(EID) == {"a": b"new"}
    server.clock.advance(30)
    server.store_late()
    assert server.contents(EID) == {"a": b"old"}
    assert [(e.who, e.ours) for e in server.events] == [("us", True), ("late", True)]
    assert server.late == []


def test_what_is_late_for_an_experiment_that_is_gone_is_dropped(server: Told) -> None:
    server.next(Fault(late_s=1.0))
    with pytest.raises(ServerUnreachable):
        server.send()
    server.destroy(EID)
    server.clock.advance(1)
    server.store_late()
    assert server.late == []
    assert server.events == []


def test_a_server_that_answers_200_without_storing(server: Told) -> None:
    server.next(Fault(forgets=True))
    server.send()
    assert server.contents(EID) == {}
    assert [(e.who, e.after and e.after.content) for e in server.events] == [("forgotten", CONTENT)]


def test_the_servers_clock_may_differ(server: Told) -> None:
    server.ahead_s = -3600
    receipt = server.upload(server.uuid, "a", [b"x"], 1)
    assert receipt.server_date is not None
    ours_s = server.clock.now_ns() / 1e9
    assert receipt.server_date.timestamp() - ours_s == -3600
    times = [server.of(EID).files["a"].modified_at]
    for _ in range(3):
        server.put(EID, "a", b"x")
        times.append(server.of(EID).files["a"].modified_at)
    assert times == sorted(set(times))


def test_the_same_calls_get_the_same_answers() -> None:
    def history() -> list[object]:
        server = Told()
        server.send()
        server.clock.advance(1)
        server.put(EID, "b", b"x")
        return [server.list_files([server.uuid]), server.resolve([EID]), server.events]

    assert history() == history()
    assert isinstance(Told().uuid, UUID)
