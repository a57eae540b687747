"""Preparing the next chunk of a file while the one before is being sent."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor


def read_ahead(chunks: Iterator[bytes]) -> Generator[bytes]:
    """Give chunks, each prepared on a thread of its own while the one before is being used.

    What `chunks` raises comes out in the place of the chunk it concerns. Close the generator to
    leave early: once it is closed, `chunks` is no longer running.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as helper:
        coming = helper.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = helper.submit(next, chunks, None)
            yield chunk
