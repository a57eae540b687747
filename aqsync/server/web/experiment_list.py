"""The first page: experiments, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.filter import ExperimentFilter
from aqsync.server.catalog.ilike import literally
from aqsync.server.errors import OperationRefused
from aqsync.server.rights.seen_catalog import SeenCatalog
from aqsync.server.rules import MAX_TITLE_FILTER, check_title
from aqsync.server.web.paging import Paging
from aqsync.server.web.templates import Page

_PAGE_LENGTH = 50
_MAX_SUGGESTED_TAGS = 500


@dataclass(frozen=True, slots=True)
class ExperimentSearch:
    """What a person searches for.

    Args:
        text: A part of the title or the EID, without blanks around it; empty for all.
        tag: A tag; empty for all.
        page: The page's number, from 1.
    """

    text: str
    tag: str
    page: int


def experiment_list(catalog: SeenCatalog, search: ExperimentSearch) -> Page:
    """Return the page with the experiments that fit, or with the reason why it has none."""
    experiments: list[Experiment] = []
    paging, problem = Paging(search.page, _PAGE_LENGTH, 0), ""
    try:
        check_title(search.text, MAX_TITLE_FILTER)
        wanted = ExperimentFilter(
            text=literally(search.text) if search.text else None,
            all_tags=(search.tag,) if search.tag else None,
        )
        _, total = catalog.search(wanted, 0, 0)
        paging = Paging(search.page, _PAGE_LENGTH, total)
        experiments, _ = catalog.search(wanted, paging.start, _PAGE_LENGTH)
    except OperationRefused as exc:
        problem = str(exc)
    values = {
        "search": search,
        "known_tags": catalog.tags(unused=False)[:_MAX_SUGGESTED_TAGS],
        "problem": problem,
        "experiments": experiments,
        "paging": paging,
    }
    return Page("experiments.html", values, 400 if problem else 200)
