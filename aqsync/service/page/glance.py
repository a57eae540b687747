"""The first page: one word for everything, and a line for each mapping."""

from __future__ import annotations

from typing import Any

from aqsync.model import State
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.overview import Light, Overview

COLOURS = {
    Light.GREEN: "green",
    Light.BUSY: "busy",
    Light.WAITING: "waiting",
    Light.NEEDS_YOU: "needs-you",
}


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
