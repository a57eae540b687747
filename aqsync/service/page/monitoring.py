"""What programs ask for on the status page's port, without a token and without names of files."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aqsync.service.metrics.collect import CONTENT_TYPE, FRESH_S, Metrics, Source
from aqsync.service.metrics.readiness import Why, not_alive, not_ready


class Alive(Source, Protocol):
    """The daemon, as far as monitoring needs it."""

    @property
    def metrics(self) -> Metrics: ...  # noqa: D102 - what these do, the daemon says
    def hangs(self) -> str | None: ...  # noqa: D102


def routes(daemon: Alive) -> Sequence[BaseRoute]:
    """What is asked for.

    Args:
        daemon: What it is asked of.
    """

    def metrics(_request: Request) -> Response:
        return Response(daemon.metrics.text(), media_type=CONTENT_TYPE)

    def alive(_request: Request) -> Response:
        return _answer("alive", not_alive(daemon.hangs()))

    def ready(_request: Request) -> Response:
        found, looked = daemon.board.look(FRESH_S), daemon.scan_seconds().keys()
        return _answer("ready", not_ready(found, daemon.hangs(), looked))

    return [Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", ready)]


def _answer(what: str, reasons: Sequence[Why]) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    told = {what: not reasons, "reasons": [reason._asdict() for reason in reasons]}
    return JSONResponse(told, status)
