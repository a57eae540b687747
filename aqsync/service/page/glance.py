"""The first page: one word for everything, and a line for each mapping."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.model import State
from aqsync.service.page.site import COLOURS, Site
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.overview import Overview


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""

    def shown(request: Request) -> Response:
        values = glance(site.look(), site.daemon.status())
        return site.answer(request, "glance.html", **values)

    return [Route("/", shown)]


def glance(found: Overview, daemon: DaemonStatus) -> dict[str, Any]:
    """What the template ``glance.html`` shows.

    Args:
        found: How everything stands.
        daemon: What the daemon does now.
    """
    sent_per_s = sum(file.sent / file.seconds for file in daemon.under_way if file.seconds > 0)
    to_come = found.to_come_bytes
    return {
        "light": found.light.value,
        "colour": COLOURS[found.light],
        "overview": found,
        "now_ns": found.at_ns,
        "daemon": daemon,
        "state": State,
        "colours": COLOURS,
        "rate": sent_per_s,
        "left_s": to_come / sent_per_s if sent_per_s and to_come else None,
    }
