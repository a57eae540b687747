"""What bears on the files of a session, kept for as long as it holds."""

from __future__ import annotations

from collections.abc import Callable

from aqsync.config import Windows
from aqsync.model import FileRecord, Policy
from aqsync.sync.engine import Engine
from aqsync.sync.policies import keeps, policies

POLICY_S = 1.0
"""A policy older than this is worked out again before a file is decided on by it."""


class PolicyCache:
    """The policies of all mappings, worked out again when they may be past.

    Args:
        engine: Knows the mappings, the journal and the time.
        windows: When files may be sent.
    """

    def __init__(self, engine: Engine, windows: Windows) -> None:
        self._engine = engine
        self._windows = windows
        self._known: dict[bool, dict[str, Callable[[FileRecord], Policy]]] = {}
        """By whether windows and pauses do not count, and mapping."""
        self._until = 0.0
        self._removing = frozenset(m.name for m in engine.mappings if not keeps(m))
        self._seen = (0, 0)
        """Of looks and lists, how many had been taken into account."""
        self._outlook = 0

    def forget(self) -> None:
        """Something has changed that bears on many files."""
        self._known.clear()

    def of(self, file: FileRecord, *, at_once: bool) -> Policy:
        """What besides a file bears on it, as things stand now.

        Args:
            file: Which file.
            at_once: Neither windows nor pauses count.
        """
        engine, clock = self._engine, self._engine.clock
        # What is gone may stand under a new name that was seen since, or is not there any more.
        seen = engine.changes_seen, engine.lists_fetched
        renamed = seen != self._seen and file.local is None and file.mapping in self._removing
        past = clock.monotonic() >= self._until or engine.outlook != self._outlook
        if past or renamed or not self._known:
            self._known.clear()
            self._outlook = engine.outlook
            self._seen = seen
            self._until = clock.monotonic() + POLICY_S
        if at_once not in self._known:
            journal, now_ns = self._engine.journal, clock.now_ns()
            self._known[at_once] = {
                mapping.name: policies(journal, mapping, now_ns, self._windows, at_once=at_once)
                for mapping in self._engine.mappings
            }
        return self._known[at_once][file.mapping](file)
