"""Objects that several commands print with ``--json``. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aqsync.aqueduct.records import (
    Action,
    ExperimentRef,
    ExtensionRecord,
    RemoteFile,
    TaskRecord,
)
from aqsync.layout.tree import TreeFile
from aqsync.wording import iso_text


def experiment_as_json(found: ExperimentRef) -> dict[str, Any]:
    """Return an experiment."""
    return {
        "eid": found.eid,
        "uuid": str(found.uuid),
        "title": found.title,
        "description": found.description,
        "tags": list(found.tags),
        "created_at": _time(found.created_at),
        "updated_at": _time(found.updated_at),
    }


def file_as_json(file: RemoteFile) -> dict[str, Any]:
    """Return a file of an experiment."""
    return {"name": file.name, "uploaded_at": _time(file.uploaded_at)}


def tree_file_as_json(file: TreeFile) -> dict[str, Any]:
    """Return a file of a tree, with what is known of this version of it.

    `modified_at` is the server's word for when it stored a file, so it is not used for the mtime.
    """
    told = file.told
    return {
        "path": file.path,
        **file_as_json(RemoteFile(file.name, file.modified_at)),
        "size": None if told is None else told.size,
        "sha256": None if told is None else told.sha256,
        "mtime": None if told is None else iso_text(told.mtime_ns),
    }


def extension_as_json(found: ExtensionRecord) -> dict[str, Any]:
    """Return an extension with all its actions."""
    return {
        "name": found.name,
        "description": found.description,
        "authors": found.authors,
        "actions": [_action(action) for action in found.actions],
    }


def task_as_json(found: TaskRecord) -> dict[str, Any]:
    """Return a task."""
    return {
        "uuid": str(found.uuid),
        "status": str(found.status),
        "extension": found.extension_name,
        "action": found.action_name,
        "experiment": found.experiment.eid,
        "parameters": {parameter.name: value for parameter, value in found.parameters},
        "created_by": found.created_by,
        "received_at": _time(found.received_at),
        "ended_at": _time(found.ended_at),
        "result_code": found.result_code,
        "std_out": found.std_out,
        "std_err": found.std_err,
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "name": action.name,
        "description": action.description,
        "experiment_variable_name": action.experiment_variable_name,
        "parameters": [
            {
                "name": parameter.name,
                "display_name": parameter.display_name,
                "description": parameter.description,
                "data_type": parameter.data_type,
                "default_value": parameter.default_value,
                "options": None if parameter.options is None else list(parameter.options),
            }
            for parameter in action.parameters
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
