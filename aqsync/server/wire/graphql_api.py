"""The endpoint ``/api/graphql``."""

from __future__ import annotations

import json
import logging
from asyncio import get_running_loop
from concurrent.futures import Executor
from typing import Any

import strawberry
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.extensions import QueryDepthLimiter
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionContext

from aqsync.server import rules
from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.context import Context, Parts
from aqsync.server.errors import FileRefused, NotAllowed, OperationRefused
from aqsync.server.graphql.executor import FileListExecutor
from aqsync.server.graphql.field_rights import FieldRights
from aqsync.server.graphql.limits import RequestLimits, check_variables
from aqsync.server.graphql.mutation import Mutation
from aqsync.server.graphql.query import Query
from aqsync.server.wire.exchange import AUDITED, WHO, ClientLeft, Exchange

_log = logging.getLogger(__name__)
_MAX_BODY = 8 * 1024 * 1024
"""The text parameters of extensions are the largest things in one."""
_MAX_BRACKETS = 500_000
"""Each may become an object in memory, many times as large; texts have some, too."""


class AqueductSchema(strawberry.Schema):
    """The schema; logs failures of the server, not refusals."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - overridden
    ) -> None:
        """Log the errors that the client did not cause."""
        for error in errors:
            if _is_failure(error):
                _log.error("%s failed", error.path, exc_info=error.original_error)


schema = AqueductSchema(
    query=Query,
    mutation=Mutation,
    extensions=[
        RequestLimits,
        lambda: QueryDepthLimiter(max_depth=rules.MAX_DEPTH),
        FieldRights,
    ],
    execution_context_class=FileListExecutor,
)


class GraphQLEndpoint:
    """Answers operations.

    Args:
        parts: What the operations work with.
        workers: The threads that run them.
    """

    def __init__(self, parts: Parts, workers: Executor) -> None:
        self._parts = parts
        self._workers = workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        if exchange.method != "POST":
            await exchange.refuse_method("POST")
            return
        try:
            body = await exchange.read_body(_MAX_BODY)
        except FileRefused as exc:
            await exchange.refuse(exc.status, exc.detail)
            return
        except ClientLeft:
            return
        context = Context(self._parts, scope[WHO], scope[AUDITED])
        answer = await get_running_loop().run_in_executor(self._workers, _answer, body, context)
        await exchange.answer(*answer)


def _answer(body: bytes, context: Context) -> tuple[int, bytes]:
    try:
        request = _Request(body)
    except _NoOperation as exc:
        return 400, _encode({"detail": str(exc)})
    try:
        check_variables(request.variables)
    except GraphQLError as exc:
        return 200, _encode({"data": None, "errors": [_presented(exc)]})
    try:
        result = schema.execute_sync(
            request.query,
            variable_values=request.variables,
            operation_name=request.operation_name,
            context_value=context,
        )
    except CannotGetOperationTypeError as exc:
        return 400, _encode({"detail": exc.as_http_error_reason()})
    for error in result.errors or ():
        if isinstance(error.original_error, DatabaseAway):
            raise error.original_error
    refused = [error for error in result.errors or () if _is_not_allowed(error)]
    if refused and not any((result.data or {}).values()):
        return 403, _encode({"detail": str(refused[0].original_error)})
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_presented(error) for error in result.errors]
    return 200, _encode(answer)


class _NoOperation(Exception):
    """A request's body does not ask for an operation."""


class _Request:
    """The parts of a request's body.

    Raises:
        _NoOperation: It does not ask for an operation.
    """

    def __init__(self, body: bytes) -> None:
        if body.count(b"[") + body.count(b"{") > _MAX_BRACKETS:
            raise _NoOperation("The request body has too many lists and objects")
        try:
            content = json.loads(body)
            # JSON allows half of a surrogate pair, but it cannot be stored as text.
            json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as exc:
            raise _NoOperation("Unable to parse request body as JSON") from exc
        if not isinstance(content, dict):
            raise _NoOperation("The request body should be a JSON object")
        self.query = content.get("query")
        self.variables = content.get("variables")
        self.operation_name = content.get("operationName")
        if not isinstance(self.query, str) or not self.query:
            raise _NoOperation("No GraphQL query found in the request")
        if not isinstance(self.variables, dict | None):
            raise _NoOperation("Variables should be a JSON object")
        if not isinstance(self.operation_name, str | None):
            raise _NoOperation("The operation's name should be a string")


def _presented(error: GraphQLError) -> dict[str, Any]:
    presented: dict[str, Any] = dict(error.formatted)
    if _is_failure(error):
        presented["message"] = "The server failed to do this."
    return presented


def _is_not_allowed(error: GraphQLError) -> bool:
    return isinstance(error.original_error, NotAllowed)


def _is_failure(error: GraphQLError) -> bool:
    """Tell an exception of the server's own from a refusal and from a faulty request."""
    cause = error.original_error
    if cause is None or isinstance(
        cause, OperationRefused | NotAllowed | GraphQLError | DatabaseAway
    ):
        return False
    return error.path is not None


def _encode(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
