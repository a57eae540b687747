"""Preparing the next chunk of a file while the one before is being sent."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue

from aqsync.errors import GivenUp
from aqsync.local.errands import Errand, current

_Chunk = bytes | BaseException | None


class _Helper:
    """Reads one chunk after the other on a thread of its own, each when it is asked for.

    Args:
        chunks: Where from.
        errand: The errand that this belongs to; it is given up if the disk hangs.
    """

    def __init__(self, chunks: Iterator[bytes], errand: Errand) -> None:
        self._chunks = chunks
        self._errand = errand
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._taken: SimpleQueue[_Chunk] = SimpleQueue()
        self._left = threading.Event()
        # A daemon thread, as one that hangs in a dead file system must not keep the process alive.
        threading.Thread(target=self._run, name="read-ahead", daemon=True).start()
        errand.when_given_up(self._give_up)

    def _run(self) -> None:
        try:
            with self._errand:
                while self._asked.get():
                    self._taken.put(self._next())
        finally:
            self._left.set()

    def _next(self) -> _Chunk:
        try:
            return next(self._chunks, None)
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits for it
            return exc

    def _give_up(self) -> None:
        self._taken.put(GivenUp("the file system does not answer"))
        self._left.set()

    def ask(self) -> None:
        """Begin with the next chunk."""
        self._asked.put(True)

    def take(self) -> bytes | None:
        """Wait for it; None at the end."""
        chunk = self._taken.get()
        if self._errand.hang is not None:  # nothing more is sent, not even a chunk that is ready
            raise GivenUp("the file system does not answer")
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self) -> None:
        """Stop, and wait for the thread if the disk answers."""
        self._asked.put(False)
        self._left.wait()


def read_ahead(chunks: Iterator[bytes]) -> Generator[bytes]:
    """Give chunks; each is read on a thread of its own while the one before is in use.

    What `chunks` raises is raised in place of the chunk it concerns. Close the generator to
    leave early: once it is closed, `chunks` is no longer running, unless the errand that the
    calling thread is on was given up; then `GivenUp` comes out.
    """
    helper = _Helper(chunks, current() or Errand())
    try:
        helper.ask()
        while (chunk := helper.take()) is not None:
            helper.ask()
            yield chunk
    finally:
        helper.close()
