"""What programs ask for on the status page's port, without a token and without names of files."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aqsync.service.metrics.collect import CONTENT_TYPE, FRESH_S, Measured, Metrics
from aqsync.service.metrics.readiness import Why, not_alive, not_ready


class Alive(Measured, Protocol):
    """The daemon, as far as monitoring needs it."""

    def hangs(self) -> str | None: ...  # noqa: D102 - what it does, the daemon says


def routes(daemon: Alive) -> Sequence[BaseRoute]:
    """What is asked for.

    Args:
        daemon: What it is asked of.
    """
    told = Metrics(daemon)

    def metrics(_request: Request) -> Response:
        return Response(told.text(), media_type=CONTENT_TYPE)

    def alive(_request: Request) -> Response:
        return _answer("alive", not_alive(daemon.hangs()))

    def ready(_request: Request) -> Response:
        return _answer("ready", not_ready(daemon.board.look(FRESH_S), daemon.hangs()))

    return [Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", ready)]


def _answer(what: str, reasons: Sequence[Why]) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    told = {what: not reasons, "reasons": [reason._asdict() for reason in reasons]}
    return JSONResponse(told, status)
