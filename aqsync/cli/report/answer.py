"""What a report tells, as one JSON object; the page shows the same."""

from __future__ import annotations

import platform
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aqsync import __version__
from aqsync.cli.report.as_it_stands import now_as_json, verdict_of
from aqsync.cli.report.private_words import without_folders
from aqsync.config import Config
from aqsync.journal.freed import FreedOf
from aqsync.journal.history import Event, HistoryKind
from aqsync.model import Reason
from aqsync.service.page.experiment_links import experiment_url
from aqsync.sync.activity import MEDIAN, SLOWEST, Tally, wait_of
from aqsync.sync.overview import Overview
from aqsync.sync.period import Absence, Period
from aqsync.wording import iso_text

K = TypeVar("K", bound=Hashable)

FORMAT, VERSION = "aqsync-report", 1


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that a report is made of."""

    config: Config
    since_ns: int
    until_ns: int
    only: str | None
    """The mapping that it is about; None: all."""
    period: Period
    away: Sequence[Absence]
    freed: Sequence[FreedOf]
    now: Overview
    titles: Mapping[str, str]
    """Of experiments, by EID, where they are known."""

    def told(self, text: str) -> str:
        """A text without the folders of this machine."""
        return without_folders(
            text, {each.name: str(each.directory) for each in self.config.mappings}
        )


def as_json(found: Found) -> dict[str, Any]:
    """The whole report. Times are ISO 8601 in UTC, sizes in bytes, waits in seconds."""
    period, now = found.period, found.now
    verdict, meaning = verdict_of(now, found.told)
    return {
        "format": FORMAT,
        "version": VERSION,
        "aqsync": __version__,
        "host": platform.node(),
        "server": found.config.server.url,
        "at": iso_text(now.at_ns),
        "since": iso_text(found.since_ns),
        "until": iso_text(found.until_ns),
        "mapping": found.only,
        "verdict": verdict,
        "meaning": meaning,
        "uploads": _tally(period.whole),
        "waits": [list(each) for each in sorted(period.whole.waits.items())],
        "days": [{"day": day, **_tally(each)} for day, each in sorted(period.by_day.items())],
        "mappings": _mappings(found),
        "experiments": [_experiment(found, *each) for each in _largest_first(period.by_experiment)],
        "kinds": [
            {"kind": kind, **_tally(tally)} for kind, tally in _largest_first(period.by_kind)
        ],
        "largest": [_upload(event) for event in period.largest],
        "slowest": [_upload(event) for event in period.slowest],
        "failures": _failures(found),
        "server_away": [
            {
                "since": iso_text(each.since_ns),
                "until": iso_text(each.until_ns),
                "seconds": (each.until_ns - each.since_ns) / 1e9,
                "over": each.over,
                "reason": found.told(each.why) or None,
            }
            for each in found.away
        ],
        "measurements": _events(found, HistoryKind.MEASUREMENT_COMPLETE),
        "experiments_made": _events(found, HistoryKind.EXPERIMENT_MADE),
        "actions_failed": _events(found, HistoryKind.ACTION_FAILED),
        "freed": [each._asdict() for each in found.freed],
        "now": now_as_json(now, found.told, found.only),
    }


def _tally(tally: Tally) -> dict[str, int | None]:
    return {
        "files": tally.files,
        "bytes": tally.bytes,
        "median_s": tally.waited_s(MEDIAN),
        "slow_s": tally.waited_s(SLOWEST),
    }


def _largest_first(tallies: Mapping[K, Tally]) -> list[tuple[K, Tally]]:
    return sorted(tallies.items(), key=lambda each: (-each[1].bytes, -each[1].files, str(each[0])))


def _mappings(found: Found) -> list[dict[str, Any]]:
    """Those of the configuration in its order, then those that were renamed or removed."""
    period = found.period
    configured = [each.mapping.name for each in found.now.mappings]
    others = {name for name, _ in period.times if name and name not in configured}
    freed = {each.mapping: each.files for each in found.freed}
    return [
        {
            "mapping": name,
            "configured": name in configured,
            **_tally(period.by_mapping.get(name, Tally())),
            "adopted": period.times[name, HistoryKind.ADOPTED],
            "removed": period.times[name, HistoryKind.REMOVED],
            "found_changed": period.times[name, HistoryKind.FOUND_CHANGED],
            "freed": freed.get(name, 0),
            "measurements": period.times[name, HistoryKind.MEASUREMENT_COMPLETE],
            "measurements_on_server": period.times[name, HistoryKind.MEASUREMENT_ON_SERVER],
            "experiments_made": period.times[name, HistoryKind.EXPERIMENT_MADE],
            "actions_begun": period.times[name, HistoryKind.ACTION_BEGUN],
            "actions_ended": period.times[name, HistoryKind.ACTION_ENDED],
            "actions_failed": period.times[name, HistoryKind.ACTION_FAILED],
        }
        for name in [*configured, *sorted(others)]
    ]


def _experiment(found: Found, eid: str | None, tally: Tally) -> dict[str, Any]:
    return {
        "experiment": eid,
        "title": None if eid is None else found.titles.get(eid),
        "url": None if eid is None else experiment_url(found.config.server.url, eid),
        **_tally(tally),
    }


def _upload(event: Event) -> dict[str, Any]:
    return {
        "mapping": event.mapping,
        "path": event.path,
        "experiment": event.eid,
        "at": iso_text(event.at_ns),
        "bytes": event.size,
        "waited_s": wait_of(event),
        "sending_s": None if event.took_ns is None else event.took_ns / 1e9,
    }


def _failures(found: Found) -> list[dict[str, Any]]:
    each = found.period.failures.items()
    now: dict[tuple[str, Reason | None], str] = {
        (mapping.mapping.name, group.first.why.reason): group.first.why.hint
        for mapping in found.now.mappings
        for group in mapping.groups
    }
    return [
        {
            "mapping": mapping,
            "code": reason and reason.value,
            "reason": found.told(failures.last.text),
            "hint": found.told(now.get((mapping, reason)) or _hint(reason)),
            "times": failures.times,
            "last": iso_text(failures.last.at_ns),
            "path": failures.last.path,
        }
        for (mapping, reason), failures in sorted(each, key=lambda item: -item[1].times)
    ]


def _hint(reason: Reason | None) -> str:
    """The advice for a reason; empty if it needs a value, which the history does not keep."""
    hint = "" if reason is None else reason.hint_template
    return "" if "{" in hint else hint


def _events(found: Found, kind: HistoryKind) -> list[dict[str, Any]]:
    """The newest of a kind, the newest last."""
    return [
        {
            "at": iso_text(event.at_ns),
            "mapping": event.mapping,
            "path": event.path,
            "detail": found.told(event.text),
        }
        for event in found.period.newest[kind]
    ]
