"""The HTTP application: serves the routes it is given, and says every error as `Failure`."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from aqsync.errors import AqsyncError, BadRequest, ExitCode, NoDaemon
from aqsync.service.web.models import JSON, LONGEST_REQUEST, Content, Failure, M, decoded, encoded


def create_app(routes: Sequence[BaseRoute]) -> Starlette:
    """Make an application of routes, such as `aqsync.service.web.orders.Orders.routes`."""
    return Starlette(
        routes=routes, exception_handlers={AqsyncError: _refuse, HTTPException: _refuse_http}
    )


async def read(request: Request, kind: type[M]) -> M:
    """The message in a request's body.

    Raises:
        BadRequest: There is none, or it is too long.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_REQUEST:
                raise BadRequest(f"the request is longer than {LONGEST_REQUEST} bytes")
    except ClientDisconnect as exc:
        raise BadRequest("the client has gone") from exc  # nobody hears it
    return decoded(kind, bytes(body))


def whole(outcome: Content | AqsyncError, status: int = 200) -> Response:
    """A whole answer; an error has the HTTP status that belongs to it."""
    if not isinstance(outcome, AqsyncError):
        return Response(encoded(outcome), status, media_type=JSON)
    if isinstance(outcome, BadRequest) or outcome.exit_code is ExitCode.USAGE:
        return whole(Failure.of(outcome), 400)
    return whole(Failure.of(outcome), 503 if isinstance(outcome, NoDaemon) else 500)


async def _refuse(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, AqsyncError)  # noqa: S101 - it is registered for these
    return whole(exc)


async def _refuse_http(request: Request, exc: Exception) -> Response:
    """There is no such route, or not with this method."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - it is registered for these
    where = f"{request.method} {request.url.path}"
    error = BadRequest(f"the daemon does not understand {where}: {exc.detail}")
    return whole(Failure.of(error), exc.status_code)
