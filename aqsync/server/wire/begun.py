"""Whether an answer has begun, so that no other can be given."""

from __future__ import annotations

from starlette.types import Message, Send


class Begun:
    """Passes the messages of an answer on, and notes that there was one.

    Args:
        send: Takes the messages.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_so = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on."""
        self.is_so = True
        await self._send(message)
