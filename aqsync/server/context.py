"""The parts of the server that GraphQL and the page work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from aqsync.server.extensions.task_service import TaskService
from aqsync.server.rights.seen_catalog import SeenCatalog
from aqsync.server.rights.seen_files import SeenFiles
from aqsync.server.rights.seen_tasks import SeenTasks
from aqsync.server.rights.who import Who
from aqsync.server.storage import Storage


@dataclass(frozen=True, slots=True)
class Parts:
    """What all requests are answered from.

    Args:
        storage: What the server keeps.
        tasks: Extensions and tasks.
    """

    storage: Storage
    tasks: TaskService


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the server as the client of one request may see and change them.

    Args:
        parts: All there is; only what follows may be asked for things of clients.
        who: The client.
        audited: What the request changes, for the audit log.
    """

    parts: Parts
    who: Who
    audited: list[dict[str, object]] = field(default_factory=list)

    @property
    def catalog(self) -> SeenCatalog:
        """The experiments."""
        return SeenCatalog(self.parts.storage.catalog, self.who)

    @property
    def tasks(self) -> SeenTasks:
        """Extensions and tasks."""
        return SeenTasks(self.parts.tasks, self.catalog, self.who)

    @property
    def files(self) -> SeenFiles:
        """The files of experiments."""
        return SeenFiles(self.parts.storage.files, self.who)

    def remove_experiment(self, uuid: UUID) -> None:
        """Remove an experiment, its files and its tasks; those that run are asked to end.

        Raises:
            OperationRefused: There is no such experiment.
            NotAllowed: The client may not.
        """
        self.catalog.check_removal(uuid)
        tasks = self.parts.tasks.records.of_experiment(uuid)
        self.parts.storage.remove_experiment(uuid)
        self.parts.tasks.queue.end_all(task.uuid for task in tasks if task.ended_at is None)
