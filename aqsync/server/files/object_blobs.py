"""Blobs in a bucket of an object store that speaks S3; all that knows obstore.

A blob is one object for each 8 MiB of it: KEY/0, KEY/1 and so on. A multipart upload that a crash
breaks off would stay in the bucket without being listed, and obstore cannot list such uploads.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from aqsync.server.errors import ServerStartError
from aqsync.server.files.blobs import BlobReader, BlobsAway, BlobStore, BlobWriter, FoundBlob
from aqsync.server.portions import portions

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

PIECE = 8 * 1024 * 1024
"""Bytes in one object: what is there already is read by this size, so it cannot change."""
_READ = 4 * 1024 * 1024
_MARK = "aqsync-files"
_BLOBS = "blobs"
_LISTED_AT_ONCE = 1000
_REMOVED_AT_ONCE = 500
_CONNECT_S = 5
_REQUEST_S = 30
_TRIES = 3
_LONGEST_S = 60
_FAILURES = (BaseError, OSError, ValueError)
_CODE = re.compile(r"<Code>(\w+)</Code>")
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are. Credentials are taken from the environment, or from the machine.

    Args:
        name: The bucket.
        prefix: What all keys begin with, without slashes around it; may be empty.
        endpoint: The URL of the object store; None for Amazon's.
        region: Its region; None for what the environment says.
    """

    name: str
    prefix: str
    endpoint: str | None
    region: str | None

    def __str__(self) -> str:
        """Return it as an option names it."""
        return f"s3://{self.name}/{self.prefix}"


class ObjectBlobs(BlobStore):
    """Blobs in a bucket.

    Args:
        bucket: Where.
    """

    threads = 64
    piece_bytes = _READ

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._store = _opened(bucket)
        self._sending = ThreadPoolExecutor(self.threads, thread_name_prefix="objects")

    def mark(self, new: str | None) -> str | None:
        """Tell whose blobs these are."""
        try:
            if new is not None:
                with suppress(AlreadyExistsError):
                    obstore.put(self._store, _MARK, new.encode(), mode="create")
            return bytes(obstore.get(self._store, _MARK).bytes()).decode("ascii")
        except FileNotFoundError:
            return None
        except _FAILURES as exc:
            raise ServerStartError(
                f"the bucket {self._bucket} cannot be used: {_in_short(exc)}",
                "Look whether it is there, at ?endpoint=, and at AWS_ACCESS_KEY_ID and"
                " AWS_SECRET_ACCESS_KEY.",
            ) from None

    def writer(self, key: str) -> BlobWriter:
        """Return a new blob, to be filled."""
        return _Writer(self, key)

    def reader(self, key: str, size: int) -> BlobReader:
        """Return a blob from its beginning."""
        return _Reader(self, key, size)

    def remove(self, blobs: Iterable[tuple[str, int | None]]) -> None:
        """Remove blobs, many objects with one request."""
        paths = (path for key, size in blobs for path in self._paths(key, size))
        for some in portions(paths, _REMOVED_AT_ONCE):
            self.ask(lambda some=some: obstore.delete(self._store, some))  # type: ignore[misc]

    def found(self) -> Iterator[FoundBlob]:
        """Give all objects."""
        for path, changed_at in self._listed(_BLOBS):
            yield FoundBlob(path.split("/")[1], changed_at)

    def close(self) -> None:
        """Wait for what is being sent."""
        self._sending.shutdown()

    def send(self, key: str, number: int, piece: bytes) -> Future[None]:
        """Begin to store one object."""
        path = _path(key, number)

        def put() -> None:
            self.ask(lambda: obstore.put(self._store, path, piece, use_multipart=False))

        return self._sending.submit(put)

    def read(self, key: str, start: int, size: int) -> bytes:
        """Return bytes that lie in one object."""
        number, offset = divmod(start, PIECE)
        path = _path(key, number)
        return self.ask(
            lambda: obstore.get_range(self._store, path, start=offset, length=size).to_bytes()
        )

    def ask(self, request: Callable[[], _T]) -> _T:
        """Make a request.

        Raises:
            BlobsAway: It failed, again and again where that can help.
        """
        try:
            return request()
        except _FAILURES as exc:
            _log.warning(
                "the bucket %s does not answer as it should: %s", self._bucket, _in_short(exc)
            )
            raise BlobsAway from None

    def _paths(self, key: str, size: int | None) -> Iterator[str]:
        if size is not None:
            return (_path(key, number) for number in range(_count(size)))
        return (path for path, _ in self._listed(f"{_BLOBS}/{key}"))

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        listing = iter(obstore.list(self._store, prefix, chunk_size=_LISTED_AT_ONCE))
        while (some := self.ask(lambda: next(listing, None))) is not None:
            for found in some:
                yield found["path"], int(found["last_modified"].timestamp() * 1_000_000)


class _Writer(BlobWriter):
    """Sends one object while the next one is gathered."""

    def __init__(self, blobs: ObjectBlobs, key: str) -> None:
        self._blobs = blobs
        self._key = key
        self._gathered: list[memoryview] = []
        self._bytes = 0
        self._count = 0
        self._sending: Future[None] | None = None

    def write(self, chunks: Sequence[bytes]) -> None:
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                some = rest[: PIECE - self._bytes]
                self._gathered.append(some)
                self._bytes += len(some)
                rest = rest[len(some) :]
                if self._bytes == PIECE:
                    self._send()

    def finish(self) -> None:
        if self._gathered:
            self._send()
        self._wait()

    def discard(self) -> None:
        self._gathered.clear()
        with suppress(BlobsAway):
            try:
                self._wait()
            finally:
                self._blobs.remove([(self._key, self._count * PIECE)])

    def close(self) -> None:
        self._gathered.clear()

    def _send(self) -> None:
        self._wait()
        piece = b"".join(self._gathered)
        self._gathered.clear()
        self._bytes = 0
        self._sending = self._blobs.send(self._key, self._count, piece)
        self._count += 1

    def _wait(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.result()


class _Reader(BlobReader):
    def __init__(self, blobs: ObjectBlobs, key: str, size: int) -> None:
        self._blobs = blobs
        self._key = key
        self._size = size
        self._start = 0

    def next_piece(self) -> bytes:
        size = min(_READ, self._size - self._start, PIECE - self._start % PIECE)
        if not size:
            return b""
        piece = self._blobs.read(self._key, self._start, size)
        self._start += len(piece)
        return piece

    def close(self) -> None:
        pass


def _opened(bucket: Bucket) -> S3Store:
    config: S3Config = {}
    if bucket.endpoint is not None:
        config["endpoint"] = bucket.endpoint
    if bucket.region is not None:
        config["region"] = bucket.region
    try:
        return S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=config,
            client_options=_client_options(bucket),
            retry_config={
                "max_retries": _TRIES,
                "retry_timeout": timedelta(seconds=_LONGEST_S),
                "backoff": {
                    "init_backoff": timedelta(seconds=0.1),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )
    except _FAILURES as exc:
        raise ServerStartError(
            f"the bucket {bucket} cannot be used: {_in_short(exc)}",
            "Look at the variables AWS_* of the environment.",
        ) from None


def _client_options(bucket: Bucket) -> ClientConfig:
    options: ClientConfig = {
        "allow_http": (bucket.endpoint or "").startswith("http:"),
        "connect_timeout": timedelta(seconds=_CONNECT_S),
        "timeout": timedelta(seconds=_REQUEST_S),
    }
    authority = os.environ.get("AWS_CA_BUNDLE")
    if authority:
        options["root_certificate"] = Path(authority).read_bytes()
    return options


def _path(key: str, number: int) -> str:
    return f"{_BLOBS}/{key}/{number}"


def _count(size: int) -> int:
    return -(-size // PIECE)


def _in_short(exc: Exception) -> str:
    """Return what obstore says, and the object store's own word for it.

    Further lines are of use to the developers of obstore only.
    """
    text = str(exc)
    said = text.partition("\n")[0].partition(": <?xml")[0]
    code = _CODE.search(text)
    return said if code is None else f"{said} ({code[1]})"
