"""The policies of a session's files, kept while they are valid."""

from __future__ import annotations

from collections.abc import Callable

from aqsync.config import MappingConfig, Windows
from aqsync.model import FileRecord, Policy
from aqsync.sync.engine import Engine
from aqsync.sync.policies import keeps, policies

POLICY_S = 1.0
"""A policy older than this is worked out again before a file is decided on by it."""


class PolicyCache:
    """The policies of all mappings, computed again when they may be outdated."""

    def __init__(self, engine: Engine, windows: Windows) -> None:
        self._engine = engine
        self._windows = windows
        self._known: dict[bool, dict[str, Callable[[FileRecord], Policy]]] = {}
        """By `at_once` and mapping."""
        self._until = 0.0
        self._removing = frozenset(m.name for m in engine.mappings if not keeps(m))
        self._seen = (0, 0)
        """How many scans and lists were taken into account."""
        self._since_ns: dict[tuple[bool, str], int] = {}
        """When the policies of a mapping were worked out, by the wall clock."""
        self._outlook = 0
        self._measuring = {m.name: m for m in engine.mappings if m.measurement is not None}
        self._measured: dict[tuple[bool, str], tuple[int, int]] = {}
        """What was taken into account for the mappings whose files wait for each other."""

    def forget(self) -> None:
        """Something has changed that concerns many files."""
        self._known.clear()

    def of(self, file: FileRecord, *, at_once: bool) -> Policy:
        """The policy of a file now.

        Args:
            file: Which file.
            at_once: Ignore transfer windows and pauses.
        """
        engine, clock = self._engine, self._engine.clock
        # A file that is gone may have been seen under a new name since, or no longer.
        seen = engine.changes_seen, engine.lists_fetched
        renamed = seen != self._seen and file.local is None and file.mapping in self._removing
        past = clock.monotonic() >= self._until or engine.outlook != self._outlook
        if past or renamed or not self._known:
            self._known.clear()
            self._outlook = engine.outlook
            self._seen = seen
            self._until = clock.monotonic() + POLICY_S
        if at_once not in self._known:
            self._known[at_once] = {
                mapping.name: self._of_all(mapping, at_once=at_once) for mapping in engine.mappings
            }
        mapping = self._measuring.get(file.mapping)
        if mapping is not None and self._measured.get((at_once, mapping.name)) != seen:
            # A measurement that was complete a moment ago need not be complete now.
            self._measured[at_once, mapping.name] = seen
            self._known[at_once][mapping.name] = self._of_all(mapping, at_once=at_once)
        policy = self._known[at_once][file.mapping](file)
        if mapping is not None and self._has_come(policy, self._since_ns[at_once, mapping.name]):
            self._known[at_once][mapping.name] = self._of_all(mapping, at_once=at_once)
            return self._known[at_once][mapping.name](file)
        return policy

    def _has_come(self, policy: Policy, since_ns: int) -> bool:
        """Whether the time until which a file waits has come since its policy was worked out.

        If that policy were used again, the file would be decided on without a pause.
        """
        until_ns = None if policy.unready is None else policy.unready.until_ns
        return until_ns is not None and since_ns < until_ns <= self._engine.clock.now_ns()

    def _of_all(self, mapping: MappingConfig, *, at_once: bool) -> Callable[[FileRecord], Policy]:
        now_ns = self._engine.clock.now_ns()
        self._since_ns[at_once, mapping.name] = now_ns
        return policies(self._engine.journal, mapping, now_ns, self._windows, at_once=at_once)
