"""A form in pieces (multipart/form-data): the one reader for the API and the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from aqsync.server.errors import FileRefused

# Browsers write a name as it is, with %22 for the one character that would end it; so nothing in
# quotes is unescaped.
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)=(?:"([^"]*)"|([^;"]*))')

MAX_PARTS = 10_000
"""Parts of one form: more than anybody chooses files on a page."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part begins.

    Args:
        field: The name of its field; empty if it has none.
        file_name: The name of the file in it, as its bytes came; None if it names none.
    """

    field: bytes
    file_name: bytes | None


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part that began last is whole."""


Event = PartBegins | bytes | PartEnds
"""What a piece of a form brings; bytes are the next ones of the part that began last."""


class FormReader:
    """Reads a form, whatever the pieces it comes in.

    Args:
        content_type: The request's header.

    Attributes:
        ended: Whether the boundary that closes the form has come.

    Raises:
        FileRefused: The header announces no form.
    """

    def __init__(self, content_type: str | None) -> None:
        kind, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not self._boundary:
            raise broken_form()
        self.ended = False
        self._parts = 0
        self._events: list[Event] = []
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                self._boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._extend_header_name,
                    "on_header_value": self._extend_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as exc:
            raise broken_form() from exc

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body and return what they bring.

        Raises:
            FileRefused: This is no form, or it has too many parts.
        """
        self._events = []
        try:
            self._parser.write(data)
        except FormParserError as exc:
            raise broken_form() from exc
        return self._events

    def close(self) -> list[Event]:
        """Take the end of the body for that of a form whose closing boundary is missing.

        Returns:
            What the parser had held back, as it looked like the beginning of a boundary.

        Raises:
            FileRefused: This is no form.
        """
        return [] if self.ended else self.feed(b"\r\n--" + self._boundary + b"--\r\n")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FileRefused(413, f"The form has more than {MAX_PARTS} parts.")
        self._disposition = b""

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        kind, separator, parameters = self._disposition.partition(b";")
        found: dict[bytes, bytes] = {}
        if kind.strip().lower() == b"form-data":
            for name, quoted, plain in _PARAMETER.findall(separator + parameters):
                found.setdefault(name.lower(), quoted or plain.strip())
        self._events.append(PartBegins(found.get(b"name", b""), found.get(b"filename")))

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _end_part(self) -> None:
        self._events.append(PartEnds())

    def _end(self) -> None:
        self.ended = True


def broken_form() -> FileRefused:
    """Return the refusal of a body that is no form with a file."""
    return FileRefused(400, "The file is not sent correctly.")
