"""The page of an experiment: what is known of it, its files, its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.task_records import TaskStatus
from aqsync.server.context import Context
from aqsync.server.files.store import FileStore
from aqsync.server.rights.decision import Operation, Thing, may
from aqsync.server.rights.seen_tasks import SeenTasks
from aqsync.server.web.form_upload import UploadResult
from aqsync.server.web.paging import Paging
from aqsync.server.web.templates import Page

_PAGE_LENGTH = 500
_MAX_TASKS = 20
"""The output of each is on the page, too."""

_STATUS_KINDS = {TaskStatus.SUCCESS: "good", TaskStatus.FAILURE: "bad", TaskStatus.REVOKED: "bad"}
"""The classes that a task's status has in the style sheet; the others have none."""


@dataclass(frozen=True, slots=True)
class FileSearch:
    """Which files are listed.

    Args:
        name: A part of their names, in any case; empty for all.
        page: The page's number, from 1.
    """

    name: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class _FileRow:
    name: str
    size: int | None
    uploaded: datetime


def experiment_page(
    context: Context,
    experiment: Experiment,
    wanted: FileSearch,
    result: UploadResult | None,
    max_file_bytes: int,
) -> Page:
    """Return the page of an experiment.

    Args:
        context: Where everything is.
        experiment: The experiment.
        wanted: Which of its files are listed.
        result: How an upload ended; None if there was none.
        max_file_bytes: The largest file that is accepted.
    """
    values = {
        "experiment": experiment,
        "wanted": wanted,
        "stored": None if result is None else result.stored,
        "refused": [] if result is None else result.refused,
        "max_file_bytes": max_file_bytes,
        "can_upload": may(context.who, Operation.UPLOAD) is None,
        "replaces_all": may(context.who, Operation.REPLACE_FILE, Thing(experiment.uuid)) is None,
        **_files(context.files, experiment.uuid, wanted),
        **_tasks(context.tasks, experiment.uuid),
    }
    return Page("experiment.html", values, 200 if result is None else result.status)


def _files(files: FileStore, experiment: UUID, wanted: FileSearch) -> dict[str, object]:
    columns = files.listing(experiment).columns()
    part = wanted.name.casefold()
    rows = zip(columns.names, columns.times, strict=True)
    found = [row for row in rows if part in row[0].casefold()]
    paging = Paging(wanted.page, _PAGE_LENGTH, len(found))
    shown = found[paging.start : paging.start + _PAGE_LENGTH]
    sizes = files.sizes(experiment, [name for name, _ in shown])
    return {
        "has_files": bool(columns.names),
        "paging": paging,
        "files": [
            _FileRow(name, size, datetime.fromisoformat(time))
            for (name, time), size in zip(shown, sizes, strict=True)
        ],
    }


def _tasks(seen: SeenTasks, experiment: UUID) -> dict[str, object]:
    tasks = seen.of_experiment(experiment)
    return {
        "task_count": len(tasks),
        "status_kinds": _STATUS_KINDS,
        "tasks": [
            (task, list(zip(("Output", "Errors"), seen.output(task.uuid), strict=True)))
            for task in tasks[:_MAX_TASKS]
        ],
    }
