"""One upload: multipart/form-data from the wire to a file, in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.types import Message, Receive

from aqsync.server import rules
from aqsync.server.errors import FileRefused
from aqsync.server.filestore import IncomingFile
from aqsync.server.form_parser import FormParser

_PIECE = 1024 * 1024
"""Bytes gathered before they are written: a small file costs one visit to a thread."""

_BROKEN_FORM = "The file is not sent correctly."


class ClientLeft(Exception):
    """The client broke off."""


class FormReader:
    """Takes the one part named ``file`` out of a form.

    The end of the body ends the file too: a closing boundary may be missing.

    Args:
        content_type: The request's header.

    Raises:
        FileRefused: It announces no form.
    """

    def __init__(self, content_type: str | None) -> None:
        self._form = FormParser(
            content_type, _BROKEN_FORM, on_part=self._begin_part, on_data=self._take_data
        )
        self._in_file = False
        self._files = 0
        self._found: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the body and return those that belong to the file.

        Raises:
            FileRefused: This is no form, or it has two files.
        """
        self._found = []
        self._form.feed(data)
        return self._found

    def finish(self) -> list[bytes]:
        """Take note that the body has ended and return the last bytes of the file.

        Raises:
            FileRefused: There was no file in it.
        """
        if not self._files:
            raise FileRefused(400, _BROKEN_FORM)
        # The boundary that may be missing. It also brings out bytes that the parser held back
        # because they looked like the beginning of one; after a real one it is ignored.
        return self.feed(b"\r\n--" + self._form.boundary + b"--\r\n")

    def _begin_part(self, disposition: bytes) -> None:
        kind, options = parse_options_header(disposition)
        self._in_file = kind == b"form-data" and options.get(b"name") == b"file"
        self._files += self._in_file
        if self._files > 1:
            raise FileRefused(400, _BROKEN_FORM)

    def _take_data(self, data: bytes) -> None:
        if self._in_file:
            self._found.append(data)


class Upload:
    """Moves one body into an incoming file, at the pace of client and disk.

    Args:
        incoming: Where the bytes go.
        form: The reader of the body.
        disk: The threads that wait for the disk.
        max_file_bytes: The largest file that is accepted.
    """

    def __init__(
        self, incoming: IncomingFile, form: FormReader, disk: Executor, max_file_bytes: int
    ) -> None:
        self._incoming = incoming
        self._form = form
        self._disk = disk
        self._max_file_bytes = max_file_bytes
        self._file_bytes = 0
        self._body_bytes = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    async def receive(self, receive: Receive, keep: Callable[[], str]) -> str:
        """Take the whole body and keep the file.

        Args:
            receive: The ASGI channel from the client.
            keep: Called in a disk thread once the last byte is written.

        Returns:
            What `keep` returned.

        Raises:
            ClientLeft: The body did not come to its end.
            FileRefused: The body breaks a rule; the rest of it was not read.
        """
        writing: asyncio.Future[Any] | None = None
        loop = asyncio.get_running_loop()
        try:
            while True:
                message = await receive()
                self._take(message)
                if not message.get("more_body", False):
                    break
                if self._gathered_bytes >= _PIECE:
                    # The next piece is gathered while this one is written.
                    if writing is not None:
                        await writing
                    writing = loop.run_in_executor(
                        self._disk, self._incoming.write, self._pop_gathered()
                    )
            self._add(self._form.finish())
            if writing is not None:
                await writing
            finish = partial(self._finish, self._pop_gathered(), keep)
            writing = finishing = loop.run_in_executor(self._disk, finish)
            return await finishing
        except BaseException:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)
            await loop.run_in_executor(self._disk, self._incoming.discard)
            raise

    def _take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body = message.get("body", b"")
        self._body_bytes += len(body)
        most = self._max_file_bytes + rules.MAX_MULTIPART_ENVELOPE
        if self._body_bytes > most:
            raise FileRefused(413, body_too_large(most, self._body_bytes))
        self._add(self._form.feed(body))

    def _add(self, chunks: list[bytes]) -> None:
        size = sum(map(len, chunks))
        self._file_bytes += size
        if self._file_bytes > self._max_file_bytes:
            raise FileRefused(
                413, f"Maximum file size limit ({self._max_file_bytes} bytes) exceeded."
            )
        self._gathered += chunks
        self._gathered_bytes += size

    def _pop_gathered(self) -> list[bytes]:
        gathered, self._gathered = self._gathered, []
        self._gathered_bytes = 0
        return gathered

    def _finish(self, chunks: list[bytes], keep: Callable[[], str]) -> str:
        self._incoming.write(chunks)
        return keep()


def body_too_large(most: int, read: int) -> str:
    """What the answer to a body of more than `most` bytes says, after `read` bytes of it."""
    return f"Maximum request body size limit ({most} bytes) exceeded ({read} bytes read)."
