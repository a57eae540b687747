"""One upload to the API: the form in the body of a request, and the one file in it."""

from __future__ import annotations

from collections.abc import Callable

from aqsync.server import rules
from aqsync.server.errors import FileRefused
from aqsync.server.files.store import Incoming
from aqsync.server.wire.exchange import Exchange
from aqsync.server.wire.form_reader import Event, FormReader, PartBegins, broken_form
from aqsync.server.wire.streamed_file import Kept, StreamedFile


class OneFileForm:
    """Takes the one part named ``file`` out of a form.

    The end of the body ends the file too: a closing boundary may be missing.

    Args:
        content_type: The request's header.

    Raises:
        FileRefused: It announces no form.
    """

    def __init__(self, content_type: str | None) -> None:
        self._form = FormReader(content_type)
        self._in_file = False
        self._files = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the body and return those that belong to the file.

        Raises:
            FileRefused: This is no form, or it has two files.
        """
        return self._file_bytes(self._form.feed(data))

    def finish(self) -> list[bytes]:
        """Take note that the body has ended and return the last bytes of the file.

        Raises:
            FileRefused: There was no file in it.
        """
        if not self._files:
            raise broken_form()
        return self._file_bytes(self._form.close())

    def _file_bytes(self, events: list[Event]) -> list[bytes]:
        found = []
        for event in events:
            if isinstance(event, PartBegins):
                self._in_file = event.field == b"file"
                self._files += self._in_file
                if self._files > 1:
                    raise broken_form()
            elif isinstance(event, bytes) and self._in_file:
                found.append(event)
        return found


async def receive_file(
    exchange: Exchange,
    file: StreamedFile,
    keep: Callable[[Incoming], Kept],
    max_file_bytes: int,
) -> Kept:
    """Take the whole body of a request and keep the file in it.

    Args:
        exchange: The request.
        file: Where the bytes go.
        keep: Called in a disk thread once the last byte is written.
        max_file_bytes: The largest file that is accepted.

    Returns:
        What `keep` returned.

    Raises:
        ClientLeft: The body did not come to its end.
        FileRefused: The body breaks a rule; the rest of it was not read.
        OSError: The disk failed.
    """
    form = OneFileForm(exchange.header(b"content-type"))
    body_bytes = 0
    try:
        while (body := await exchange.next_piece()) is not None:
            body_bytes += len(body)
            check_body_size(max_file_bytes, body_bytes, read=body_bytes)
            for data in form.feed(body):
                file.add(data)
            await file.write_on()
        for data in form.finish():
            file.add(data)
        return await file.keep(keep)
    except BaseException:
        await file.discard()
        raise


def check_body_size(max_file_bytes: int, size: int, *, read: int) -> None:
    """Refuse a body that is too large for a form with one file.

    Args:
        max_file_bytes: The largest file that is accepted.
        size: How large the body is, as far as that is known.
        read: How many bytes of it were read.

    Raises:
        FileRefused: It is too large.
    """
    most = max_file_bytes + rules.MAX_MULTIPART_ENVELOPE
    if size > most:
        raise FileRefused(
            413, f"Maximum request body size limit ({most} bytes) exceeded ({read} bytes read)."
        )
