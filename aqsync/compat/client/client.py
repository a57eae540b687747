"""`AqueductClient`: one method for each thing that a server does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.extension_data import ExtensionExecutionResultData
from aqsync.aqueduct.extensions import Extension
from aqsync.compat.client.experiment_types import ExperimentData, ExperimentsInfo, TagsData
from aqsync.compat.client.extension_types import ExtensionCancelResultData, ExtensionData
from aqsync.compat.client.task_types import TaskData
from aqsync.compat.schemas import mutations, queries
from aqsync.compat.session import SyncClientSession
from aqsync.errors import OperationFailed


class AqueductClient:
    """A server, by its operations. Unlike `API`, it passes the text of a search on as a pattern.

    Args:
        url: The address of the server's API: ``http://host:8000/api``.
        timeout: The limit in seconds for connecting and for the answer to a small request.
        api_token: The token to show.
    """

    def __init__(self, url: str, timeout: float, api_token: str | None = None) -> None:
        self.url = url
        self.timeout = timeout
        base = url.rstrip("/").removesuffix("/api")
        self._server = Client(base, api_token, connect_timeout=timeout, answer_timeout=timeout)
        self._session = SyncClientSession(self._server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._server.close()

    def fetch_response(self, operation: str, variable_values: dict[str, Any]) -> dict[str, Any]:
        """Return the data that an operation gives."""
        return self._session.execute(operation, variable_values=variable_values)

    def create_experiment(
        self, title: str, description: str, tags: Sequence[str] | None = None
    ) -> ExperimentData:
        """Create an experiment."""
        given = {"title": title, "description": description, "tags": list(tags or ())}
        data = self.fetch_response(mutations.create_experiment_mutation, given)
        return ExperimentData.from_dict(data["createExperiment"])

    def update_experiment(
        self, experiment_uuid: UUID, title: str | None = None, description: str | None = None
    ) -> ExperimentData:
        """Change title or description."""
        given = {"uuid": str(experiment_uuid), "title": title, "description": description}
        data = self.fetch_response(mutations.update_experiment_mutation, given)
        return ExperimentData.from_dict(data["updateExperiment"])

    def get_experiments(
        self,
        limit: int,
        offset: int,
        title: str | None = None,
        tags: Sequence[str] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
    ) -> ExperimentsInfo:
        """Search for experiments; in `title`, ``%`` is any text and ``_`` any character."""
        given = {
            "limit": limit,
            "offset": offset,
            "title": title,
            "startDate": start_datetime.isoformat() if start_datetime else None,
            "endDate": end_datetime.isoformat() if end_datetime else None,
            "tags": tags,
        }
        data = self.fetch_response(queries.get_experiments_query, given)
        return ExperimentsInfo.from_dict(data["experiments"])

    def get_experiment(self, experiment_uuid: UUID) -> ExperimentData:
        """Return an experiment by its UUID."""
        return self._experiment("UUID", str(experiment_uuid))

    def get_experiment_by_eid(self, eid: str) -> ExperimentData:
        """Return an experiment by its EID."""
        return self._experiment("EID", eid)

    def _experiment(self, kind: str, value: str) -> ExperimentData:
        given = {"type": kind, "value": value}
        data = self.fetch_response(queries.get_experiment_query, given)
        return ExperimentData.from_dict(data["experiment"])

    def add_tags_to_experiment(self, experiment_uuid: UUID, tags: Sequence[str]) -> ExperimentData:
        """Add tags to an experiment."""
        given = {"uuid": str(experiment_uuid), "tags": tags}
        data = self.fetch_response(mutations.add_tags_to_experiment_mutation, given)
        return ExperimentData.from_dict(data["addTagsToExperiment"])

    def remove_tag_from_experiment(self, experiment_uuid: UUID, tag: str) -> ExperimentData:
        """Take a tag off an experiment."""
        given = {"uuid": str(experiment_uuid), "tag": tag}
        data = self.fetch_response(mutations.remove_tag_from_experiment_mutation, given)
        return ExperimentData.from_dict(data["removeTagFromExperiment"])

    def remove_experiment(self, experiment_uuid: UUID) -> None:
        """Remove an experiment and its files."""
        given = {"uuid": str(experiment_uuid)}
        self.fetch_response(mutations.remove_experiment_mutation, given)

    def remove_files_from_experiment(self, experiment_uuid: UUID, files: list[str]) -> None:
        """Remove files from an experiment: all of them, or none if one is missing."""
        self._handle(experiment_uuid).remove_files([*files])

    def get_tags(self, limit: int, offset: int, dangling: bool = True) -> TagsData:  # noqa: FBT001, FBT002 - pyaqueduct's signature
        """Return tags, those on no experiment too if `dangling`."""
        given = {"limit": limit, "offset": offset, "dangling": dangling}
        data = self.fetch_response(queries.get_all_tags_query, given)
        return TagsData.from_dict(data["tags"])

    def upload_file(self, experiment_uuid: UUID, file: str) -> None:
        """Upload a file under its own name."""
        self._handle(experiment_uuid).upload_file(file)

    def download_file(self, experiment_uuid: UUID, file_name: str, destination_dir: str) -> None:
        """Download a file into a directory, under its own name."""
        self._handle(experiment_uuid).download_file(file_name, destination_dir)

    def _handle(self, uuid: UUID) -> Experiment:
        return Experiment._of(self._server.experiment(uuid), self._server)  # noqa: SLF001 - users do not make experiments

    def get_extensions(self) -> list[ExtensionData]:
        """Return the extensions of the server."""
        data = self.fetch_response(queries.get_all_extensions_query, {})
        return [ExtensionData.from_dict(each) for each in data["extensions"]]

    def execute_extension_action(
        self, extension: str, action: str, params: Mapping[str, Any]
    ) -> ExtensionExecutionResultData:
        """Run an action to its end, on a server with tasks or without.

        Raises:
            OperationFailed: The server has no such action, or refuses the parameters.
        """
        for record in self._server.tasks.extensions():
            found = Extension._of(record, self._server)  # noqa: SLF001 - users make none
            for one in found.actions:
                if (found.name, one.name) == (extension, action):
                    return one.execute(params)
        raise OperationFailed(f"the server has no action {action!r} of extension {extension!r}")

    def get_task(self, task_id: UUID | str) -> TaskData:
        """Return a task."""
        data = self.fetch_response(queries.get_task_query, {"taskId": str(task_id)})
        return TaskData.from_dict(data["task"])

    def get_tasks(  # noqa: PLR0913 - pyaqueduct's signature
        self,
        limit: int,
        offset: int,
        extension_name: str | None = None,
        experiment_uuid: str | None = None,
        action_name: str | None = None,
        username: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> list[TaskData]:
        """Search for tasks, newest first."""
        given = {
            "limit": limit,
            "offset": offset,
            "extensionName": extension_name,
            "actionName": action_name,
            "username": username,
            "experiment": {"type": "UUID", "value": str(experiment_uuid)}
            if experiment_uuid
            else None,
            "startDate": start_date.isoformat() if start_date else None,
            "endDate": end_date.isoformat() if end_date else None,
        }
        data = self.fetch_response(queries.get_tasks_query, given)
        return [TaskData.from_dict(each) for each in data["tasks"]["tasksData"]]

    def cancel_task(self, task_id: UUID | str) -> ExtensionCancelResultData:
        """Ask a task to end; return how it stood then."""
        data = self.fetch_response(mutations.cancel_task_mutation, {"taskId": str(task_id)})
        return ExtensionCancelResultData.from_dict(data["cancelTask"])
