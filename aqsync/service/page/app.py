"""The pages and what they are made of: one route for each."""

from __future__ import annotations

import re
from collections.abc import Hashable
from http import HTTPStatus
from importlib.resources import files
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from aqsync.errors import AqsyncError
from aqsync.service.board import Board
from aqsync.service.page.events import events
from aqsync.service.page.gate import Gate, form_token
from aqsync.service.page.glance import glance
from aqsync.service.page.render import page
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.overview import Overview

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
FRESH_S = 1.0
_VERSIONED = re.compile(r"-[0-9.]+[0-9]\.")


class Shown(Protocol):
    """The daemon, as far as pages need it; several threads call it."""

    @property
    def board(self) -> Board: ...  # noqa: D102 - what these do, the daemon says
    def status(self) -> DaemonStatus: ...  # noqa: D102


def create_app(daemon: Shown, token: str, port: int) -> ASGIApp:
    """Make the application.

    Args:
        daemon: What is shown.
        token: What `aqsync open` hands over.
        port: On which it is served.
    """
    pages = Pages(daemon, form_token(token))
    return Gate(pages.app(), token, port)


class Pages:
    """A method for each page; all may block.

    Args:
        daemon: What is shown.
        form: What the page sends with every change.
    """

    def __init__(self, daemon: Shown, form: str) -> None:
        self._daemon = daemon
        self._form = form

    def app(self) -> Starlette:
        """The routes."""
        routes = [
            Route("/", self.glance),
            Route("/events", self.events),
            Route("/static/{name}", static),
        ]
        failed = {AqsyncError: self._failed, HTTPException: self._http_failed}
        return Starlette(routes=routes, exception_handlers=failed)

    def glance(self, _request: Request) -> Response:
        """How everything stands."""
        return self._shown("glance.html", **glance(self._look(), self._daemon.status()))

    async def events(self, request: Request) -> Response:
        """Tells the page that it is outdated."""
        return events(request, self._state)

    def _look(self) -> Overview:
        return self._daemon.board.look(FRESH_S)

    def _state(self) -> Hashable:
        """Another value once a page that is open would show something else."""
        found, daemon = self._look(), self._daemon.status()
        under_way = tuple((file.mapping, file.path, file.sent) for file in daemon.under_way)
        return id(found.mappings), under_way

    def _shown(self, template: str, status: int = 200, **values: object) -> Response:
        return page(template, {"form": self._form, **values}, status)

    def _failed(self, _request: Request, exc: Exception) -> Response:
        assert isinstance(exc, AqsyncError)  # noqa: S101 - it is registered for these
        return page("refused.html", {"why": f"{exc.message}. {exc.hint}".strip()}, 500)

    def _http_failed(self, _request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)  # noqa: S101 - it is registered for these
        return page("refused.html", {"why": f"There is no such page ({exc.detail})."}, 404)


def static(request: Request) -> Response:
    """A file beside the templates; a browser keeps it where its name holds its version."""
    name = request.path_params["name"]
    kind = _KINDS.get(name.rpartition(".")[2])
    place = files("aqsync.service.page") / "static" / name
    if kind is None or "/" in name or not place.is_file():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    lasts = "max-age=31536000, immutable" if _VERSIONED.search(name) else "no-cache"
    return Response(place.read_bytes(), media_type=kind, headers={"cache-control": lasts})
