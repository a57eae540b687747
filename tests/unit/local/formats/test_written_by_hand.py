"""Files as the specifications of their formats allow them, which no library wrote here."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from io import BytesIO

import pytest

from aqsync.local.formats.gzip_stream import _MOST_UNPACKED
from aqsync.local.formats.view import MOST_READS, PAGE
from tests.unit.local.formats.viewing import (
    BEING_WRITTEN,
    CANNOT_TELL,
    FINISHED,
    REAL,
    read_of,
    said_of,
)

NOT_KNOWN = 0xFFFF_FFFF_FFFF_FFFF


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


def patched(content: bytes, at: int, piece: bytes) -> bytes:
    return content[:at] + piece + content[at + len(piece) :]


# HDF5


def test_hdf5_whose_user_block_was_put_before_it_later() -> None:
    assert said_of(bytes(4096) + real("version-0.h5"))[1] is FINISHED
    assert said_of(bytes(4096) + real("version-3.h5")[:-1])[1] is BEING_WRITTEN


def test_hdf5_at_a_place_where_none_begins_is_no_hdf5() -> None:
    assert said_of(bytes(513) + real("version-0.h5")) == (None, CANNOT_TELL)


@pytest.mark.parametrize("width", [2, 4])
def test_hdf5_with_short_addresses(width: int) -> None:
    layout = {2: "<4H", 4: "<4I"}[width]
    head = b"\x89HDF\r\n\x1a\n\0\0\0\0\0" + bytes([width, 4]) + bytes(9)
    for end, verdict in ((200, FINISHED), (300, BEING_WRITTEN)):
        addresses = struct.pack(layout, 0, 0, end, NOT_KNOWN % 256**width)
        assert said_of((head + addresses).ljust(200, b"\0"))[1] is verdict


@pytest.mark.parametrize(
    ("flags", "verdict"), [(0, FINISHED), (1, BEING_WRITTEN), (5, BEING_WRITTEN)]
)
def test_hdf5_with_flags_of_its_writer(flags: int, verdict: object) -> None:
    assert said_of(patched(real("version-2.h5"), 11, bytes([flags])))[1] is verdict


def test_hdf5_spread_over_several_files_cannot_be_told() -> None:
    first = patched(real("version-0.h5"), 48, struct.pack("<Q", 96))
    assert said_of(first[:1500])[1] is CANNOT_TELL


def test_hdf5_of_version_2_spread_over_several_files_cannot_be_told() -> None:
    """The first of `h5py.File("%05d.h5", "w", driver="family", libver="latest")`."""
    head = b"\x89HDF\r\n\x1a\n\3\x08\x08\0" + struct.pack("<4QI", 0, 48, 162048, 98, 0)
    extension = b"OHDR\2\x20" + bytes(17) + b"\x14\x13\0\4\0NCSAfami\x08\0" + bytes(12)
    assert said_of(head + extension + bytes(1000)) == ("HDF5", CANNOT_TELL)


def test_hdf5_of_version_1_has_its_addresses_four_bytes_later() -> None:
    head = b"\x89HDF\r\n\x1a\n\1\0\0\0\0" + bytes([8, 8]) + bytes(13)
    for end, verdict in ((200, FINISHED), (201, BEING_WRITTEN)):
        addresses = struct.pack("<4Q", 0, NOT_KNOWN, end, NOT_KNOWN)
        assert said_of((head + addresses).ljust(200, b"\0"))[1] is verdict


def test_hdf5_of_version_2_with_addresses_shorter_than_lengths() -> None:
    head = b"\x89HDF\r\n\x1a\n\2" + bytes([4, 8, 0])
    for end, verdict in ((200, FINISHED), (201, BEING_WRITTEN)):
        addresses = struct.pack("<4I", 0, 2**32 - 1, end, 96)
        assert said_of((head + addresses).ljust(200, b"\0"))[1] is verdict


def test_hdf5_of_a_later_version_cannot_be_told() -> None:
    assert said_of(patched(real("version-3.h5"), 8, b"\4"))[1] is CANNOT_TELL


@pytest.mark.parametrize(("at", "value"), [(8, 4), (8, 255), (13, 16), (13, 0)])
def test_hdf5_of_a_kind_that_is_not_known_cannot_be_told(at: int, value: int) -> None:
    assert said_of(patched(real("version-0.h5"), at, bytes([value])))[1] is CANNOT_TELL


# ZIP


def archive(**members: str) -> bytes:
    kept = BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return kept.getvalue()


def as_zip64(content: bytes) -> bytes:
    """The same archive, its directory named by the end record of large archives."""
    end = content.rindex(b"PK\x05\x06")
    _, _, _, _, entries, size, offset, _ = struct.unpack("<4s4HIIH", content[end : end + 22])
    end64 = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4s4HIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    return content[:end] + end64 + locator + last


def test_zip64_and_each_beginning_of_it() -> None:
    content = as_zip64(archive(a="text" * 40, b="more"))
    assert said_of(content) == ("ZIP", FINISHED)
    assert all(said_of(content[:size])[1] is BEING_WRITTEN for size in range(4, len(content)))


@pytest.mark.parametrize("magic", [b"PK\x06\x06", b"PK\x06\x07"])
def test_zip64_without_a_record_that_it_needs(magic: bytes) -> None:
    content = as_zip64(archive(a="text"))
    assert said_of(patched(content, content.index(magic), b"gone"))[1] is BEING_WRITTEN


def test_zip64_whose_locator_leads_out_of_the_file() -> None:
    content = as_zip64(archive(a="text"))
    at = content.index(b"PK\x06\x07") + 8
    assert said_of(patched(content, at, struct.pack("<Q", NOT_KNOWN)))[1] is BEING_WRITTEN


def test_the_end_of_an_archive_that_lies_within_another() -> None:
    """It names a directory that would be there if nothing stood before it."""
    inner = archive(a="text")
    assert said_of(b"PK\3\4 stored" + inner)[1] is BEING_WRITTEN
    end = inner.index(b"PK\x05\x06")
    assert said_of(inner[:end] + b"gap" + inner[end:])[1] is BEING_WRITTEN


def test_an_archive_without_entries() -> None:
    assert said_of(archive()) == ("ZIP", FINISHED)


def test_an_archive_with_the_longest_comment() -> None:
    content = archive(a="text")
    content = content[:-2] + b"\xff\xff" + b"c" * 0xFFFF
    verdict, reads = read_of(content)
    assert verdict is FINISHED
    assert reads.bytes < 80_000
    assert read_of(content[:-1])[0] is BEING_WRITTEN


def test_an_archive_with_something_behind_it() -> None:
    assert said_of(archive(a="text") + b"a signature, say")[1] is FINISHED


def test_an_archive_that_gets_another_member_is_being_written() -> None:
    content = archive(a="text", b="more")
    directory = content.index(b"PK\x01\x02")
    member = archive(new="x" * 20)[:53]
    assert said_of(patched(content, directory, member))[1] is BEING_WRITTEN


# PNG


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + b"crc!"


LAST = b"\0\0\0\0IEND\xae\x42\x60\x82"


def test_a_png_with_something_behind_it() -> None:
    assert said_of(real("map.png") + b"settings of the microscope")[1] is FINISHED


def test_a_png_of_very_many_chunks() -> None:
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(3000)) * 2000
    verdict, reads = read_of(content)
    assert verdict is BEING_WRITTEN
    assert reads.count < 300
    verdict, reads = read_of(content + LAST)
    assert verdict is FINISHED
    assert reads.count == 1


# TDMS


def segment(content: bytes, *, big: bool = False, size: int | None = None) -> bytes:
    order, contents = (">", 0x4E) if big else ("<", 0xE)
    length = len(content) if size is None else size
    mask = struct.pack("<I", contents)
    return b"TDSm" + mask + struct.pack(f"{order}IQQ", 4713, length, 0) + content


def test_tdms_of_both_byte_orders() -> None:
    content = segment(bytes(100)) + segment(bytes(50), big=True) + segment(b"")
    assert said_of(content) == ("TDMS", FINISHED)
    assert said_of(content[:-29])[1] is BEING_WRITTEN


def test_tdms_whose_last_segment_has_no_length_yet() -> None:
    assert said_of(segment(bytes(9)) + segment(bytes(40), size=NOT_KNOWN))[1] is BEING_WRITTEN
    index = patched(real("run.tdms_index"), 12, b"\xff" * 8)
    assert said_of(index)[1] is BEING_WRITTEN


def test_tdms_with_something_behind_it_cannot_be_told() -> None:
    assert said_of(segment(bytes(9)) + bytes(4096))[1] is CANNOT_TELL


def test_tdms_of_many_segments_is_read_by_pages() -> None:
    content = segment(bytes(20)) * 5000
    verdict, reads = read_of(content)
    assert verdict is FINISHED
    assert reads.count <= len(content) / PAGE * 1.1


def test_tdms_of_more_segments_than_are_looked_at_cannot_be_told() -> None:
    verdict, reads = read_of(segment(bytes(PAGE)) * (MOST_READS + 10))
    assert verdict is CANNOT_TELL
    assert reads.count == MOST_READS


# Parquet, Arrow, gzip


def test_parquet_with_an_encrypted_footer() -> None:
    content = b"PARE" + bytes(50) + struct.pack("<i", 50) + b"PARE"
    assert said_of(content) == ("Parquet", FINISHED)
    assert said_of(content[:-1])[1] is BEING_WRITTEN


@pytest.mark.parametrize("length", [-1, 0, 51, 2**31 - 1])
def test_a_footer_whose_length_does_not_fit(length: int) -> None:
    content = b"PAR1" + bytes(50) + struct.pack("<i", length) + b"PAR1"
    assert said_of(content)[1] is BEING_WRITTEN


def test_gzip_is_unpacked_only_while_that_is_cheap() -> None:
    bomb = gzip.compress(bytes(20 * _MOST_UNPACKED))
    assert said_of(bomb) == ("gzip", CANNOT_TELL)
    just = gzip.compress(bytes(_MOST_UNPACKED))
    assert said_of(just * 2)[1] is CANNOT_TELL
    assert said_of(gzip.compress(b"a" * 5000) + bytes(512))[1] is FINISHED
    assert said_of(just + b"behind")[1] is FINISHED
    damaged = gzip.compress(b"abc" * 99)
    assert said_of(damaged[:12] + b"\xff" * 9 + damaged[21:])[1] is CANNOT_TELL
    large = gzip.compress(os.urandom(65_000))
    assert said_of(large)[1] is FINISHED
    assert said_of(gzip.compress(os.urandom(66_000)))[1] is CANNOT_TELL
    verdict, reads = read_of(just)
    assert verdict is CANNOT_TELL
    assert reads.count == 0
