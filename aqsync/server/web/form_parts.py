"""The parts of a form with several files, as they come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from aqsync.server.errors import FileRefused

BROKEN_FORM = "The form is not sent correctly."

# Browsers write a name as it is, with %22 for the one character that would end it.
_NAME = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_FILE_NAME = re.compile(rb'[;\s]filename="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part begins.

    Args:
        field: The name of its field.
        file: The name of the file that it holds, as its bytes came; None if it holds none.
    """

    field: bytes
    file: bytes | None


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part that began last is whole."""


Event = PartBegins | PartData | PartEnds


class FormParts:
    """Takes a form apart.

    Args:
        content_type: The request's header.

    Attributes:
        ended: Whether the end of the form has come.

    Raises:
        FileRefused: It announces no form with files.
    """

    def __init__(self, content_type: str | None) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise FileRefused(400, BROKEN_FORM)
        self.ended = False
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._events: list[Event] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
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
            raise FileRefused(400, BROKEN_FORM) from exc

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body and return what they brought.

        Raises:
            FileRefused: This is no form.
        """
        self._events = []
        try:
            self._parser.write(data)
        except FormParserError as exc:
            raise FileRefused(400, BROKEN_FORM) from exc
        return self._events

    def _begin_part(self) -> None:
        self._disposition = b""

    def _begin_header(self) -> None:
        self._header = (bytearray(), bytearray())

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)

    def _end_headers(self) -> None:
        field = _NAME.search(self._disposition)
        file = _FILE_NAME.search(self._disposition)
        self._events.append(
            PartBegins(b"" if field is None else field[1], None if file is None else file[1])
        )

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(data[start:end]))

    def _end_part(self) -> None:
        self._events.append(PartEnds())

    def _end(self) -> None:
        self.ended = True
