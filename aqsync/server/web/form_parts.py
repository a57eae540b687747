"""The parts of a form with several files, as they come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aqsync.server.form_parser import FormParser

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
        self._form = FormParser(
            content_type,
            BROKEN_FORM,
            on_part=self._begin_part,
            on_data=self._take_data,
            on_part_end=self._end_part,
            on_end=self._end,
        )
        self.ended = False
        self._events: list[Event] = []

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body and return what they brought.

        Raises:
            FileRefused: This is no form.
        """
        self._events = []
        self._form.feed(data)
        return self._events

    def _begin_part(self, disposition: bytes) -> None:
        field, file = _NAME.search(disposition), _FILE_NAME.search(disposition)
        self._events.append(
            PartBegins(b"" if field is None else field[1], None if file is None else file[1])
        )

    def _take_data(self, data: bytes) -> None:
        self._events.append(PartData(data))

    def _end_part(self) -> None:
        self._events.append(PartEnds())

    def _end(self) -> None:
        self.ended = True
