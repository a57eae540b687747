"""The token that the script of a task gets: its own, with the rights of who ordered the task."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from aqsync.server.rights.tokens import Tokens

_log = logging.getLogger(__name__)


class TaskTokens:
    """Gives each script a token that ends with its task. Any thread may call.

    Args:
        tokens: The tokens.
        is_closed: Whether the server asks for a token even if it has none in its database.
    """

    def __init__(self, tokens: Tokens, *, is_closed: bool) -> None:
        self._tokens = tokens
        self._is_closed = is_closed

    @contextmanager
    def of_task(self, task: UUID) -> Iterator[str]:
        """Lend the secret of a task's token; empty where the server asks for none."""
        if not self._is_closed and not self._tokens.there_are_any():
            yield ""
            return
        secret = self._tokens.begin_task(task)
        try:
            yield secret
        finally:
            try:
                self._tokens.end_task(task)
            except Exception:  # noqa: BLE001 - it counts no more once the task has ended
                _log.warning("the token of task %s cannot be removed", task, exc_info=True)
