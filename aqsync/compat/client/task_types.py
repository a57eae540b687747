"""Tasks as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from aqsync.aqueduct.extension_data import ExtensionParameterData, ParameterData
from aqsync.compat.client.experiment_types import ExperimentData

__all__ = ["ParameterData", "TaskData", "TasksData"]


@dataclass
class TaskData:
    """A task."""

    task_id: UUID
    task_status: str
    extension_name: str
    action_name: str
    created_by: str
    received_at: datetime
    experiment: ExperimentData
    parameters: list[ParameterData]
    result_code: int | None = None
    ended_at: datetime | None = None
    std_out: str | None = None
    std_err: str | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        ended = data["endedAt"]
        return cls(
            task_id=UUID(data["uuid"]),
            task_status=data["taskStatus"],
            extension_name=data["extensionName"],
            action_name=data["actionName"],
            created_by=data["createdBy"],
            received_at=datetime.fromisoformat(data["receivedAt"]),
            experiment=ExperimentData.from_dict(data["experiment"]),
            parameters=[
                ParameterData(ExtensionParameterData(**each["key"]), each["value"])
                for each in data["parameters"]
            ],
            result_code=data["resultCode"],
            ended_at=None if ended is None else datetime.fromisoformat(ended),
            std_out=data["stdOut"],
            std_err=data["stdErr"],
        )


@dataclass
class TasksData:
    """A page of tasks, and how many there are in all."""

    tasks: list[TaskData]
    total_count: int

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        tasks = [TaskData.from_dict(each) for each in data["tasksData"]]
        return cls(tasks, data["totalTasksCount"])
