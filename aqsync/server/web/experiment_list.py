"""The first page: experiments, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aqsync.server.catalog import Catalog, Experiment
from aqsync.server.catalog_filter import ExperimentFilter
from aqsync.server.errors import OperationRefused
from aqsync.server.web.formats import counted, link, moment
from aqsync.server.web.markup import EMPTY, Markup, fill, joined
from aqsync.server.web.paging import Paging

_A_PAGE = 50
_MOST_SUGGESTIONS = 500


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Args:
        text: A part of the title or the EID; empty for all.
        tag: A tag; empty for all.
        page: The page's number, from 1.
    """

    text: str
    tag: str
    page: int

    def link_to(self, page: int) -> str:
        """Return the link to another page of what was found."""
        return link("", q=self.text, tag=self.tag, page=page if page > 1 else "")


def experiment_list(catalog: Catalog, search: Search) -> tuple[int, Markup]:
    """Return the HTTP status and the content of the page."""
    search = replace(search, text=search.text.strip(), tag=search.tag.strip())
    status, problem, found = 200, EMPTY, EMPTY
    try:
        found = _found(catalog, search)
    except OperationRefused as exc:
        status, problem = 400, fill("notice", kind="bad", role="alert", text=exc)
    known = catalog.tags(unused=False)[:_MOST_SUGGESTIONS]
    content = fill(
        "experiments",
        text=search.text,
        tag=search.tag,
        known=joined(fill("known_tag", tag=tag) for tag in known),
        problem=problem,
        found=found,
    )
    return status, content


def tag_links(tags: Sequence[str]) -> Markup:
    """Return tags that lead to the experiments that have them; nothing if there are none."""
    if not tags:
        return EMPTY
    return fill("tags", tags=joined(fill("tag", to=link("", tag=tag), tag=tag) for tag in tags))


def _found(catalog: Catalog, search: Search) -> Markup:
    wanted = ExperimentFilter(
        text=search.text or None, all_tags=(search.tag,) if search.tag else None
    )
    _, total = catalog.search(wanted, 0, 0)
    filtered = bool(search.text or search.tag)
    if not total:
        return fill("nothing_fits" if filtered else "no_experiments")
    paging = Paging(search.page, _A_PAGE, total)
    experiments, _ = catalog.search(wanted, paging.start, _A_PAGE)
    return fill(
        "experiment_table",
        count=counted(total, "experiment"),
        clear=fill("clear") if filtered else EMPTY,
        rows=joined(map(_row, experiments)),
        paging=paging.links("experiments", search.link_to),
    )


def _row(experiment: Experiment) -> Markup:
    return fill(
        "experiment_row",
        to=link("experiments", experiment.eid),
        eid=experiment.eid,
        title=experiment.title or "(without a title)",
        tags=tag_links(experiment.tags),
        created=moment(experiment.created_at),
    )
