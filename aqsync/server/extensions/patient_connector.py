"""The connection of the shared queue to PostgreSQL, which outlasts that this is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException

from aqsync.server.catalog.postgres_address import PostgresAddress

_log = logging.getLogger(__name__)
_RETRY_S = 1.0
_WAIT_S = 5.0
_CONNECTIONS = 3
_Result = TypeVar("_Result")


class PatientConnector(PsycopgConnector):
    """Waits while the database is away, and says so once.

    Procrastinate ends its worker at the first failure. Then its heartbeat ends too, while its
    scripts run on, and the other servers take it for dead.

    Args:
        address: Where the database is.
        stopping: Set when it shall wait no longer.
    """

    def __init__(self, address: PostgresAddress, stopping: threading.Event) -> None:
        super().__init__(
            conninfo=address.conninfo(), min_size=1, max_size=_CONNECTIONS, timeout=_WAIT_S
        )
        self._stopping = stopping
        self._is_away = False

    async def execute_query_async(self, query: LiteralString, **arguments: object) -> None:
        """Run a statement."""
        await self._patiently(
            lambda: super(PatientConnector, self).execute_query_async(query, **arguments)
        )

    async def execute_query_one_async(
        self, query: LiteralString, **arguments: object
    ) -> dict[str, Any]:
        """Run a statement that gives one row."""
        return await self._patiently(
            lambda: super(PatientConnector, self).execute_query_one_async(query, **arguments)
        )

    async def execute_query_all_async(
        self, query: LiteralString, **arguments: object
    ) -> list[dict[str, Any]]:
        """Run a statement that gives rows."""
        return await self._patiently(
            lambda: super(PatientConnector, self).execute_query_all_async(query, **arguments)
        )

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen for new jobs until this is cancelled."""
        await self._patiently(
            lambda: super(PatientConnector, self).listen_notify(on_notification, channels)
        )

    async def _patiently(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        while True:
            try:
                result = await call()
            except ConnectorException as exc:
                if self._stopping.is_set() or not isinstance(
                    exc.__cause__, psycopg.OperationalError
                ):
                    raise
                if not self._is_away:
                    _log.warning("the queue of tasks waits: the database does not answer")
                    self._is_away = True
                await asyncio.sleep(_RETRY_S)
            else:
                if self._is_away:
                    _log.warning("the queue of tasks goes on: the database answers")
                    self._is_away = False
                return result
