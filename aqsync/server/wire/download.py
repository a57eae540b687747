"""A file on its way out: from the disk to a client, in pieces."""

from __future__ import annotations

import logging
import os
import stat
from asyncio import ensure_future, get_running_loop
from collections.abc import Callable
from functools import partial
from uuid import UUID

from starlette.types import Receive

from aqsync.server.errors import FileRefused
from aqsync.server.files.filestore import FILE_MISSING, FileStore
from aqsync.server.files.served_files import ServedFiles
from aqsync.server.wire.exchange import Exchange, Headers

_log = logging.getLogger(__name__)
_READ_PIECE = 512 * 1024


async def send_file(
    exchange: Exchange,
    files: ServedFiles,
    uuid: UUID,
    name: str,
    headers_of: Callable[[str, os.stat_result], Headers],
) -> None:
    """Answer with a whole file.

    Args:
        exchange: The request.
        files: Where the file is.
        uuid: The experiment.
        name: The file's name.
        headers_of: Makes the headers, besides the length, of the name and the file's facts.

    Raises:
        FileRefused: The name is not allowed, or the experiment or the file is not there.
        OSError: The disk fails before anything was sent.
    """
    run = partial(get_running_loop().run_in_executor, files.disk)
    descriptor, facts, piece = await run(_open, files.store, uuid, name)
    leaving = ensure_future(_client_leaves(exchange.receive))
    try:
        remaining = facts.st_size
        length = (b"content-length", str(remaining).encode())
        headers = [*headers_of(name, facts), length]
        await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        while not leaving.done():
            remaining -= len(piece)
            more = remaining > 0
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": more})
            if not more:
                return
            piece = await run(_read_on, descriptor, remaining)
            if not piece:
                # The headers are sent: all that can be done is to break off.
                _log.error("%s/%s cannot be read to its end", uuid, name)
                return
    finally:
        leaving.cancel()
        os.close(descriptor)


def _open(files: FileStore, uuid: UUID, name: str) -> tuple[int, os.stat_result, bytes]:
    descriptor = files.open_for_reading(uuid, name)
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode):
            return descriptor, facts, os.read(descriptor, min(_READ_PIECE, facts.st_size))
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    raise FileRefused(404, FILE_MISSING)


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_on(descriptor: int, remaining: int) -> bytes:
    try:
        return os.read(descriptor, min(_READ_PIECE, remaining))
    except OSError:
        return b""
