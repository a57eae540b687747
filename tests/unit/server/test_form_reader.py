"""The form reader: whatever the pieces that a body comes in, the file is the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.server.errors import FileRefused
from aqsync.server.wire.upload import OneFileForm

BOUNDARY = b"b0und"
DELIMITER = b"\r\n--" + BOUNDARY
OPEN = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
CLOSE = DELIMITER + b"--\r\n"
OTHER = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="other"\r\n\r\nother\r\n'

# Much like a boundary, but none.
NEAR_MISSES = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n-", b"\r\n--", DELIMITER[:-1], b"b0und", b"x"]
    ),
    max_size=12,
).map(b"".join)
CONTENTS = (NEAR_MISSES | st.binary(max_size=200)).filter(lambda data: DELIMITER not in data)


def read(body: bytes, cuts: list[int]) -> bytes:
    reader = OneFileForm(f"multipart/form-data; boundary={BOUNDARY.decode()}")
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = b""
    for start, end in pairwise(edges):
        found += b"".join(reader.feed(body[start:end]))
    return found + b"".join(reader.finish())


@given(content=CONTENTS, cuts=st.lists(st.integers(0, 1000), max_size=20), tail=st.binary())
def test_a_file_in_any_pieces(content: bytes, cuts: list[int], tail: bytes) -> None:
    assert read(OPEN + content + CLOSE + tail, cuts) == content


@given(content=CONTENTS, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_without_the_closing_boundary(content: bytes, cuts: list[int]) -> None:
    assert read(OPEN + content, cuts) == content


@given(content=CONTENTS, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_other_parts_around_it(content: bytes, cuts: list[int]) -> None:
    assert read(OTHER + OPEN + content + b"\r\n" + OTHER + CLOSE, cuts) == content
    assert read(OTHER + OPEN + content, cuts) == content


@given(body=st.binary() | NEAR_MISSES, cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_anything_else_is_refused(body: bytes, cuts: list[int]) -> None:
    with pytest.raises(FileRefused) as caught:
        read(body, cuts)
    assert caught.value.status == 400


def test_a_form_of_half_a_million_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.server.wire.form_reader.MAX_PARTS", 100)
    assert read(OTHER * 99 + OPEN + CLOSE, []) == b""
    with pytest.raises(FileRefused, match="more than 100 parts") as caught:
        read(OTHER * 100 + OPEN + CLOSE, [])
    assert caught.value.status == 413
