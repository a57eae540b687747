"""An upload from the page: from a form with several files into an experiment."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from aqsync.server import rules
from aqsync.server.conditions import ABSENT
from aqsync.server.errors import FileRefused, NotAsExpected, disk_failure
from aqsync.server.exchange import Exchange
from aqsync.server.filestore import FileStore, IncomingFile
from aqsync.server.upload import ClientLeft
from aqsync.server.web.form_parts import (
    BROKEN_FORM,
    Event,
    FormParts,
    PartBegins,
    PartData,
    PartEnds,
)

_log = logging.getLogger(__name__)
_PIECE = 1024 * 1024
_FILE_EXISTS = "A file of this name is there already."


@dataclass(slots=True)
class Received:
    """What came of an upload.

    Attributes:
        stored: How many files were stored.
        refused: The names of those that were not, and why.
        status: The HTTP status: that of the first refusal, and 400 when there was no file.
    """

    stored: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    status: int = 400


class FormReceiver:
    """Stores the files of a form, one after the other: each whole or not at all.

    A file that is refused does not stop those after it, so its bytes are read and thrown away.

    Args:
        files: Where they go.
        disk: The threads that wait for the disk.
        uuid: The experiment.
        max_file_bytes: The largest file that is accepted.
    """

    def __init__(self, files: FileStore, disk: Executor, uuid: UUID, max_file_bytes: int) -> None:
        self._files = files
        self._run = partial(get_running_loop().run_in_executor, disk)
        self._uuid = uuid
        self._max_file_bytes = max_file_bytes
        self._received = Received()
        self._replace = False
        self._name = ""
        self._incoming: IncomingFile | None = None
        self._size = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    async def receive(self, exchange: Exchange) -> Received:
        """Take the whole form.

        Raises:
            ClientLeft: It did not come to its end.
            FileRefused: It is no form. The files that were whole before are stored.
        """
        form = FormParts(exchange.header(b"content-type"))
        try:
            more = True
            while more:
                message = await exchange.receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                for event in form.feed(message.get("body", b"")):
                    await self._take(event)
                more = message.get("more_body", False)
            if not form.ended:
                raise FileRefused(400, BROKEN_FORM)
        finally:
            await self._drop()
        return self._received

    async def _take(self, event: Event) -> None:
        try:
            match event:
                case PartBegins(b"replace", None):
                    # It stands before the files in the form.
                    self._replace = True
                case PartBegins(b"file", bytes(name)) if name:
                    await self._begin(name)
                case PartData(data) if self._incoming is not None:
                    await self._add(data)
                case PartEnds() if self._incoming is not None:
                    await self._keep()
        except FileRefused as exc:
            await self._refuse(exc)
        except OSError as exc:
            _log.error("%s/%s: %s", self._uuid, self._name, exc)
            await self._refuse(disk_failure(exc))

    async def _begin(self, sent: bytes) -> None:
        self._name = sent.decode("utf-8", "replace")
        try:
            allowed = rules.is_file_name(sent.decode("utf-8"))
        except UnicodeDecodeError:
            allowed = False
        if not allowed:
            raise FileRefused(400, "Invalid file name.")
        if not self._replace and self._files.has_file(self._uuid, self._name):
            raise FileRefused(409, _FILE_EXISTS)
        self._incoming = self._files.receive()
        self._size = 0

    async def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_file_bytes:
            raise FileRefused(
                413, f"Maximum file size limit ({self._max_file_bytes} bytes) exceeded."
            )
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= _PIECE:
            await self._write()

    async def _write(self) -> None:
        assert self._incoming is not None  # noqa: S101 - there are bytes of it
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        await self._run(self._incoming.write, gathered)

    async def _keep(self) -> None:
        assert self._incoming is not None  # noqa: S101 - its part has ended
        await self._write()
        expected = None if self._replace else ABSENT
        try:
            await self._run(self._files.keep, self._incoming, self._uuid, self._name, expected)
        except NotAsExpected as exc:
            raise FileRefused(409, _FILE_EXISTS) from exc
        self._incoming = None
        self._received.stored += 1

    async def _refuse(self, why: FileRefused) -> None:
        await self._drop()
        if not self._received.refused:
            self._received.status = why.status
        self._received.refused.append((self._name, str(why.detail)))

    async def _drop(self) -> None:
        incoming, self._incoming = self._incoming, None
        self._gathered, self._gathered_bytes = [], 0
        if incoming is not None:
            await self._run(incoming.discard)
