"""Pause, resume, push now, and reload: what the commands of these names do."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute

from aqsync.config import MappingConfig
from aqsync.config.units import parse_duration
from aqsync.errors import BadRequest
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS
from aqsync.service.page.buttons import Fields, button, wanted
from aqsync.service.page.site import Site
from aqsync.service.web.models import PauseRequest, PushRequest, ResumeRequest
from aqsync.wording import until_text

DURATIONS = (
    ("", "until it is resumed"),
    ("15m", "for 15 minutes"),
    ("1h", "for an hour"),
    ("4h", "for 4 hours"),
    ("12h", "for 12 hours"),
    ("2d", "for two days"),
)
"""For how long the page pauses, and how it says it."""
LONGEST_WAIT_S = 120.0
"""For files that keep changing, as with `aqsync push`."""


def controls(site: Site) -> list[BaseRoute]:
    """The buttons' routes."""

    def pause(fields: Fields) -> str:
        name, seconds = _mapping(fields), _seconds(wanted(fields, "for"))
        site.orders.pause(PauseRequest(mapping=name, seconds=seconds))
        until_ns = None if seconds is None else site.clock.now_ns() + int(seconds * SECOND_NS)
        return f"{name or 'everything'} is paused{until_text(until_ns)}"

    def resume(fields: Fields) -> str:
        name = _mapping(fields)
        site.orders.resume(ResumeRequest(mapping=name))
        left = site.daemon.journal.pauses.active(site.clock.now_ns())
        if name is not None and EVERYTHING in left:
            until = until_text(left[EVERYTHING].until_ns)
            return f"everything is paused{until}, {name} included"
        return f"{name or 'everything'} is no longer paused"

    def push(fields: Fields) -> str:
        name = _mapping(fields)
        mappings = site.daemon.config.mappings if name is None else [site.mapping(name)]
        request = push_request(site, mappings, at_once="at_once" in fields)
        return site.pushes.begin(f"the push of {name or 'everything'}", request)

    def reload(_fields: Fields) -> str:
        site.orders.reload()
        return "the daemon has taken over the configuration"

    return [
        button(site, "/do/pause", pause),
        button(site, "/do/resume", resume),
        button(site, "/do/push", push),
        button(site, "/do/reload", reload),
    ]


def push_request(
    site: Site,
    mappings: Sequence[MappingConfig],
    within: dict[str, list[str]] | None = None,
    *,
    at_once: bool = False,
) -> PushRequest:
    """What `aqsync push` would ask for.

    Args:
        site: What every page is made with.
        mappings: What to push.
        within: By mapping, the only paths.
        at_once: In spite of pauses and closed transfer windows.
    """
    return PushRequest(
        config=str(site.daemon.config.path),
        mappings={mapping.name: str(mapping.directory) for mapping in mappings},
        within=within or {},
        wait=True,
        longest_wait_s=LONGEST_WAIT_S,
        overwrite=False,
        at_once=at_once,
    )


def _mapping(fields: Fields) -> str | None:
    """The mapping that a form names; None: all."""
    return wanted(fields, "mapping") or None


def _seconds(text: str) -> float | None:
    if text not in dict(DURATIONS):
        raise BadRequest("the page offers no such duration")
    return parse_duration(text) if text else None
