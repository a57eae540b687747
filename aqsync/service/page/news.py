"""What tells whether a page that is open shows something that is no longer so."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from aqsync.model import SECOND_NS
from aqsync.service.page.site import FRESH_S, Site
from aqsync.sync.overview import MappingOverview

_MINUTE_NS = 60 * SECOND_NS


class News(NamedTuple):
    """Each part is another value once there is something new."""

    standing: Hashable
    """How everything stands, and what people have done about it."""
    under_way: Hashable
    """What is being sent, and how much of it was."""


class Newest:
    """Finds out what is new for one open page; what follows from an overview, once for each.

    Args:
        site: What every page is made with.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._of, self._stands = -1, tuple[Hashable, ...]()

    def __call__(self) -> News:
        """Find it out; it may block for a moment."""
        board = self._site.daemon.board
        found = board.soon(FRESH_S)
        if board.found != self._of and found is not None:
            self._of, self._stands = board.found, tuple(map(_standing, found.mappings))
        now_ns = self._site.clock.now_ns()
        pauses = self._site.daemon.journal.pauses.active(now_ns)
        standing = (
            found is None
            or (found.light, found.server and found.server.why, found.stuck, found.refused),
            self._stands,
            tuple(pauses.items()),
            self._site.pushes.newest,
            now_ns // _MINUTE_NS,  # ages are shown
        )
        under_way = self._site.daemon.status().under_way
        return News(standing, tuple((file.mapping, file.path, file.sent) for file in under_way))


def _standing(each: MappingOverview) -> Hashable:
    groups = tuple(
        (group.first.state, group.first.path, group.first.text, group.files)
        for group in each.groups
    )
    counts = tuple(each.files.items()), tuple(each.measurements.items())
    return each.light, each.unseen, counts, each.not_there.files, each.not_there.bytes, groups
