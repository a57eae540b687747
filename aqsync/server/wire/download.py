"""A file on its way out: from the disk to a client, in pieces."""

from __future__ import annotations

import logging
from asyncio import ensure_future, get_running_loop
from collections.abc import Callable
from functools import partial
from uuid import UUID

from starlette.types import Receive

from aqsync.server.files.blobs import BlobsAway
from aqsync.server.files.store import FileFacts, FileStore, OpenFile
from aqsync.server.wire.digests import digest_header, wants_digest
from aqsync.server.wire.exchange import Exchange, Headers
from aqsync.server.wire.served_files import ClientFiles

_log = logging.getLogger(__name__)


async def send_file(
    exchange: Exchange,
    files: ClientFiles,
    uuid: UUID,
    name: str,
    headers_of: Callable[[str, FileFacts], Headers],
) -> None:
    """Answer with a whole file, and with its SHA-256 if the request asks for that.

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
    file, piece, digest = await run(_open, files.store, uuid, name, wants_digest(exchange))
    leaving = ensure_future(_client_leaves(exchange.receive))
    try:
        remaining = file.facts.size
        length = (b"content-length", str(remaining).encode())
        headers = [*headers_of(name, file.facts), length, *digest]
        await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
        while not leaving.done():
            remaining -= len(piece)
            more = remaining > 0
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": more})
            if not more:
                return
            piece = await run(_read_on, file)
            if await exchange.was_shut_out():
                return
            if not piece:
                # The headers are sent: all that can be done is to break off.
                _log.error("%s/%s cannot be read to its end", uuid, name)
                return
    finally:
        leaving.cancel()
        file.close()


def _open(
    files: FileStore,
    uuid: UUID,
    name: str,
    digested: bool,  # noqa: FBT001 - passed to a thread
) -> tuple[OpenFile, bytes, Headers]:
    file = files.open_for_reading(uuid, name)
    try:
        digest = (digest_header(file.sha256()),) if digested else ()
        return file, file.next_piece(), digest
    except BaseException:
        file.close()
        raise


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_on(file: OpenFile) -> bytes:
    try:
        return file.next_piece()
    except (BlobsAway, OSError):
        return b""
