"""One method for each thing that a server does, on plain data."""

from __future__ import annotations

from aqsync.aqueduct.extension_data import (
    ExtensionActionData,
    ExtensionExecutionResultData,
    ExtensionParameterData,
)
from aqsync.compat.client.client import AqueductClient
from aqsync.compat.client.experiment_types import ExperimentData, ExperimentFile, ExperimentsInfo
from aqsync.compat.client.extension_types import ExtensionData

__all__ = [
    "AqueductClient",
    "ExperimentData",
    "ExperimentFile",
    "ExperimentsInfo",
    "ExtensionActionData",
    "ExtensionData",
    "ExtensionExecutionResultData",
    "ExtensionParameterData",
]
