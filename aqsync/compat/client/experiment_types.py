"""Experiments as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID


@dataclass
class ExperimentFile:
    """A file of an experiment."""

    name: str
    path: str
    modified_at: datetime

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        return cls(data["name"], data["path"], datetime.fromisoformat(data["modifiedAt"]))


@dataclass
class ExperimentData:
    """An experiment."""

    uuid: UUID
    title: str
    description: str
    eid: str
    created_at: datetime
    updated_at: datetime
    tags: list[str] = field(default_factory=list)
    files: list[ExperimentFile] = field(default_factory=list)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        return cls(
            uuid=UUID(data["uuid"]),
            title=data["title"],
            description=data["description"],
            eid=data["eid"],
            created_at=datetime.fromisoformat(data["createdAt"]),
            updated_at=datetime.fromisoformat(data["updatedAt"]),
            tags=data["tags"],
            files=[ExperimentFile.from_dict(each) for each in data["files"]],
        )


@dataclass
class ExperimentsInfo:
    """A page of experiments, and how many there are in all."""

    experiments: list[ExperimentData]
    total_count: int

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        experiments = [ExperimentData.from_dict(each) for each in data["experimentsData"]]
        return cls(experiments, data["totalExperimentsCount"])


@dataclass
class TagsData:
    """A page of tags, and how many there are in all."""

    tags: list[str]
    total_count: int

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        return cls(data["tagsData"], data["totalTagsCount"])
