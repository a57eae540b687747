"""What requests expect, how it travels, and what is made of the answers."""

from __future__ import annotations

import pytest

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Expected, RemovalReceipt
from aqsync.errors import BadAnswer, RemoteChanged
from tests.support.client_faults import EXPERIMENT, MIB, STORED, answering, client, detail
from tests.support.embedded import EmbeddedServer
from tests.support.raw_server import Peer, RawServer

TIME = "2026-11-23T10:11:45.826756+00:00"
CHECKED = "aqueduct-condition: checked"


@pytest.mark.parametrize(
    ("expected", "sent"),
    [
        (None, None),
        (Expected(None), b"absent"),
        (Expected(TIME), TIME.encode()),
    ],
)
def test_what_is_expected_travels_in_a_header(
    expected: Expected | None, sent: bytes | None
) -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        while head := peer.request()[0]:
            heads.append(head)
            peer.answer("200 OK", STORED)

    with RawServer(handler) as raw, client(raw.url) as server:
        server.upload(EXPERIMENT, "a", [b"x"], 1, expected=expected)
        server.remove_files(EXPERIMENT, ["a"], expected=expected)
    assert len(heads) == 2
    for head in heads:
        found = [line for line in head.split(b"\r\n") if b"aqueduct-expect" in line.lower()]
        assert found == ([] if sent is None else [b"Aqueduct-Expect: " + sent])


@pytest.mark.parametrize(
    ("expected", "said", "checked"),
    [
        (Expected(None), (CHECKED,), True),
        (Expected(None), (), False),
        (Expected(None), ("aqueduct-condition: ignored",), False),
        (None, (CHECKED,), False),
    ],
)
def test_receipts_tell_whether_the_condition_was_looked_at(
    expected: Expected | None, said: tuple[str, ...], *, checked: bool
) -> None:
    with RawServer(answering("200 OK", STORED, *said)) as raw, client(raw.url) as server:
        receipt = server.upload(EXPERIMENT, "a", [b"x"], 1, expected=expected)
        assert receipt.condition_checked is checked
        removed = server.remove_files(EXPERIMENT, ["a"], expected=expected)
        assert removed == RemovalReceipt(checked)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"aqueduct-modified: {TIME}", TIME),
        ("aqueduct-modified: yesterday", None),
        ("aqueduct-modified: absent", None),
        (f"aqueduct-modified: {TIME}{' ' * 3}{TIME}", None),
        ("x: y", None),
    ],
)
def test_the_exact_time_is_given_as_the_server_names_it(said: str, told: str | None) -> None:
    with RawServer(answering("200 OK", STORED, said)) as raw, client(raw.url) as server:
        assert server.upload(EXPERIMENT, "a", [b"x"], 1).modified_at == told


@pytest.mark.parametrize(
    ("said", "present", "time", "words"),
    [
        ((CHECKED, f"aqueduct-modified: {TIME}"), True, TIME, f"a version of {TIME} is there"),
        ((CHECKED, "aqueduct-modified: absent"), False, None, "is not there"),
        ((), None, None, "another version"),
        (("aqueduct-modified: nonsense",), None, None, "another version"),
    ],
)
def test_a_failed_condition_is_told_with_what_is_there(
    said: tuple[str, ...], *, present: bool | None, time: str | None, words: str
) -> None:
    body = detail("Another version is there.")
    answer = answering("412 Precondition Failed", body, *said)
    with RawServer(answer) as raw, client(raw.url) as server:
        for attempt in (
            lambda: server.upload(EXPERIMENT, "a", [b"x"], 1, expected=Expected(None)),
            lambda: server.remove_files(EXPERIMENT, ["a"], expected=Expected(TIME)),
        ):
            with pytest.raises(RemoteChanged) as caught:
                attempt()
            error = caught.value
            assert (error.status, error.present, error.modified_at) == (412, present, time)
            assert words in error.message
            assert not error.permanent


@pytest.mark.parametrize("time", ["", "a\r\nx: y", "µ", "two words", "x" * 65])
def test_a_listed_time_that_no_header_can_carry_is_told(time: str) -> None:
    with RawServer(answering("200 OK", STORED)) as raw, client(raw.url) as server:
        with pytest.raises(BadAnswer, match="as time"):
            server.upload(EXPERIMENT, "a", [b"x"], 1, expected=Expected(time))
        assert raw.connections == 0


def test_what_is_expected_can_be_said_of_one_file_only() -> None:
    with client("http://127.0.0.1:9") as server, pytest.raises(ValueError, match="one file"):
        server.remove_files(EXPERIMENT, ["a", "b"], expected=Expected(None))


def test_the_embedded_server_looks_at_conditions(embedded_server: EmbeddedServer) -> None:
    with Client(embedded_server.url) as server:
        uuid = server.create_experiment("conditions", "").uuid

        def times() -> dict[str, str]:
            lists = server.list_files([uuid])
            assert lists is not None
            return {file.name: file.modified_at for file in lists.files[uuid] or []}

        first = server.upload(uuid, "µ", [b"1"], 1, expected=Expected(None))
        assert (first.condition_checked, first.modified_at) == (True, times()["µ"])
        assert server.upload(uuid, "other", [b"1"], 1).modified_at == times()["other"]
        with pytest.raises(RemoteChanged) as caught:
            server.upload(uuid, "µ", [bytes(MIB)] * 9, 9 * MIB, expected=Expected(None))
        assert (caught.value.present, caught.value.modified_at) == (True, first.modified_at)
        second = server.upload(uuid, "µ", [b"2"], 1, expected=Expected(first.modified_at))
        assert second.condition_checked
        with pytest.raises(RemoteChanged):
            server.remove_files(uuid, ["µ"], expected=Expected(first.modified_at))
        removed = server.remove_files(uuid, ["µ"], expected=Expected(second.modified_at))
        assert removed.condition_checked
        with pytest.raises(RemoteChanged) as caught:
            server.remove_files(uuid, ["µ"], expected=Expected(second.modified_at))
        assert caught.value.present is False
        assert list(times()) == ["other"]
