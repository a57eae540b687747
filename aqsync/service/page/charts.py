"""How much was uploaded, how soon, and how much was waiting, over a day, a week or a month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aqsync.journal.backlog import ToCome
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS
from aqsync.service.page.hours import LONGEST_H, Hours
from aqsync.service.page.site import Site
from aqsync.sync.activity import HOUR_S, MEDIAN, SLOWEST, Tally, backlogs, larger
from aqsync.wording import counted, seconds_text, size_text

SPANS = {"day": 24, "week": 7 * 24, "month": LONGEST_H}
"""In hours."""
_NOTHING = Tally()


def routes(site: Site) -> list[BaseRoute]:
    """This page's routes."""
    known = Hours()

    def shown(request: Request) -> Response:
        span = _span(request)
        found = _look(site, known, span)
        rows = found.rows(_hour_text if span == "day" else _day_text)
        given: dict[str, Any] = {
            "said": found.said(span),
            "rows": rows,
            "span": span,
            "spans": list(SPANS),
        }
        return site.answer(request, "charts.html", **given)

    def data(request: Request) -> Response:
        span = _span(request)
        found = _look(site, known, span)
        headers = {"cache-control": "no-store"}
        return JSONResponse({**found.columns(), "said": found.said(span)}, headers=headers)

    return [Route("/charts", shown), Route("/charts/data", data)]


class Row(NamedTuple):
    """A line of the tables."""

    when: str
    tally: Tally
    median_s: int | None
    slow_s: int | None
    to_come: ToCome


class Past(NamedTuple):
    """What happened in some hours."""

    hours: range
    """Since 1970."""
    uploads: Mapping[int, Tally]
    to_come: Mapping[int, ToCome]
    """The most at one time within each hour."""
    now: ToCome

    def columns(self) -> dict[str, list[int | None]]:
        """A value for each hour, for the plots; of waits None where nothing came."""
        tallies = [self.uploads.get(hour, _NOTHING) for hour in self.hours]
        to_come = [self.to_come[hour] for hour in self.hours]
        return {
            "at": [hour * HOUR_S for hour in self.hours],
            "files": [each.files for each in tallies],
            "bytes": [each.bytes for each in tallies],
            "median": [each.waited_s(MEDIAN) for each in tallies],
            "slow": [each.waited_s(SLOWEST) for each in tallies],
            "queue_files": [each.files for each in to_come],
            "queue_bytes": [each.bytes for each in to_come],
        }

    def rows(self, named: Callable[[int], str]) -> list[Row]:
        """The same for a table, the newest first.

        Args:
            named: What the line is called that an hour belongs to.
        """
        tallies: dict[str, Tally] = {}
        most: dict[str, ToCome] = {}
        for hour in reversed(self.hours):
            name, now = named(hour), self.to_come[hour]
            tallies.setdefault(name, Tally()).include(self.uploads.get(hour, _NOTHING))
            most[name] = larger(now, most.get(name, now))
        return [
            Row(name, tally, tally.waited_s(MEDIAN), tally.waited_s(SLOWEST), most[name])
            for name, tally in tallies.items()
        ]

    def said(self, span: str) -> dict[str, str]:
        """A sentence for each plot."""
        whole = Tally()
        for tally in self.uploads.values():
            whole.include(tally)
        most = reduce(larger, self.to_come.values(), self.now)
        return {
            "uploads": _uploads_said(whole, self.uploads, span),
            "waits": _waits_said(whole),
            "queue": _queue_said(most, self.now),
        }


def _look(site: Site, known: Hours, span: str) -> Past:
    last = site.clock.now_ns() // (HOUR_S * SECOND_NS)
    hours = range(last - SPANS[span] + 1, last + 1)
    with site.daemon.journal.beside() as journal:
        uploads = known.counted(journal, hours)
        samples = journal.backlog.since(hours[0] * HOUR_S * SECOND_NS)
    names = [mapping.name for mapping in site.daemon.config.mappings]
    to_come, found = backlogs(samples, hours, names), site.at_once()
    now = to_come[last] if found is None else ToCome(found.to_come_files, found.to_come_bytes)
    return Past(hours, uploads, to_come, now)


def _span(request: Request) -> str:
    asked = request.query_params.get("span", "")
    return asked if asked in SPANS else next(iter(SPANS))


def _hour_text(hour: int) -> str:
    return local_text(hour * HOUR_S)[:16]


def _day_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * HOUR_S).astimezone().date().isoformat()


def _uploads_said(whole: Tally, uploads: Mapping[int, Tally], span: str) -> str:
    if not whole.files:
        return f"In the last {span} nothing was uploaded."
    best = max(uploads, key=lambda hour: (uploads[hour].bytes, hour))
    return (
        f"In the last {span} {_amount(whole.files, whole.bytes)} came to the server;"
        f" the most in the hour of {_hour_text(best)}:"
        f" {_amount(uploads[best].files, uploads[best].bytes)}."
    )


def _waits_said(whole: Tally) -> str:
    median, slow = whole.waited_s(MEDIAN), whole.waited_s(SLOWEST)
    if median is None or slow is None:
        return "Nothing is known of how soon files came."
    return (
        f"Half of the files were on the server within about {seconds_text(median)} of their last"
        f" write, and 95 % of them within about {seconds_text(slow)}."
    )


def _queue_said(most: ToCome, now: ToCome) -> str:
    if not most.files:
        return "No file was still to come whenever it was counted."
    left = _amount(*now) if now.files else "nothing"
    return f"At most {_amount(*most)} were still to come at one time; now it is {left}."


def _amount(files: int, size: int) -> str:
    return f"{counted(files, 'file')} ({size_text(size)})"
