"""The page of a file: an image, the beginning of a text, or neither."""

from __future__ import annotations

import codecs
import os
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from aqsync.server.files.store import FileStore
from aqsync.server.web.templates import Page

MAX_TEXT_BYTES = 1024 * 1024
"""How many bytes of a text are shown."""

IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
"""The images that are shown, and their media types, by suffix."""

_BYTE_ORDER_MARKS = (
    # The longer ones first: that of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class FileStart:
    """The beginning of a file.

    Args:
        data: Its first bytes, at most `MAX_TEXT_BYTES`.
        total: How many bytes it has.
    """

    data: bytes
    total: int


def image_type(name: str) -> str | None:
    """Return the media type of an image that can be shown, by its name."""
    return IMAGES.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - a name, not a path


def read_start(files: FileStore, uuid: UUID, name: str) -> FileStart:
    """Read the beginning of a file.

    Raises:
        FileRefused: The name is not allowed, or the experiment or the file is not there.
    """
    wanted = 0 if image_type(name) else MAX_TEXT_BYTES
    start = b""
    with closing(files.open_for_reading(uuid, name)) as file:
        while len(start) < wanted and (piece := file.next_piece()):
            start += piece
    return FileStart(start[:wanted], file.facts.size)


def text_of(data: bytes, *, whole: bool) -> str | None:
    """Return bytes as text: by their byte order mark, as UTF-8, or else as Latin-1.

    Args:
        data: The bytes.
        whole: False if they may end in the middle of a character.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return codecs.getincrementaldecoder(encoding)("replace").decode(data, final=whole)
    if b"\0" in data:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def file_page(eid: str, name: str, start: FileStart) -> Page:
    """Return the page of a file."""
    whole = len(start.data) == start.total
    text = text_of(start.data, whole=whole)
    values = {
        "eid": eid,
        "name": name,
        "total": start.total,
        "is_image": image_type(name) is not None,
        "shown": len(start.data),
        "text": None if text is None else text.translate(_VISIBLE),
    }
    return Page("file.html", values)
