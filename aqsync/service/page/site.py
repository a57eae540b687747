"""What every page has: the daemon that it shows, and the frame around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from aqsync.clock import Clock
from aqsync.config import MappingConfig
from aqsync.errors import ConfigError
from aqsync.service.fleet.view import Fleet
from aqsync.service.page.for_a_person import Reasons
from aqsync.service.page.monitoring import Alive
from aqsync.service.page.pushes import Pushes
from aqsync.service.page.render import page
from aqsync.service.web.orders import Orders, Worker
from aqsync.sync.overview import Light, Overview

COLOURS = {
    Light.GREEN: "green",
    Light.BUSY: "busy",
    Light.WAITING: "waiting",
    Light.NEEDS_YOU: "needs-you",
}
"""The name of each light's colour and icon."""
FRESH_S = 1.0


class Shown(Worker, Alive, Protocol):
    """The daemon, as far as pages need it; several threads call it."""

    @property
    def fleet(self) -> Fleet:
        """The fleet that it belongs to."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made with."""

    daemon: Shown
    clock: Clock
    orders: Orders
    """What buttons ask for, as commands do."""
    pushes: Pushes
    reasons: Reasons
    form: str
    """What the page sends with every change."""
    navigation: tuple[tuple[str, str], ...]
    """Path and title of each page, in the order in which they are offered."""

    def look(self) -> Overview:
        """How everything stands; finding it out may take seconds."""
        return self.daemon.board.look(FRESH_S)

    def at_once(self) -> Overview | None:
        """The same as far as it is known at once; None: nothing is known yet."""
        return self.daemon.board.at_once(FRESH_S)

    def mapping(self, name: str) -> MappingConfig:
        """The mapping of this name.

        Raises:
            ConfigError: There is none.
        """
        for each in self.daemon.config.mappings:
            if each.name == name:
                return each
        raise ConfigError(f"the daemon does not know the mapping {name!r}")

    def answer(self, request: Request, template: str, **values: object) -> Response:
        """A page.

        Args:
            request: What asks for it.
            template: The file name of its template, which extends ``frame.html``.
            values: What the template shows; ``overview`` also tells the page's icon.
        """
        found = values.get("overview") or self.at_once()
        assert found is None or isinstance(found, Overview)  # noqa: S101 - nothing else has the name
        light = Light.WAITING if found is None else found.light
        frame = {
            "form": self.form,
            "here": request.url.path,
            "navigation": self.navigation,
            "light": light.value,
            "colour": COLOURS[light],
        }
        return page(template, {**frame, **values})
