"""The application: the pages, what tells them that they are outdated, and what they load."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from aqsync.clock import Clock
from aqsync.errors import AqsyncError
from aqsync.service.page import monitoring
from aqsync.service.page.buttons import status_of
from aqsync.service.page.events import events
from aqsync.service.page.for_a_person import Reasons
from aqsync.service.page.gate import Gate, form_token
from aqsync.service.page.news import Newest
from aqsync.service.page.pages import PAGES
from aqsync.service.page.pushes import Pushes
from aqsync.service.page.render import digest_of, page
from aqsync.service.page.site import Shown, Site
from aqsync.service.web.orders import Orders

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_PLACE = files("aqsync.service.page") / "static"
_STATIC = frozenset(each.name for each in _PLACE.iterdir() if each.is_file())


def create_app(daemon: Shown, clock: Clock, token: str, port: int) -> ASGIApp:
    """Make the application.

    Args:
        daemon: What is shown.
        clock: The time.
        token: What `aqsync open` hands over.
        port: On which it is served.
    """
    navigation = tuple((each.path, each.title) for each in PAGES)
    orders = Orders(daemon, clock)
    pushes = Pushes(orders, daemon.board.outdate)
    site = Site(daemon, clock, orders, pushes, Reasons(), form_token(token), navigation)

    async def told(request: Request) -> Response:
        return events(request, Newest(site))

    routes: list[BaseRoute] = [Route("/events", told), Route("/static/{name}", static)]
    routes += monitoring.routes(daemon)
    routes += [route for each in PAGES for route in each.routes(site)]
    failed = {AqsyncError: _failed, HTTPException: _http_failed}
    return Gate(Starlette(routes=routes, exception_handlers=failed), token, port)


def _failed(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, AqsyncError)  # noqa: S101 - it is registered for these
    why = f"{exc.message}. {exc.hint}".strip()
    return page("refused.html", {"why": why, "back": True}, status_of(exc))


def _http_failed(_request: Request, _exc: Exception) -> Response:
    return page("refused.html", {"why": "There is no such page.", "back": True}, 404)


def static(request: Request) -> Response:
    """A file beside the templates; a browser keeps it where its address tells its content."""
    name = request.path_params["name"]
    kind = _KINDS.get(name.rpartition(".")[2])
    if kind is None or name not in _STATIC:  # anybody may ask, for any name
        raise HTTPException(HTTPStatus.NOT_FOUND)
    is_told = request.query_params.get("v") == digest_of(name)
    lasts = "max-age=31536000, immutable" if is_told else "no-cache"
    return Response((_PLACE / name).read_bytes(), media_type=kind, headers={"cache-control": lasts})
