"""The page of an experiment: what is known of it, its files, its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aqsync.server.catalog import Experiment
from aqsync.server.context import Context
from aqsync.server.filestore import FileStore
from aqsync.server.web.experiment_list import tag_links
from aqsync.server.web.formats import counted, link, moment, size
from aqsync.server.web.markup import EMPTY, Markup, fill, joined
from aqsync.server.web.paging import Paging
from aqsync.server.web.receiving import Received
from aqsync.server.web.tasks import task_section

_A_PAGE = 500


@dataclass(frozen=True, slots=True)
class FilesWanted:
    """Which files are listed.

    Args:
        name: A part of their names, in any case; empty for all.
        page: The page's number, from 1.
    """

    name: str = ""
    page: int = 1


def experiment_page(
    context: Context,
    experiment: Experiment,
    wanted: FilesWanted,
    result: Markup,
    max_file_bytes: int,
) -> Markup:
    """Return the content of the page.

    Args:
        context: Where everything is.
        experiment: The experiment.
        wanted: Which of its files are listed.
        result: What came of an upload.
        max_file_bytes: The largest file that is accepted.
    """
    description = experiment.description
    return fill(
        "experiment",
        eid=experiment.eid,
        title=experiment.title or "(without a title)",
        tags=tag_links(experiment.tags),
        created=moment(experiment.created_at),
        creator=experiment.created_by,
        updated=moment(experiment.updated_at),
        description=fill("description", text=description) if description else EMPTY,
        result=result,
        files=_files(context.files, experiment, wanted),
        to=link("experiments", experiment.eid),
        max_bytes=max_file_bytes,
        max_size=size(max_file_bytes),
        tasks=task_section(context.tasks.records, experiment.uuid),
    )


def stored_notice(count: int) -> Markup:
    """Say that all files of an upload were stored."""
    text = f"{counted(count, 'file')} stored."
    return fill("notice", kind="good", role="status", text=text)


def received_notice(received: Received) -> Markup:
    """Say what came of an upload of which something was not stored."""
    problems = joined(
        fill("stored_problem", name=name, reason=reason) for name, reason in received.refused
    )
    if not received.refused:
        text = "No file was chosen."
    else:
        text = f"{counted(received.stored, 'file')} stored, {len(received.refused):,} not:"
    return fill("stored", kind="bad", text=text, problems=problems)


def _files(files: FileStore, experiment: Experiment, wanted: FilesWanted) -> Markup:
    columns = files.listing(experiment.uuid).columns()
    if not columns.names:
        return fill("no_files")
    rows = list(zip(columns.names, columns.times, strict=True))
    if wanted.name:
        part = wanted.name.casefold()
        rows = [row for row in rows if part in row[0].casefold()]
    paging = Paging(wanted.page, _A_PAGE, len(rows))
    shown = rows[paging.start : paging.start + _A_PAGE]
    sizes = files.sizes(experiment.uuid, (name for name, _ in shown))

    def link_to(page: int) -> str:
        number = page if page > 1 else ""
        return link("experiments", experiment.eid, name=wanted.name, page=number)

    return fill(
        "file_table",
        here=link("experiments", experiment.eid),
        wanted=wanted.name,
        count=counted(len(rows), "file"),
        rows=joined(
            _row(experiment.eid, name, time, count)
            for (name, time), count in zip(shown, sizes, strict=True)
        ),
        paging=paging.links("files", link_to),
    )


def _row(eid: str, name: str, time: str, count: int | None) -> Markup:
    return fill(
        "file_row",
        name=name,
        view=link("experiments", eid, "view", name),
        download=link("experiments", eid, "download", name),
        size="gone" if count is None else size(count),
        uploaded=moment(datetime.fromisoformat(time)),
    )
