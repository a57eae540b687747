"""Extensions as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from aqsync.aqueduct.extension_data import (
    ExtensionActionData,
    ExtensionExecutionResultData,
    ExtensionParameterData,
)

__all__ = [
    "ExtensionActionData",
    "ExtensionCancelResultData",
    "ExtensionData",
    "ExtensionExecutionResultData",
    "ExtensionParameterData",
]


@dataclass
class ExtensionData:
    """An extension."""

    name: str
    description: str | None
    authors: str
    actions: list[ExtensionActionData]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        return cls(
            data["name"],
            data["description"],
            data["authors"],
            [
                ExtensionActionData(
                    each["name"],
                    each["description"] or "",
                    each["experimentVariableName"] or "",
                    [ExtensionParameterData(**one) for one in each["parameters"]],
                )
                for each in data["actions"]
            ],
        )


@dataclass
class ExtensionCancelResultData:
    """How a task stood when it was cancelled."""

    taskStatus: str | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read what a server answers."""
        return cls(data["taskStatus"])
