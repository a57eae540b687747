"""SHA-256 of what passes by; of large files on a thread beside the one that moves them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

_LARGE = 8 * 1024 * 1024


def measured(chunks: Iterable[bytes], most: int | None = None) -> tuple[bytes, int]:
    """SHA-256 and number of the bytes of chunks.

    Args:
        chunks: They are taken one by one.
        most: With more bytes than this no further chunk is taken; None: all are.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if most is not None and size > most:
            break
    return digest.digest(), size


class Hashing:
    """SHA-256 of chunks; a context manager.

    Args:
        length: How many bytes will come, if that is known: a thread is worth it for many only.
    """

    def __init__(self, length: int | None) -> None:
        self._digest = hashlib.sha256()
        is_large = length is not None and length >= _LARGE
        self._beside = ThreadPoolExecutor(1, "sha256") if is_large else None
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside is not None:
            self._beside.shutdown()

    def update(self, chunk: bytes) -> None:
        """Take the next chunk; it may still be at work on it when this returns."""
        if self._beside is None:
            self._digest.update(chunk)
            return
        self._wait()
        self._under_way = self._beside.submit(self._digest.update, chunk)

    def hexdigest(self) -> str:
        """The digest of all that came."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
