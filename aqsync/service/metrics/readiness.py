"""Whether the daemon is alive, and whether it is ready, each with reasons; no names of files."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from aqsync.sync.overview import Overview


class Why(NamedTuple):
    """One reason against it."""

    code: str
    what: str
    """A mapping, or a part of the daemon; empty: all."""


def not_alive(stuck: str | None) -> list[Why]:
    """Why the daemon should be started again.

    Args:
        stuck: The part of it that hangs, has died or fails.
    """
    return [] if stuck is None else [Why("stuck", stuck)]


def not_ready(found: Overview, stuck: str | None, looked: Collection[str]) -> list[Why]:
    """Why the daemon cannot do its work now.

    What is not looked at again and again, in a pause for instance, is no reason: only before the
    first look has ended nothing here says anything about the present directory.

    Args:
        found: How everything stands.
        stuck: The part of it that hangs, has died or fails.
        looked: The mappings whose directories this daemon has looked at, by this configuration.
    """
    reasons = not_alive(stuck)
    if found.server is not None:
        reasons.append(Why(found.server.reason.value, "server"))
    reasons += [
        Why("not-looked-at", each.mapping.name)
        for each in found.mappings
        if each.scanned_at_ns is None or each.mapping.name not in looked
    ]
    reasons += [
        Why(each.untrusted.reason.value, each.mapping.name)
        for each in found.mappings
        if each.untrusted is not None
    ]
    return reasons
