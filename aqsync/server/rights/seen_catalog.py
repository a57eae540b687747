"""The catalog as one client may see and change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from aqsync.server.catalog.catalog import EID_MISSING, UUID_MISSING, Catalog, Experiment
from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.errors import OperationRefused
from aqsync.server.rights.decision import Operation, Thing
from aqsync.server.rights.refusal import require
from aqsync.server.rights.who import Who


class SeenCatalog:
    """The experiments and tags that exist for a client; all others are as if they were not there.

    The methods are those of `Catalog`; each may also raise `NotAllowed`.

    Args:
        catalog: All experiments.
        who: The client.
    """

    def __init__(self, catalog: Catalog, who: Who) -> None:
        self._catalog = catalog
        self._who = who

    def create(
        self,
        title: str,
        description: str,
        tags: Sequence[str],
        *,
        create_folder: Callable[[UUID], None],
    ) -> Experiment:
        """Enter a new experiment, created by the client's owner."""
        require(self._who, Operation.CREATE_EXPERIMENT)
        return self._catalog.create(
            title, description, tags, create_folder=create_folder, by=self._who.owner
        )

    def by_uuid(self, uuid: UUID) -> Experiment:
        """Return one experiment."""
        require(self._who, Operation.SEE)
        if not self._who.sees(uuid):
            raise OperationRefused(UUID_MISSING)
        return self._catalog.by_uuid(uuid)

    def by_eid(self, eid: str) -> Experiment:
        """Return one experiment."""
        require(self._who, Operation.SEE)
        found = self._catalog.by_eid(eid)
        if not self._who.sees(found.uuid):
            raise OperationRefused(EID_MISSING)
        return found

    def search(
        self, wanted: ExperimentFilter, offset: int, limit: int
    ) -> tuple[list[Experiment], int]:
        """Return a page of the experiments that fit, and how many fit in all."""
        require(self._who, Operation.SEE)
        return self._catalog.search(replace(wanted, among=self._who.experiments), offset, limit)

    def update(self, uuid: UUID, title: str | None, description: str | None) -> Experiment:
        """Change the title, the description or both."""
        self._require(Operation.CHANGE_EXPERIMENT, uuid)
        return self._catalog.update(uuid, title, description)

    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> Experiment:
        """Add tags."""
        self._require(Operation.ADD_TAGS, uuid)
        return self._catalog.add_tags(uuid, tags)

    def remove_tag(self, uuid: UUID, tag: str) -> Experiment:
        """Take a tag off an experiment."""
        self._require(Operation.REMOVE_TAG, uuid)
        return self._catalog.remove_tag(uuid, tag)

    def check_removal(self, uuid: UUID) -> None:
        """Refuse the removal of an experiment that the client may not remove."""
        self._require(Operation.REMOVE_EXPERIMENT, uuid)

    def tags(self, *, unused: bool) -> list[str]:
        """Return the tags; those on no experiment only if asked for, and to who sees all."""
        require(self._who, Operation.SEE)
        return self._catalog.tags(unused=unused, only=self._who.experiments)

    def _require(self, operation: Operation, uuid: UUID) -> None:
        """Refuse a change of an experiment; one that is not there is left to the catalog."""
        require(self._who, operation)
        creator = self._catalog.creator(uuid)
        if creator is not None or not self._who.sees(uuid):
            require(self._who, operation, Thing(uuid, owner=creator))
