"""The first page: one word for everything, and how each mapping stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.journal.history import HistoryKind
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS, State
from aqsync.service.messages.alarms import REFUSED_HINT
from aqsync.service.page.controls import DURATIONS, controls
from aqsync.service.page.experiment_links import experiment_url
from aqsync.service.page.rates import LATELY_S, rates
from aqsync.service.page.site import COLOURS, Site
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.overview import Light, MappingOverview, Overview
from aqsync.sync.waited_for import waited_for

_EVENTS = 500
"""So many of the last ones tell the rate; more in half a minute are small and alike."""
_FIRST_REASONS = 3
_FIRST_EXPERIMENTS = 3
_ALWAYS_TOLD = (State.IN_SYNC, State.PROVISIONAL, State.WAITING, State.HELD, State.DIFFERS)
_MEANS = {
    Light.GREEN: "Everything is on the server as it is here.",
    Light.BUSY: "Files are on their way.",
    Light.WAITING: "Files will go by themselves, later.",
    Light.NEEDS_YOU: "Some of it goes on only once you have done something.",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is to go, and how long that takes."""

    left: int
    """Bytes that are not on the server as they are here, less what was sent of them."""
    per_s: float
    """Bytes a second, lately; 0: nothing was sent."""
    going: int
    """Of those bytes, what goes now and not later."""

    @property
    def seconds(self) -> float | None:
        """Until that is there; None: it cannot be told."""
        return self.going / self.per_s if self.per_s and self.going else None


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""

    def shown(request: Request) -> Response:
        found = site.at_once()
        if found is None:
            return site.answer(request, "finding_out.html")
        return site.answer(request, "glance.html", **glance(site, found))

    return [Route("/", shown), *controls(site)]


def glance(site: Site, found: Overview) -> dict[str, Any]:
    """What the template ``glance.html`` shows.

    Args:
        site: What every page is made with.
        found: How everything stands.
    """
    now_ns, daemon, config = site.clock.now_ns(), site.daemon.status(), site.daemon.config
    per_s = _rates(site, daemon, now_ns)
    paces = {each.mapping.name: _pace(each, daemon, per_s) for each in found.mappings}
    return {
        "refused_hint": REFUSED_HINT,
        "means": " ".join(waited_for(found)) or _MEANS[found.light],
        "overview": found,
        "now_ns": now_ns,
        "daemon": daemon,
        "colours": COLOURS,
        "paces": paces,
        "whole": Pace(
            sum(pace.left for pace in paces.values()),
            sum(pace.per_s for pace in paces.values()),
            sum(pace.going for pace in paces.values()),
        ),
        "counts": {each.mapping.name: _counts(each) for each in found.mappings},
        "experiments": {
            each.mapping.name: [
                (eid, experiment_url(config.server.url, eid))
                for eid in each.experiments[:_FIRST_EXPERIMENTS]
            ]
            for each in found.mappings
        },
        "reasons": site.reasons.of(found)[:_FIRST_REASONS],
        "pauses": site.daemon.journal.pauses.active(now_ns),
        "everything": EVERYTHING,
        "pushes": site.pushes.newest,
        "durations": DURATIONS,
    }


def _counts(each: MappingOverview) -> list[tuple[str, int, int]]:
    """States in words, with how many files and bytes are in each."""
    return [
        (state.value, each.files[state], each.bytes[state])
        for state in State
        if state in _ALWAYS_TOLD or each.files[state]
    ]


def _rates(site: Site, daemon: DaemonStatus, now_ns: int) -> Mapping[str, float]:
    since_ns = now_ns - int(LATELY_S * SECOND_NS)
    lately = site.daemon.journal.history.recent(_EVENTS)
    uploaded = [
        event for event in lately if event.kind is HistoryKind.UPLOADED and event.at_ns >= since_ns
    ]
    return rates(daemon.under_way, uploaded, now_ns)


def _pace(each: MappingOverview, daemon: DaemonStatus, per_s: Mapping[str, float]) -> Pace:
    name = each.mapping.name
    sent = sum(file.sent for file in daemon.under_way if file.mapping == name)
    return Pace(
        max(0, each.not_there.bytes - sent),
        per_s.get(name, 0.0),
        max(0, each.bytes[State.PENDING] - sent),
    )
