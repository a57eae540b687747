"""GraphQL questions out, their data in."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from aqsync.aqueduct import graphql
from aqsync.aqueduct.answers import check_json_answer
from aqsync.aqueduct.transport import MIB, Request, Transport
from aqsync.errors import ServerBusy

JSON = ((b"Content-Type", b"application/json"),)
_REPEATS_IF_BUSY = 2
_LONGEST_ANSWER = 64 * MIB
"""Far more than 500 experiments with the longest descriptions."""
LONGEST_LIST = 256 * MIB
"""Two million files."""


def graphql_request(
    body: bytes, timeout: float | None = None, longest: int = _LONGEST_ANSWER
) -> Request:
    """Return the request that asks a GraphQL question."""
    return Request("POST", "/api/graphql", body, JSON, timeout=timeout, longest=longest)


class GraphQLClient:
    """Asks a server's GraphQL endpoint.

    Args:
        transport: The connections to the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ask(
        self,
        question: dict[str, Any],
        what: str,
        *,
        repeatable: bool = False,
        timeout: float | None = None,
        longest: int = _LONGEST_ANSWER,
    ) -> dict[str, Any]:
        """Return the answer to a question, its errors included.

        Args:
            question: The query with its variables.
            what: What this does, as an error message begins.
            repeatable: Whether doing it twice is as good as once.
            timeout: Seconds to wait for the answer, if not the usual ones.
            longest: How many bytes the answer may have.
        """
        request = graphql_request(json.dumps(question).encode(), timeout, longest)
        answer = self._transport.exchange(request, what, repeatable=repeatable)
        return check_json_answer(answer, what)

    def operate(
        self,
        query: str,
        variables: dict[str, Any],
        what: str,
        *,
        repeatable: bool = False,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Return the data of an answer without errors; the arguments are those of `ask`.

        What fails because another client did the same at that moment has changed nothing, so it
        is tried again at once, whatever it is.
        """

        def attempt() -> dict[str, Any]:
            question = {"query": query, "variables": variables}
            answer = self.ask(question, what, repeatable=repeatable, timeout=timeout)
            return graphql.data_of(answer, what)

        for _ in range(_REPEATS_IF_BUSY):
            with contextlib.suppress(ServerBusy):
                return attempt()
        return attempt()
