from __future__ import annotations

from collections.abc import Iterator

import pytest

from aqsync.aqueduct.multipart import UploadBody, name_header
from aqsync.errors import FileChanged, Interrupted, NameNotSendable

MIB = 1 << 20
ENVELOPE_LIMIT = 1024


@pytest.mark.parametrize(
    ("name", "value"),
    [("a.csv", b"a.csv"), ("µ°é ü.dat", b"\xb5\xb0\xe9 \xfc.dat"), ("a  b~=", b"a  b~=")],
)
def test_a_name_travels_as_latin_1(name: str, value: bytes) -> None:
    assert name_header(name) == value


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\tb", "a\nb", "a\r\nx: y", "a\x7f", "漢", "a\udcff", "\x00"]
)
def test_a_name_that_the_header_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(NameNotSendable) as caught:
        name_header(name)
    assert caught.value.hint
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("length", [0, 1, 128 * 1024, 128 * 1024 + 1, 3 * MIB])
def test_the_pieces_are_the_envelope_around_the_bytes(length: int) -> None:
    data = bytes(length)
    body = UploadBody("a", iter([data[:1000], b"", data[1000:]]), length)
    sent = b"".join(body)
    assert len(sent) == body.length
    assert body.finished
    boundary = body.content_type.partition(b"boundary=")[2]
    assert sent.startswith(b"--" + boundary + b"\r\n")
    assert sent.endswith(b"\r\n--" + boundary + b"--\r\n")
    assert sent.partition(b"\r\n\r\n")[2][:length] == data
    assert body.length - length < ENVELOPE_LIMIT


def test_a_small_file_is_one_piece_that_can_be_sent_again() -> None:
    body = UploadBody("a", iter([b"abc"]), 3)
    assert len(list(body)) == 1
    assert body.repeatable
    assert len(list(body)) == 1


def test_the_chunks_of_a_large_file_are_not_copied() -> None:
    chunks = [bytes(MIB), bytes(MIB)]
    body = UploadBody("a", iter(chunks), 2 * MIB)
    pieces = iter(body)
    next(pieces)
    again = [body.repeatable]
    assert next(pieces) is chunks[0]
    assert next(pieces) is chunks[1]
    again.append(body.repeatable)
    assert again == [True, False]


@pytest.mark.parametrize("length", [10, 2 * MIB])
@pytest.mark.parametrize("difference", [-1, 1])
def test_another_number_of_bytes_never_completes_a_request(length: int, difference: int) -> None:
    missing = length + ENVELOPE_LIMIT

    def send() -> None:
        nonlocal missing
        body = UploadBody("a.csv", iter([bytes(5), bytes(length + difference - 5)]), length)
        missing = body.length
        for piece in body:
            missing -= len(piece)
            assert not body.finished

    with pytest.raises(FileChanged, match=r"a\.csv"):
        send()
    assert missing > 0


def test_the_end_is_held_back_until_the_source_has_ended_without_complaint() -> None:
    def source() -> Iterator[bytes]:
        yield bytes(MIB)
        raise FileChanged("it changed")

    body = UploadBody("a", source(), MIB)
    sent = 0

    def send() -> None:
        nonlocal sent
        for piece in body:
            sent += len(piece)

    with pytest.raises(FileChanged, match="it changed"):
        send()
    assert sent < body.length
    assert not body.finished


@pytest.mark.parametrize("length", [0, 100, 128 * 1024, 128 * 1024 + 1, MIB])
def test_every_byte_of_it_is_paced(length: int) -> None:
    paced: list[bytes] = []

    def throttle(piece: bytes) -> Iterator[bytes]:
        for start in range(0, len(piece), 1000):
            paced.append(piece[start : start + 1000])
            yield paced[-1]

    body = UploadBody("a", iter([bytes(length)]), length, throttle)
    assert paced == []  # not before it is sent
    sent = list(body)
    assert sent == paced
    assert max(map(len, sent)) <= 1000
    assert len(b"".join(sent)) == body.length
    assert body.finished


def test_a_pace_that_gives_up_leaves_the_request_incomplete() -> None:
    def throttle(piece: bytes) -> Iterator[bytes]:
        yield piece[:10]
        raise Interrupted("interrupted")

    body = UploadBody("a", [b"abc"], 3, throttle)
    with pytest.raises(Interrupted):
        list(body)
    assert not body.finished
