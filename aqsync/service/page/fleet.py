"""The page of the fleet: how all PCs stand, asked of the server while somebody looks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.model import SECOND_NS
from aqsync.model.reasons import reason_of
from aqsync.service.fleet.rules import Pc, Standing
from aqsync.service.fleet.view import Looked
from aqsync.service.page.experiment_links import experiment_url
from aqsync.service.page.site import COLOURS, Site

_MOST_ROWS = 200
_STANDINGS = {
    Standing.SILENT: "needs-you",
    Standing.NOT_BELIEVED: "needs-you",
    Standing.STOPPED: "waiting",
    Standing.UNKNOWN: "waiting",
    Standing.REPLACED: "soft",
}


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""

    def shown(request: Request) -> Response:
        is_wanted = site.daemon.config.fleet is not None
        found = site.daemon.fleet.at_once() if is_wanted else None
        return site.answer(request, "fleet.html", is_wanted=is_wanted, **_values(site, found))

    return [Route("/fleet", shown)]


def _values(site: Site, found: Looked | None) -> dict[str, Any]:
    view = None if found is None else found.view
    experiment = "" if found is None else found.experiment
    return {
        "found": found,
        "view": view,
        "pcs": () if view is None else view.pcs[:_MOST_ROWS],
        "at_ns": 0 if view is None else int(view.now.timestamp()) * SECOND_NS,
        "link": experiment_url(site.daemon.config.server.url, experiment),
        "colour_of": _colour,
        "needs_of": _needs,
    }


def _needs(pc: Pc) -> list[str]:
    """What needs a person there, in words where this release knows them."""
    return [_in_words(code) + (f" ({number})" if number else "") for code, number in pc.needs]


def _in_words(code: str) -> str:
    reason = reason_of(code)
    is_told = reason.value == code and "{" not in reason.template
    return reason.template if is_told else code


def _colour(pc: Pc) -> str:
    if isinstance(pc.standing, Standing):
        return _STANDINGS[pc.standing]
    return COLOURS[pc.standing]
