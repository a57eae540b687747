"""Whatever is in a file: no error comes of it, and no more than a little of it is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aqsync.local.formats.view import MOST_BYTES, MOST_READS
from tests.support.examples import examples
from tests.unit.local.formats.test_real_files import FILES
from tests.unit.local.formats.viewing import read_of, said_of

CONTENTS = [file.read_bytes() for file in FILES]
MAGICS = sorted({content[:8] for content in CONTENTS})


@given(st.sampled_from(MAGICS), st.binary(max_size=300), st.integers(0, 64))
@examples(200)
def test_random_bytes_behind_a_magic(magic: bytes, rest: bytes, in_memory: int) -> None:
    said_of(magic + rest)
    _, reads = read_of(magic + rest, in_memory)
    assert reads.count <= MOST_READS


@given(
    st.sampled_from(CONTENTS),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=9)), max_size=6),
    st.integers(0, 2000),
)
@examples(150)
def test_a_real_file_with_other_bytes_in_it(
    content: bytes, pieces: list[tuple[int, bytes]], in_memory: int
) -> None:
    for at, piece in pieces:
        content = content[:at] + piece + content[at + len(piece) :]
    _, reads = read_of(content, in_memory)
    assert reads.count <= MOST_READS
    assert reads.bytes <= MOST_READS * MOST_BYTES


def test_end_records_without_end() -> None:
    """Each names a directory elsewhere, so each would have to be looked at."""
    record = b"PK\x05\x06" + b"\0\0" * 2 + b"\1\0\1\0" + b"\0" * 10
    content = b"PK\x03\x04" + record * 6000
    _, reads = read_of(content)
    assert reads.count < 20


def test_locators_without_end() -> None:
    locator = b"PK\x06\x07" + bytes(4) + b"\x40" + bytes(11)
    record = b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)
    content = b"PK\x03\x04" + bytes(9000) + (locator + record) * 3000
    _, reads = read_of(content)
    assert reads.count <= MOST_READS


def test_gzip_members_without_end() -> None:
    member = bytes.fromhex("1f8b08000000000000030300000000000000 0000".replace(" ", ""))
    said_of(member * 3000)
