"""Wrong tokens: many from one address are slowed, and the right one still gets through."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from starlette.types import Message, Receive, Send
from starlette.types import Scope as Asked

from aqsync.server.rights import failed_logins
from aqsync.server.rights.failed_logins import FREE, MOST_WAITING, PAUSE_SECONDS, FailedLogins
from aqsync.server.rights.rate_limit import RateLimit
from aqsync.server.rights.secret import digest_of
from aqsync.server.rights.token_directory import TokenDirectory
from aqsync.server.rights.tokens import Tokens
from aqsync.server.rights.who import Scope, Who
from aqsync.server.wire.exchange import Exchange
from aqsync.server.wire.gate import Gate

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Waits:
    """Time that passes only when it is let pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ended = asyncio.Event()
        self.asked: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.ended.wait()


async def fail(failed: FailedLogins, address: str, times: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(failed.slow_down(address)) for _ in range(times)]
    await asyncio.sleep(0)
    return [task for task in tasks if not task.done()]


def test_many_wrong_tokens_wait_and_then_nothing_is_looked_at() -> None:
    async def run() -> None:
        waits = Waits()
        failed = FailedLogins(lambda: waits.now, waits.sleep)
        assert not await fail(failed, HERE, FREE)
        waiting = await fail(failed, HERE, MOST_WAITING - 1)
        assert len(waiting) == MOST_WAITING - 1
        assert not failed.shuts_out(HERE)
        waiting += await fail(failed, HERE, 1)
        assert failed.shuts_out(HERE)
        assert not failed.shuts_out(THERE)
        assert not await fail(failed, THERE, 1)
        assert set(waits.asked) == {PAUSE_SECONDS}
        waits.ended.set()
        await asyncio.gather(*waiting)
        assert not failed.shuts_out(HERE)
        waits.now += 3
        waits.ended.clear()
        assert not await fail(failed, HERE, 3)
        [one] = await fail(failed, HERE, 1)
        one.cancel()

    asyncio.run(run())


def test_one_customer_has_one_address() -> None:
    async def run() -> None:
        waits = Waits()
        failed = FailedLogins(lambda: waits.now, waits.sleep)
        for number in range(FREE):
            await failed.slow_down(f"2001:db8::{number:x}")
        [one] = await fail(failed, "2001:db8::ffff", 1)
        assert not await fail(failed, "2001:db8:0:1::1", 1)
        one.cancel()

    asyncio.run(run())


def test_addresses_do_not_grow_without_end() -> None:
    async def run() -> None:
        failed = FailedLogins()
        for number in range(failed_logins._MOST_ADDRESSES + 10):
            await failed.slow_down(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        assert len(failed._addresses) == failed_logins._MOST_ADDRESSES

    asyncio.run(run())


class Known:
    """The tokens of a server that has only ``right``."""

    def there_are_any(self) -> bool:
        return True

    def find(self, digest: str) -> Who | None:
        return Who("r", "ada", Scope.READ) if digest == digest_of(b"right") else None


def answered(failed: FailedLogins, token: str) -> int:
    """The status of a request to a server with the token ``right``."""
    sent: list[Message] = []

    async def app(scope: Asked, receive: Receive, send: Send) -> None:
        await Exchange(scope, receive, send).answer(200, {})

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/api/graphql",
        "method": "POST",
        "client": (HERE, 1),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    with ThreadPoolExecutor(1) as threads:
        gate = Gate(
            app,
            directory=TokenDirectory(cast("Tokens", Known()), None, threads),
            failed=failed,
            rate=RateLimit(None),
            is_exempt=lambda _: False,
            allowed=frozenset(),
        )
        asyncio.run(gate(scope, receive, send))
    status: int = sent[0]["status"]
    return status


def test_the_right_token_is_refused_only_while_many_are_tried() -> None:
    failed = FailedLogins()
    assert [answered(failed, token) for token in ("wrong", "right")] == [401, 200]
    failed._addresses[HERE].waiting = MOST_WAITING
    assert [answered(failed, token) for token in ("wrong", "right")] == [429, 429]
    failed._addresses[HERE].waiting -= 1
    assert answered(failed, "right") == 200
