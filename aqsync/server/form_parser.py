"""A form in pieces (multipart/form-data): what its parts are called, and their bytes."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from aqsync.server.errors import FileRefused


def _nothing() -> None:
    pass


class FormParser:
    """Tells of each part of a form as it comes.

    Args:
        content_type: The request's header.
        broken: What a refusal says.
        on_part: Told the Content-Disposition of a part that begins; empty if it has none.
        on_data: Told the next bytes of the part that began last.
        on_part_end: Called when that part is whole.
        on_end: Called when the form has ended.

    Attributes:
        boundary: What stands between the parts.

    Raises:
        FileRefused: The header announces no form.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that a form can bring
        self,
        content_type: str | None,
        broken: str,
        *,
        on_part: Callable[[bytes], None],
        on_data: Callable[[bytes], None],
        on_part_end: Callable[[], None] = _nothing,
        on_end: Callable[[], None] = _nothing,
    ) -> None:
        self._broken = broken
        kind, options = parse_options_header(content_type)
        self.boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not self.boundary:
            raise FileRefused(400, broken)
        self._on_part = on_part
        self._on_data = on_data
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                self.boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._extend_header_name,
                    "on_header_value": self._extend_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_part_end": on_part_end,
                    "on_end": on_end,
                },
            )
        except FormParserError as exc:
            raise FileRefused(400, broken) from exc

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            FileRefused: This is no form, or one of those told refuses it.
        """
        try:
            self._parser.write(data)
        except FormParserError as exc:
            raise FileRefused(400, self._broken) from exc

    def _begin_part(self) -> None:
        self._disposition = b""

    def _begin_header(self) -> None:
        self._header_name.clear()
        self._header_value.clear()

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)

    def _end_headers(self) -> None:
        self._on_part(self._disposition)

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._on_data(data[start:end])
