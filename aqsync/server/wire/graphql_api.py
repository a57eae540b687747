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
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

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
from aqsync.server.wire.graphql_request import GraphQLRequest, NoOperation, asked_for

_log = logging.getLogger(__name__)
_PLAIN = b"text/plain; charset=utf-8"
_ALLOWED_BY = {"GET": {OperationType.QUERY}, "POST": set(OperationType)}


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
        if exchange.method not in _ALLOWED_BY:
            await exchange.refuse_method(*_ALLOWED_BY)
            return
        try:
            request = await asked_for(exchange)
            context = Context(self._parts, scope[WHO], scope[AUDITED])
            answer = await get_running_loop().run_in_executor(
                self._workers, _answer, request, context
            )
        except NoOperation as exc:
            await exchange.answer_early(400, str(exc).encode(), kind=_PLAIN)
        except FileRefused as exc:
            await exchange.refuse(exc.status, exc.detail)
        except ClientLeft:
            pass
        else:
            await exchange.answer(*answer)


def _answer(request: GraphQLRequest, context: Context) -> tuple[int, bytes]:
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
            allowed_operation_types=_ALLOWED_BY[request.method],
        )
    except CannotGetOperationTypeError as exc:
        raise NoOperation(exc.as_http_error_reason()) from exc
    except InvalidOperationTypeError as exc:
        raise NoOperation(exc.as_http_error_reason(request.method)) from exc
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
