"""The parts of the server that GraphQL and the page work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from aqsync.server.catalog.catalog import Catalog
from aqsync.server.extensions.task_service import TaskService
from aqsync.server.files.store import FileStore
from aqsync.server.storage import Storage


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the server that GraphQL and the page work with.

    Args:
        storage: What the server keeps.
        tasks: Extensions and tasks.
        audited: What one request changes, for the audit log.
    """

    storage: Storage
    tasks: TaskService
    audited: list[dict[str, object]] = field(default_factory=list)

    @property
    def catalog(self) -> Catalog:
        """The experiments."""
        return self.storage.catalog

    @property
    def files(self) -> FileStore:
        """Their files."""
        return self.storage.files

    def remove_experiment(self, uuid: UUID) -> None:
        """Remove an experiment, its files and its tasks; those that run are asked to end.

        Raises:
            OperationRefused: There is no such experiment.
        """
        tasks = self.tasks.records.of_experiment(uuid)
        self.storage.remove_experiment(uuid)
        self.tasks.runner.end_all(task.uuid for task in tasks if task.ended_at is None)
