"""A file that is written in pieces, for a request that may be cancelled in the middle."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aqsync.server.files.incoming_file import IncomingFile
from aqsync.server.files.space import Space
from aqsync.server.files.store import Incoming
from aqsync.server.wire.streamed_file import StreamedFile

LARGE = 10**9


def test_a_cancelled_request_waits_for_the_thread_that_works_for_it(tmp_path: Path) -> None:
    """Else the thread could stamp or sync another file, under the number of the closed one."""
    begun, go_on = threading.Event(), threading.Event()
    steps: list[str] = []

    def keep(incoming: Incoming) -> str:
        begun.set()
        go_on.wait()
        incoming.write([b"more"])
        steps.append("kept")
        return ""

    async def cancelled_request() -> None:
        with ThreadPoolExecutor(4) as disk:
            file = StreamedFile(IncomingFile(str(tmp_path / "f"), Space(tmp_path)), disk, LARGE)
            file.add(b"content")
            keeping = asyncio.create_task(file.keep(keep))
            await asyncio.to_thread(begun.wait)
            keeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await keeping
            discarding = asyncio.create_task(file.discard())
            discarding.add_done_callback(lambda _: steps.append("discarded"))
            await asyncio.sleep(0)
            go_on.set()
            await discarding

    asyncio.run(cancelled_request())
    assert steps == ["kept", "discarded"]
    assert list(tmp_path.iterdir()) == []


def test_what_failed_unseen_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(IncomingFile):
        def write(self, chunks: object) -> None:
            del chunks
            raise OSError("the disk is full")

    async def request() -> None:
        with ThreadPoolExecutor(1) as disk:
            file = StreamedFile(Full(str(tmp_path / "f"), Space(tmp_path)), disk, LARGE)
            file.add(bytes(2_000_000))
            await file.write_on()
            await file.discard()

    asyncio.run(request())
    assert list(tmp_path.iterdir()) == []
    assert caplog.text == ""
