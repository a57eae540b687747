"""The report as one page of HTML that needs nothing else, with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from aqsync.cli.report.plots import BASE, HEIGHT, TOP, plot
from aqsync.html import Environment, environment_of
from aqsync.local_time import local_text
from aqsync.sync.period import NUMBERED
from aqsync.wording import counted, duration, size_text

_MOST_DAYS = 62
"""Of longer periods, each month is a line."""
_MOST_ROWS = 50
_WAITS_S = (10, 60, 600, 3600, 21_600, 86_400, 604_800)
"""How soon files came, in steps that people think in; seconds."""


def page(answer: Mapping[str, Any]) -> str:
    """Make the page.

    Args:
        answer: What it tells.
    """
    by_day = _by_day(answer)
    waits = _by_wait(answer["waits"])
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=answer,
            period=period_text(answer["since"], answer["until"]),
            spans=by_day,
            span="Month" if by_day and len(by_day[0]["name"]) == len("2026-11") else "Day",
            days=plot([(_short(each["name"]), each["bytes"]) for each in by_day], size_text),
            waits=waits,
            soon=plot(waits, lambda files: counted(files, "file")),
            most=_MOST_ROWS,
            height=HEIGHT,
            base=BASE,
            top=TOP,
        )
    )


def period_text(since: str, until: str) -> str:
    """The first and last day, by the local calendar.

    Args:
        since: ISO 8601.
        until: The same.
    """
    first, last = _day(since), _day(until)
    return first.isoformat() if first == last else f"{first} to {last}"


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone().date()


def _by_day(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every day of the period, or every month of one that is long."""
    known = {each["day"]: each for each in answer["days"]}
    first, last = _day(answer["since"]), _day(answer["until"])
    if (last - first).days >= _MOST_DAYS:
        first = min([*map(date.fromisoformat, known), last])
    names = [(first + timedelta(days)).isoformat() for days in range((last - first).days + 1)]
    by_month = len(names) > _MOST_DAYS
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        span = found.setdefault(
            name[: len("2026-11")] if by_month else name,
            {"files": 0, "bytes": 0, "median_s": None, "slow_s": None},
        )
        if day := known.get(name):
            span["files"] += day["files"]
            span["bytes"] += day["bytes"]
            if not by_month:
                span |= {key: day[key] for key in ("median_s", "slow_s")}
    return [{"name": name, **span} for name, span in found.items()]


def _short(name: str) -> str:
    """A day without its year."""
    return name[len("2026-") :] if len(name) == len("2026-11-23") else name


def _by_wait(waits: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    found = [
        (
            duration(step),
            sum(files for waited, files in waits if before < waited <= step),
        )
        for before, step in zip((-1, *_WAITS_S), _WAITS_S, strict=False)
    ]
    later = sum(files for waited, files in waits if waited > _WAITS_S[-1])
    return [*found, ("later", later)]


def _environment() -> Environment:
    made = environment_of("aqsync.cli.report")
    made.filters |= {
        "kind": _kind_text,
        "time": _time_text,
    }
    return made


def _time_text(moment: str | None) -> str:
    return "" if moment is None else local_text(datetime.fromisoformat(moment))


def _kind_text(kind: str) -> str:
    if kind == NUMBERED:
        return "numbered (.0, .1, ...)"
    return kind or "without a suffix"
