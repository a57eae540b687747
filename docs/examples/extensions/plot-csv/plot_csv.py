"""Draws two columns of a CSV file as a PNG, with nothing but the standard library.

What it needs it finds in its environment: see the README.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import struct
import sys
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Point = tuple[float, float]
Color = tuple[int, int, int]

WHITE: Color = (255, 255, 255)
GRID: Color = (228, 231, 235)
FRAME: Color = (120, 126, 135)
TEXT: Color = (50, 55, 62)
DATA: Color = (27, 104, 178)

LEFT, RIGHT, TOP, BOTTOM = 100, 30, 56, 72
"""Margins around the data, in pixels."""

# A letter is some strokes, a stroke some corners, a corner two digits: x from 0 to 4, and y from
# 0 at the top of a capital by 6 at its foot to 8 below the line.
GLYPHS = {
    **dict(zip("0123456789", (
        "103041453616050110", "112026 1636", "01103041420646", "01103041423323 334445361605",
        "36300444", "400002324345361605", "4130100105163645443303", "004016",
        "13020110304142331304051636454433", "4313020110304145361605"), strict=True)),
    **dict(zip("ABCDEFGHIJKLM", (
        "062046 1434", "06003041423303 3344453606", "4130100105163645", "06003041453606",
        "40000646 0333", "400006 0333", "41301001051636454323", "0006 4046 0343",
        "1030 2026 1636", "4045361605", "0006 400346", "000646", "0600234046"), strict=True)),
    **dict(zip("NOPQRSTUVWXYZ", (
        "06004640", "103041453616050110", "06003041423303", "103041453616050110 2446",
        "06003041423303 2346", "413010010213334445361605", "0040 2026", "000516364540",
        "002640", "0016233640", "0046 4006", "002340 2326", "00400646"), strict=True)),
    **dict(zip("abcdefghijklm", (
        "12324346 441405163645", "0006 0312324345361605", "4332120305163645",
        "4046 4332120305163645", "04444332120305163645", "40302126 1232",
        "42473818 4332120305163645", "0006 0312324346", "2226 2020", "222718 2020",
        "0006 320436", "202536", "0602 03122326 23324346"), strict=True)),
    **dict(zip("nopqrstuvwxyz", (
        "0602 0312324346", "123243453616050312", "0208 0312324345361605",
        "4248 4332120305163645", "0602 04223243", "43321203143445361605", "202536 1232",
        "0205163645 4246", "022642", "0216243642", "0246 4206", "0226 4218",
        "02420646"), strict=True)),
    **dict(zip(" .,-+_()[]/:=%#|!'µ°", (
        "", "2626", "2617", "1333", "2125 0343", "0646", "30212536", "10212516", "30202636",
        "10202616", "4006", "2222 2626", "0242 0444", "4006 0000 4646", "1016 3036 0242 0444",
        "2026", "2024 2626", "2021", "0208 05163645 4246", "1030321210"), strict=True)),
}  # fmt: skip
UNKNOWN = "0040460600"
ADVANCE = 6


class Fault(Exception):
    """The plot cannot be made; the text tells why."""


class Canvas:
    """An image to be drawn on, with smooth lines."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._pixels = bytearray(WHITE * (width * height))

    def _blend(self, x: int, y: int, color: Color, part: float) -> None:
        if part <= 0 or not (0 <= x < self.width and 0 <= y < self.height):
            return
        at = 3 * (y * self.width + x)
        for channel in range(3):
            old = self._pixels[at + channel]
            self._pixels[at + channel] = round(old + (color[channel] - old) * min(part, 1.0))

    def dot(self, at: Point, radius: float, color: Color) -> None:
        """Draw a disk."""
        for y in range(math.floor(at[1] - radius), math.ceil(at[1] + radius) + 1):
            for x in range(math.floor(at[0] - radius), math.ceil(at[0] + radius) + 1):
                self._blend(x, y, color, radius + 0.5 - math.dist((x, y), at))

    def line(self, start: Point, end: Point, width: float, color: Color) -> None:
        """Draw a straight line: step along its longer side, and shade across it."""
        across, along = end[1] - start[1], end[0] - start[0]
        steep = abs(across) > abs(along)
        if steep:
            start, end = start[::-1], end[::-1]
        if start[0] > end[0]:
            start, end = end, start
        length = end[0] - start[0]
        if not length:
            self.dot(start, width / 2, color)
            return
        slope = (end[1] - start[1]) / length
        half = width / 2 * math.hypot(1, slope)
        for major in range(math.ceil(start[0] - 0.5), math.floor(end[0] + 0.5) + 1):
            center = start[1] + slope * (min(max(major, start[0]), end[0]) - start[0])
            for minor in range(math.floor(center - half), math.ceil(center + half) + 1):
                part = half + 0.5 - abs(minor - center)
                x, y = (minor, major) if steep else (major, minor)
                self._blend(x, y, color, part)

    def text(self, text: str, at: Point, size: float = 12, *, turned: bool = False) -> None:
        """Write text around a point; `turned`: upwards."""
        scale_x, scale_y = size / 8, size / 6
        left = -text_width(text, size) / 2
        for letter in text:
            for stroke in GLYPHS.get(letter, UNKNOWN).split():
                digits = [int(digit) for digit in stroke]
                offsets = zip(digits[::2], digits[1::2], strict=True)
                corners = [(left + x * scale_x, y * scale_y - size / 2) for x, y in offsets]
                if turned:
                    corners = [(y, -x) for x, y in corners]
                path = [(at[0] + x, at[1] + y) for x, y in corners]
                for one, next_one in zip(path, path[1:] or path, strict=False):
                    self.line(one, next_one, size / 9, TEXT)
            left += ADVANCE * scale_x

    def png(self) -> bytes:
        """Return the image as a PNG file."""
        row = 3 * self.width
        rows = (self._pixels[start : start + row] for start in range(0, len(self._pixels), row))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + b"".join((
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in rows), 9)),
            chunk(b"IEND", b""),
        ))  # fmt: skip


def chunk(kind: bytes, content: bytes) -> bytes:
    """Wrap content as a part of a PNG file."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def text_width(text: str, size: float) -> float:
    """Return how wide a text is, in pixels."""
    return (ADVANCE * len(text) - 2) * size / 8


@dataclass(frozen=True)
class Axis:
    """One direction of a plot: from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> Axis:
        """Make an axis with a little room around the values."""
        low, high = min(values), max(values)
        room = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
        return cls(low - room, high + room, start, end)

    def place(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int) -> Iterator[tuple[float, str]]:
        """Yield round values, at most so many, with what is written beside them."""
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        largest = max(abs(self.low), abs(self.high))
        digits = max(1, math.floor(math.log10(largest)) - math.floor(math.log10(step)) + 1)
        for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield number * step, f"{number * step:.{digits}g}"


def draw(points: Sequence[Point], names: tuple[str, str], title: str, style: str) -> bytes:
    """Draw a plot and return it as a PNG file."""
    canvas = Canvas(int(os.environ["width"]), int(os.environ["height"]))
    right, bottom = canvas.width - RIGHT, canvas.height - BOTTOM
    x_axis = Axis.of([x for x, _ in points], LEFT, right)
    y_axis = Axis.of([y for _, y in points], bottom, TOP)
    for value, label in x_axis.ticks(8):
        at = x_axis.place(value)
        canvas.line((at, TOP), (at, bottom), 1, GRID)
        canvas.text(label, (at, bottom + 18), 11)
    for value, label in y_axis.ticks(7):
        at = y_axis.place(value)
        canvas.line((LEFT, at), (right, at), 1, GRID)
        canvas.text(label, (LEFT - 10 - text_width(label, 11) / 2, at), 11)
    corners = [(LEFT, TOP), (right, TOP), (right, bottom), (LEFT, bottom)]
    for index, corner in enumerate(corners):
        canvas.line(corners[index - 1], corner, 1, FRAME)
    path = [(x_axis.place(x), y_axis.place(y)) for x, y in points]
    if style != "points":
        for start, end in pairwise(path):
            canvas.line(start, end, 1.6, DATA)
    if style != "line":
        for place in path:
            canvas.dot(place, 3, DATA)
    canvas.text(title, (canvas.width / 2, TOP / 2), 14)
    canvas.text(names[0], ((LEFT + right) / 2, canvas.height - 22), 12)
    canvas.text(names[1], (20, (TOP + bottom) / 2), 12, turned=True)
    return canvas.png()


def read_columns(text: str, wanted: tuple[str, str]) -> tuple[tuple[str, str], list[Point]]:
    """Return the names of two columns and the points in them; rows without numbers are told."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        raise Fault("the file is empty")
    has_names = number(rows[0][0]) is None
    names = [name.strip() for name in rows[0]] if has_names else []
    columns = [column_index(one, names, len(rows[0])) for one in wanted]
    points: list[Point] = []
    for row in rows[has_names:]:
        x, y = (number(row[one]) if one < len(row) else None for one in columns)
        if x is not None and y is not None:
            points.append((x, y))
    left_out = len(rows) - has_names - len(points)
    if left_out:
        print(f"rows without numbers in these columns, which are left out: {left_out}")
    if not points:
        raise Fault("there are no numbers in these columns")
    x_name, y_name = (names[one] if names else f"column {one + 1}" for one in columns)
    return (x_name, y_name), points


def column_index(wanted: str, names: Sequence[str], count: int) -> int:
    """Find a column by its name, or else by its number, which counts from 1."""
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= count:
        return int(wanted) - 1
    known = ", ".join(names) or f"1 to {count}"
    raise Fault(f"there is no column {wanted}; there are: {known}")


def number(text: str) -> float | None:
    """Read a number, if it is one that can be drawn."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def request(path: str, body: bytes | None = None, **headers: str) -> bytes:
    """Ask the server, and return what it answers."""
    url = urllib.parse.urljoin(os.environ["aqueduct_url"].rstrip("/") + "/", path)
    if os.environ["api_token"]:
        headers["Authorization"] = f"Bearer {os.environ['api_token']}"
    asked = urllib.request.Request(url, body, headers)  # noqa: S310 - the address the server told
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - the same
        content: bytes = answer.read()
    return content


def experiment_uuid(eid: str) -> str:
    """Find an experiment's UUID."""
    query = (
        "query($eid: String!) {experiment(experimentIdentifier: {type: EID, value: $eid}) {uuid}}"
    )
    body = json.dumps({"query": query, "variables": {"eid": eid}}).encode()
    answer: dict[str, Any] = json.loads(
        request("api/graphql", body, **{"Content-Type": "application/json"})
    )
    if answer.get("errors"):
        raise Fault(answer["errors"][0]["message"])
    return str(answer["data"]["experiment"]["uuid"])


def upload(folder: str, name: str, content: bytes) -> None:
    """Put a file into the experiment. The server takes its name from a header of its own."""
    boundary = "the-plot-is-between-these-lines"
    body = b"".join((
        f"--{boundary}\r\n".encode(),
        b'Content-Disposition: form-data; name="file"; filename="plot"\r\n\r\n', content,
        f"\r\n--{boundary}--\r\n".encode(),
    ))  # fmt: skip
    kind = f"multipart/form-data; boundary={boundary}"
    request(folder, body, **{"Content-Type": kind, "file_name": name})


def main() -> int:
    """Make the plot that the environment asks for, and return the exit status."""
    eid, csv_file = os.environ["experiment"], os.environ["csv_file"]
    plot_file = os.environ["plot_file"]
    try:
        folder = f"api/files/{experiment_uuid(eid)}"
        content = request(f"{folder}/{urllib.parse.quote(csv_file, safe='')}")
        text = content.decode("utf-8-sig", errors="replace")
        names, points = read_columns(text, (os.environ["x_column"], os.environ["y_column"]))
        plot = draw(points, names, f"{csv_file} ({eid})", os.environ["style"])
        upload(folder, plot_file, plot)
    except (Fault, OSError, ValueError) as exc:
        print(f"{csv_file} cannot be plotted: {exc}", file=sys.stderr)
        return 1
    print(f"{len(points)} points of {csv_file} are drawn in {plot_file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
