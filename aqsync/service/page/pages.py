"""Which pages there are: each is a module that gives its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from starlette.routing import BaseRoute

from aqsync.service.page import charts, files, fleet, glance, health, needs_you
from aqsync.service.page.site import Site


class Page(NamedTuple):
    """One page of the navigation."""

    path: str
    title: str
    routes: Callable[[Site], Sequence[BaseRoute]]
    """It, and all that belongs to it below its path."""


PAGES = (
    Page("/", "Overview", glance.routes),
    Page("/needs-you", "Needs you", needs_you.routes),
    Page("/charts", "Charts", charts.routes),
    Page("/files", "Files", files.routes),
    Page("/health", "Health", health.routes),
    Page("/fleet", "Fleet", fleet.routes),
)
