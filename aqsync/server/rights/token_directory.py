"""Who has which token, quickly: what was looked up a moment ago is not looked up again."""

from __future__ import annotations

import hmac
import logging
import time
from asyncio import get_running_loop
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from uuid import UUID

from aqsync.server.rights.secret import digest_of, key_of_chosen
from aqsync.server.rights.tokens import Tokens
from aqsync.server.rights.who import TOKEN_FILE, Who

FRESH_SECONDS = 2.0
"""How long a revoked token may still count, and a server stay open after its first token."""
_MOST_KEPT = 10_000
_log = logging.getLogger(__name__)


class TokenDirectory:
    """Tells who has a secret. For one event loop.

    Other processes make and revoke tokens, so what was found counts for two seconds. What was not
    found is looked up each time: a new token counts at once.

    Args:
        tokens: The tokens in the database.
        file_token: The token of ``--token-file``; None if there is none.
        threads: Where the database is waited for.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        tokens: Tokens,
        file_token: str | None,
        threads: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._of_file = None if file_token is None else digest_of(file_token.encode())
        self._key_of_file = None if file_token is None else key_of_chosen(file_token)
        self._threads = threads
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, Who]] = OrderedDict()
        self._open_until: float | None = 0.0 if file_token is None else None
        self._used: dict[UUID, str] = {}

    async def is_open(self) -> bool:
        """Tell whether the server has no token, so that everybody may do everything.

        Once a token was made it never opens again, also if all were revoked.
        """
        if self._open_until is None:
            return False
        if self._clock() >= self._open_until:
            closed = await get_running_loop().run_in_executor(
                self._threads, self._tokens.there_are_any
            )
            self._open_until = None if closed else self._clock() + FRESH_SECONDS
        return self._open_until is not None

    async def who_sends(self, secret: bytes) -> tuple[str, Who] | None:
        """Return who has a secret, and its key for `who_has`; None if nobody.

        A key may be kept: it opens nothing, and tells nothing of the secret.
        """
        digest = digest_of(secret)
        if self._of_file is not None and hmac.compare_digest(digest, self._of_file):
            assert self._key_of_file is not None  # noqa: S101 - both are known, or none
            return self._key_of_file, TOKEN_FILE
        who = await self.who_has(digest)
        return None if who is None else (digest, who)

    async def who_has(self, key: str) -> Who | None:
        """Return who has the secret with this key; None if nobody has (any more)."""
        if key == self._key_of_file:
            return TOKEN_FILE
        found = self._found.get(key)
        if found is not None and self._clock() < found[0]:
            return found[1]
        who = await get_running_loop().run_in_executor(self._threads, self._look_up, key)
        if who is None:
            self._found.pop(key, None)
            return None
        self._found[key] = self._clock() + FRESH_SECONDS, who
        self._found.move_to_end(key)
        if len(self._found) > _MOST_KEPT:
            self._found.popitem(last=False)
        return who

    def _look_up(self, key: str) -> Who | None:
        who = self._tokens.find(key)
        if who is not None and who.token is not None:
            self._note_use(who.token)
        return who

    def _note_use(self, token: UUID) -> None:
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        if self._used.get(token) == today:
            return
        try:
            self._tokens.note_use(token)
        except Exception:  # noqa: BLE001 - a full disk must not shut anybody out
            _log.warning("the use of a token cannot be noted", exc_info=True)
        else:
            self._used[token] = today
