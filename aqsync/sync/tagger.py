"""Applies the tags of synced files, each once."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from uuid import UUID

from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.errors import ExperimentNotFound, Forbidden, OperationFailed, ServerBusy
from aqsync.journal import Journal
from aqsync.local.rules import Rules

CHUNK = 32
"""Tags in one request."""


class Tagger:
    """Applies earned tags on the server."""

    def __init__(self, server: Client, journal: Journal, clock: Clock) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock

    def reconsider(self, mapping: str, rules: Rules) -> None:
        """If a mapping's tag rules have changed, apply them to the files synced before too."""
        record = self._journal.mappings.get(mapping)
        if record.tag_rules == rules.tags_fingerprint:
            return
        self._journal.tags.forget_refused(record.id)
        earned = {
            (eid, tag)
            for eid, path in self._journal.tags.synced_paths(record.id)
            for tag in rules.tags_of(path)
        }
        self._journal.tags.earn(sorted(earned), self._clock.now_ns())
        self._journal.mappings.tagged(record.id, rules.tags_fingerprint)

    def apply(
        self,
        vanished: Callable[[str, ExperimentNotFound], None],
        among: Container[str] | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> int:
        """Apply earned tags that are not known to be there; returns how many.

        A tag that the server refuses is noted with the reason and tried again by the next call.

        Args:
            vanished: Called with the EID of each experiment that the server no longer knows.
            among: Only the tags of these experiments; None: of all.
            beat: Called for each experiment, to show progress.

        Raises:
            RemoteError: The server cannot be asked.
        """
        applied = 0
        experiments = self._journal.remote.experiments()
        for eid, tags in self._journal.tags.unapplied().items():
            if among is not None and eid not in among:
                continue
            experiment = experiments.get(eid)
            if experiment is None or experiment.uuid is None or experiment.problem is not None:
                continue
            beat()
            try:
                for start in range(0, len(tags), CHUNK):
                    applied += self._apply(eid, UUID(experiment.uuid), tags[start : start + CHUNK])
            except ExperimentNotFound as exc:
                vanished(eid, exc)
        return applied

    def _apply(self, eid: str, uuid: UUID, tags: Sequence[str]) -> int:
        try:
            self._add(eid, uuid, tags)
        except ExperimentNotFound:
            raise
        except Forbidden as exc:
            self._journal.tags.failed(eid, tags, exc.message, exc.hint)
            return 0
        except OperationFailed as exc:
            if len(tags) == 1:
                self._journal.tags.failed(eid, tags, exc.message, exc.hint)
                return 0
            # One of them is refused: one by one, the others succeed.
            return sum(self._apply(eid, uuid, [tag]) for tag in tags)
        self._journal.tags.applied(eid, tags, self._clock.now_ns())
        return len(tags)

    def _add(self, eid: str, uuid: UUID, tags: Sequence[str]) -> None:
        with named_by_eid({uuid: self._journal.remote.shown(eid)}):
            try:
                self._server.add_tags(uuid, tags)
            except ServerBusy:  # somebody created it at this moment: it exists now
                self._server.add_tags(uuid, tags)
