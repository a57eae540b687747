"""A TCP proxy in front of several servers: each connection goes to the next one that is there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import Self

_PIECE = 65_536


class Balancer:
    """Listens on loopback and passes each connection on to one of several servers.

    Args:
        ports: Where the servers listen on 127.0.0.1; it asks them in turn.

    Attributes:
        url: Where it listens.
        passed: How many connections went to each port.
    """

    def __init__(self, ports: list[int]) -> None:
        self.passed = dict.fromkeys(ports, 0)
        self.url = ""
        self._turns = itertools.cycle(range(len(ports)))
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer")

    def __enter__(self) -> Self:
        self._thread.start()
        begun = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._pass_on, "127.0.0.1", 0), self._loop
        )
        self._server = begun.result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await self._one_that_is_there()
        if there is not None:
            to_reader, to_writer = there
            ways = [
                asyncio.ensure_future(_copy(reader, to_writer)),
                asyncio.ensure_future(_copy(to_reader, writer)),
            ]
            # As a proxy does: when one side has gone, the other is not kept.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            to_writer.close()
        writer.close()

    async def _one_that_is_there(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turns)
        for number in range(len(self._ports)):
            port = self._ports[(first + number) % len(self._ports)]
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", port)
                self.passed[port] += 1
                return there
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
