"""An upload from the page: from a form with several files into an experiment."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from uuid import UUID

from aqsync.server import rules
from aqsync.server.errors import FileRefused, NotAsExpected, disk_failure
from aqsync.server.files.expected import ABSENT
from aqsync.server.files.store import Incoming
from aqsync.server.wire.exchange import Exchange
from aqsync.server.wire.form_reader import Event, FormReader, PartBegins, PartEnds, broken_form
from aqsync.server.wire.served_files import ClientFiles
from aqsync.server.wire.streamed_file import StreamedFile

_log = logging.getLogger(__name__)
_FILE_EXISTS = "A file of this name is there already."


@dataclass(slots=True)
class UploadResult:
    """How an upload ended.

    Attributes:
        stored: How many files were stored.
        refused: The names of those that were not, and why.
        status: The HTTP status: that of the first refusal, and 400 when there was no file.
    """

    stored: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    status: int = 400


class FormUpload:
    """Stores the files of a form, one after the other: each whole or not at all.

    A file that is refused does not stop those after it, so its bytes are read and thrown away.

    Args:
        files: The files of all experiments.
        uuid: The experiment.
    """

    def __init__(self, files: ClientFiles, uuid: UUID) -> None:
        self._files = files
        self._uuid = uuid
        self._result = UploadResult()
        self._replace = False
        self._name = ""
        self._stored: list[str] = []
        self._file: StreamedFile | None = None

    async def receive(self, exchange: Exchange) -> UploadResult:
        """Take the whole form.

        Raises:
            ClientLeft: It did not come to its end.
            FileRefused: It is no form. The files that were whole before are stored.
        """
        form = FormReader(exchange.header(b"content-type"))
        try:
            while (body := await exchange.next_piece()) is not None:
                for event in form.feed(body):
                    await self._take(event)
            if not form.ended:
                raise broken_form()
        finally:
            await self._discard()
            exchange.note("upload", self._uuid, self._stored)
        return self._result

    async def _take(self, event: Event) -> None:
        try:
            match event:
                case PartBegins(b"replace", None):
                    # It stands before the files in the form.
                    self._replace = True
                case PartBegins(b"file", bytes(name)) if name:
                    self._begin(name)
                case bytes() if self._file is not None:
                    self._file.add(event)
                    await self._file.write_on()
                case PartEnds() if self._file is not None:
                    await self._keep(self._file)
        except FileRefused as exc:
            await self._refuse(exc)
        except OSError as exc:
            _log.error("%s/%s: %s", self._uuid, self._name, exc)
            await self._refuse(disk_failure(exc))

    def _begin(self, sent: bytes) -> None:
        self._name = sent.decode("utf-8", "replace")
        try:
            allowed = rules.is_file_name(sent.decode("utf-8"))
        except UnicodeDecodeError:
            allowed = False
        if not allowed:
            raise FileRefused(400, "Invalid file name.")
        if not self._replace and self._files.store.has_file(self._uuid, self._name):
            raise FileRefused(409, _FILE_EXISTS)
        self._file = self._files.new_file(self._uuid, self._name)

    async def _keep(self, file: StreamedFile) -> None:
        expected = None if self._replace else ABSENT

        def keep(incoming: Incoming) -> str:
            return self._files.store.keep(incoming, self._uuid, self._name, expected)

        try:
            await file.keep(keep)
        except NotAsExpected as exc:
            raise FileRefused(409, _FILE_EXISTS) from exc
        self._file = None
        self._stored.append(self._name)
        self._result.stored += 1

    async def _refuse(self, why: FileRefused) -> None:
        await self._discard()
        if not self._result.refused:
            self._result.status = why.status
        self._result.refused.append((self._name, str(why.detail)))

    async def _discard(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await file.discard()
