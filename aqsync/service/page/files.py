"""Files: found by parts of their names, looked through folder by folder, and each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.journal import Journal
from aqsync.journal.search import Place
from aqsync.service.page.addresses import address, asked
from aqsync.service.page.folder import folder_values
from aqsync.service.page.one_file import Decided, file_values
from aqsync.service.page.site import Site

HERE = "/files"
ON_A_PAGE = 200
"""Lines of a table."""
_MOST_WORDS = 8
_LONGEST = 500
"""Characters that are searched for at most."""


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes. Each answer has a connection of its own, so that no upload waits."""

    def search(request: Request) -> Response:
        with site.daemon.journal.beside() as journal:
            mappings = site.daemon.config.mappings
            roots = [f"{mapping.directory}/" for mapping in mappings]
            values = search_values(journal, _decided(site, journal), asked(request), roots)
        return site.answer(request, "files.html", here=HERE, mappings=mappings, **values)

    def folder(request: Request) -> Response:
        with site.daemon.journal.beside() as journal:
            values = folder_values(journal, site.daemon.config, asked(request), ON_A_PAGE)
        return site.answer(request, "folder.html", here=HERE, **values)

    def one(request: Request) -> Response:
        with site.daemon.journal.beside() as journal:
            decided = _decided(site, journal)
            values = file_values(journal, site.daemon.config, decided, asked(request), ON_A_PAGE)
        return site.answer(request, "file.html", here=HERE, **values)

    return [
        Route(HERE, search),
        Route(f"{HERE}/folder", folder),
        Route(f"{HERE}/file", one),
    ]


class Hit(NamedTuple):
    """A file that was found."""

    place: Place
    state: str
    """As it is decided now, or that only the past knows it."""
    size: int | None = None
    synced_at_ns: int | None = None


def search_values(
    journal: Journal, decided: Decided, given: Mapping[str, str], roots: Sequence[str]
) -> dict[str, Any]:
    """What the template ``files.html`` shows.

    Args:
        journal: What is known.
        decided: Decides on files.
        given: What is asked for: words, and after which place to go on.
        roots: The directories of mappings: a person may give a whole path too.
    """
    question = given.get("q", "").replace("\0", "")[:_LONGEST]
    root = next((root for root in roots if question.strip().startswith(root)), "")
    words = question.strip().removeprefix(root).split()[:_MOST_WORDS]
    after = Place(given.get("mapping", ""), given["path"]) if "path" in given else None
    hits, more = list[Hit](), ""
    if words:
        known = journal.search.known(words, after, ON_A_PAGE + 1)
        hits += _hits(decided, known[:ON_A_PAGE])
        if len(known) > ON_A_PAGE:
            last = known[ON_A_PAGE - 1]
            more = address(HERE, q=question, mapping=last.mapping, path=last.path)
        else:
            gone = journal.search.forgotten(words, ON_A_PAGE)
            hits += (Hit(place, "known from the past only") for place in gone)
    return {"question": question, "hits": hits, "more": more, "later": after is not None}


def _hits(decided: Decided, places: Sequence[Place]) -> Iterator[Hit]:
    for place in places:
        found = decided.on(place.mapping, place.path)
        if found is None:
            yield Hit(place, "its mapping is no longer configured")
        else:
            synced = found.file.synced
            at_ns = None if synced is None else synced.at_ns
            yield Hit(place, found.step.state, found.file.size, at_ns)


def _decided(site: Site, journal: Journal) -> Decided:
    return Decided(journal, site.daemon.config, site.clock.now_ns())
