"""What sends an operation, in the place of gql's class of this name."""

from __future__ import annotations

from typing import Any

from aqsync.aqueduct.client import Client


class SyncClientSession:
    """Sends operations to one server.

    Args:
        server: The connections to it.
    """

    def __init__(self, server: Client) -> None:
        self._server = server

    def execute(self, query: str, variable_values: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of an answer without errors.

        Raises:
            RemoteError: The server is out of reach, or refuses the operation.
        """
        return self._server.operate(query, variable_values or {})
