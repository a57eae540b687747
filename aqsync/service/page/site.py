"""What every page has: the daemon that it shows, and the frame around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from aqsync.clock import Clock
from aqsync.service.board import Board
from aqsync.service.page.render import page
from aqsync.service.web.orders import Worker
from aqsync.sync.overview import Light, Overview

COLOURS = {
    Light.GREEN: "green",
    Light.BUSY: "busy",
    Light.WAITING: "waiting",
    Light.NEEDS_YOU: "needs-you",
}
"""The name of each light's colour and icon."""
FRESH_S = 1.0


class Shown(Worker, Protocol):
    """The daemon, as far as pages need it; several threads call it."""

    @property
    def board(self) -> Board: ...  # noqa: D102 - what these do, the daemon says


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made with."""

    daemon: Shown
    clock: Clock
    form: str
    """What the page sends with every change."""
    navigation: tuple[tuple[str, str], ...]
    """Path and title of each page, in the order in which they are offered."""

    def look(self) -> Overview:
        """How everything stands."""
        return self.daemon.board.look(FRESH_S)

    def answer(
        self, request: Request, template: str, status: int = 200, **values: object
    ) -> Response:
        """A page.

        Args:
            request: What asks for it.
            template: The file name of its template, which extends ``frame.html``.
            status: The HTTP status.
            values: What the template shows.
        """
        frame = {
            "form": self.form,
            "here": request.url.path,
            "navigation": self.navigation,
            "colour": COLOURS[self.look().light],
        }
        return page(template, {**frame, **values}, status)
