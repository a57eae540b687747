"""The endpoints under ``/api/files``: upload, download, delete."""

from __future__ import annotations

import hashlib
import logging
import mimetypes
from asyncio import get_running_loop
from email.utils import formatdate
from functools import partial
from uuid import UUID

from starlette.types import Receive, Scope, Send

from aqsync.server import rules
from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.errors import FileRefused, disk_failure, modified_header
from aqsync.server.files.store import EXPERIMENT_MISSING, MICROSECONDS, FileFacts, Incoming
from aqsync.server.wire import conditions, untrusted
from aqsync.server.wire.away import AWAY, RETRY
from aqsync.server.wire.digests import digest_header, wants_digest
from aqsync.server.wire.download import send_file
from aqsync.server.wire.exchange import WHO, ClientLeft, Exchange, Headers
from aqsync.server.wire.served_files import ClientFiles, ServedFiles
from aqsync.server.wire.upload import check_body_size, receive_file
from aqsync.server.wire.validated import file_list_in, uuid_in

_log = logging.getLogger(__name__)
_MAX_DELETE_BODY = 8 * 1024 * 1024
_MOST_DELETED = 50_000
"""Files in one request: nobody else can change the experiment meanwhile."""
_MARKDOWN = frozenset({"markdn", "markdown", "md", "mdown"})


class FilesEndpoint:
    """Answers for every path under ``/api/files``.

    Args:
        files: The files.
    """

    def __init__(self, files: ServedFiles) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        try:
            await self._dispatch(exchange, scope["path_params"]["path"].split("/"))
        except FileRefused as exc:
            headers = (*conditions.checked_headers(exchange), *exc.headers)
            await exchange.refuse(exc.status, exc.detail, headers=headers)
        except DatabaseAway as exc:
            headers = (*conditions.checked_headers(exchange), *RETRY)
            await exchange.refuse(AWAY, str(exc), headers=headers)
        except ClientLeft:
            pass
        except OSError as exc:
            _log.error("%s %s: %s", exchange.method, scope["path"], exc)
            refused = disk_failure(exc)
            headers = conditions.checked_headers(exchange)
            await exchange.refuse(refused.status, refused.detail, headers=headers)

    async def _dispatch(self, exchange: Exchange, path: list[str]) -> None:
        method = exchange.method
        files = self._files.seen_by(exchange.scope[WHO])
        match path:
            case [uuid] if method == "POST":
                await _upload(exchange, files, uuid_in(uuid))
            case [uuid]:
                await exchange.refuse_method("POST")
            case [uuid, name] if method == "GET":
                await send_file(exchange, files, uuid_in(uuid), name, _file_headers)
            case [uuid, "delete_files"] if method == "POST":
                await _delete(exchange, files, uuid_in(uuid))
            case [uuid, name]:
                allowed = ("GET", "POST") if name == "delete_files" else ("GET",)
                await exchange.refuse_method(*allowed)
            case _:
                raise FileRefused(404, "Not Found")


async def _upload(exchange: Exchange, files: ClientFiles, uuid: UUID) -> None:
    name = exchange.header(b"file_name")
    if name is None:
        raise FileRefused(422, "Filename header is missing.")
    if not rules.is_file_name(name):
        raise FileRefused(400, "Invalid file name.")
    store, limit = files.store, files.max_file_bytes
    run = partial(get_running_loop().run_in_executor, files.disk)
    if not store.remembers(uuid) and not await run(store.has, uuid):
        raise FileRefused(404, EXPERIMENT_MISSING)
    exchange.note("upload", uuid, [name])
    check_body_size(limit, exchange.announced_bytes() or 0, read=0)
    expected = conditions.expected_version(exchange)
    if exchange.has_large_body():
        # Looked at again while the file comes, and when it is whole.
        await run(store.space.check, exchange.announced_bytes() or 0)
        await run(store.check, uuid, name, expected)

    hashed = wants_digest(exchange)

    def keep(incoming: Incoming) -> Headers:
        time = modified_header(store.keep(incoming, uuid, name, expected))
        digest = incoming.sha256 if hashed else None
        return (time,) if digest is None else (time, digest_header(digest))

    file = files.new_file(uuid, name, hashed=hashed)
    kept = await receive_file(exchange, file, keep, limit)
    headers = (*conditions.checked_headers(exchange), *kept)
    result = {"result": f"Successfuly uploaded {name}"}
    await exchange.answer(200, result, headers=headers)


async def _delete(exchange: Exchange, files: ClientFiles, uuid: UUID) -> None:
    run = partial(get_running_loop().run_in_executor, files.disk)
    body = await exchange.read_body(_MAX_DELETE_BODY)
    names = await run(file_list_in, body, exchange.header(b"content-type"))
    exchange.note("delete files", uuid, names)
    if not names:
        raise FileRefused(400, "File list can not be empty.")
    if len(names) > _MOST_DELETED:
        raise FileRefused(400, f"The file list has more than {_MOST_DELETED} names.")
    expected = conditions.expected_version(exchange)
    if expected is not None and len(names) > 1:
        raise FileRefused(400, "Only one file can be deleted on a condition.")
    await run(files.store.delete, uuid, names, expected)
    result = {"result": f"Successfully deleted {rules.joined(names)}"}
    await exchange.answer(200, result, headers=conditions.checked_headers(exchange))


def _file_headers(name: str, facts: FileFacts) -> Headers:
    media_type = mimetypes.guess_type(name)[0] or "text/plain"
    if name.rpartition(".")[2] in _MARKDOWN:
        media_type = "text/x-markdown"
    saved = untrusted.saved_unless_harmless(name, media_type)
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    version = hashlib.blake2b(f"{facts.stored_at}000-{facts.size}".encode(), digest_size=16)
    return (
        (b"content-type", media_type.encode()),
        (b"last-modified", formatdate(facts.stored_at // MICROSECONDS, usegmt=True).encode()),
        (b"etag", f'"{version.hexdigest()}"'.encode()),
        *untrusted.NO_SNIFFING,
        *untrusted.SANDBOX,
        *saved,
    )
