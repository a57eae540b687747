"""Reads the PNG files that have eight bits for each of red, green and blue."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    width: int
    height: int
    pixels: bytes

    def at(self, x: int, y: int) -> Color:
        start = 3 * (y * self.width + x)
        red, green, blue = self.pixels[start : start + 3]
        return red, green, blue

    def places(self, color: Color) -> set[tuple[int, int]]:
        """Where the picture has exactly this color."""
        return {
            (x, y) for y in range(self.height) for x in range(self.width) if self.at(x, y) == color
        }


def decode(content: bytes) -> Picture:
    """Decode a file, and check all that must hold of it."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks = list(_chunks(content[8:]))
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
    assert kind == [8, 2, 0, 0, 0]
    data = zlib.decompress(chunks[1][1])
    row = 1 + 3 * width
    assert len(data) == row * height
    lines = [data[start : start + row] for start in range(0, len(data), row)]
    assert {line[0] for line in lines} == {0}, "a filter that is not known here"
    return Picture(width, height, b"".join(line[1:] for line in lines))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    while content:
        size, kind = struct.unpack(">I4s", content[:8])
        data, checksum = content[8 : 8 + size], content[8 + size : 12 + size]
        assert struct.unpack(">I", checksum) == (zlib.crc32(kind + data),)
        yield kind, data
        content = content[12 + size :]
