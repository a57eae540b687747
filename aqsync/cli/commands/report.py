"""``aqsync report``: what was measured and sent, for the lab."""

from __future__ import annotations

import json as json_text
import platform
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import click

from aqsync.aqueduct.client import PATIENCE_S
from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import config_option
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.local_path import PATH
from aqsync.cli.options import PointInTime, json_option, no_scan_option, until_option
from aqsync.cli.output import complain, say
from aqsync.cli.report.answer import Found, as_json
from aqsync.cli.report.page import page, period_text
from aqsync.cli.written_whole import written_whole
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import AqsyncError, ConfigError, ExitCode
from aqsync.journal import Journal
from aqsync.journal.history import Wanted
from aqsync.local_time import LocalDays
from aqsync.model import SECOND_NS
from aqsync.sync.connection import connect
from aqsync.sync.overview import overview
from aqsync.sync.period import OTHER_KINDS, SERVER_KINDS, Period, absences, counted_period
from aqsync.wording import iso_text

_STDOUT = Path("-")
_ASKED_FOR = 200
"""So many experiments, the largest, are asked of the server for their titles."""


@click.command(epilog="Example: aqsync report --since 30d -o november.html")
@config_option
@click.option(
    "--mapping",
    "-m",
    "only",
    shell_complete=complete_mappings,
    help="Only this mapping; also one that is no longer configured.",
)
@click.option(
    "--since",
    type=PointInTime(),
    default="7d",
    show_default=True,
    help="From this time on: 2026-11-23, '2026-11-23 10:00', or 2d for two days ago.",
)
@until_option
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write it there, as JSON where the name ends with .json; - is the standard output."
    " Otherwise the name is made of the PC's and the dates.",
)
@no_scan_option
@json_option
def report(
    *,
    config: Config,
    only: str | None,
    since: datetime,
    until: datetime | None,
    output: Path | None,
    no_scan: bool,
    json: bool,
) -> ExitCode:
    """Write a page that tells the lab what was measured and sent, and what is still waiting.

    The page is one file of HTML without scripts, to be forwarded, printed or kept. It tells of
    files by mapping, experiment, kind and day, how soon they came, what failed and why, when the
    server was away, and how everything stands now. It names files below their mapping, and no other
    folder of this machine. Titles of experiments are asked of the server, where it answers.

    With --json: the same as an object, with `days`, `mappings`, `experiments`, `kinds`, `largest`,
    `slowest`, `failures`, `server_away`, `measurements`, `experiments_made`, `actions_failed`,
    `freed` and `now`; times are ISO 8601, sizes bytes, and waits seconds.
    """
    clock = SystemClock()
    until_ns = clock.now_ns() if until is None else int(until.timestamp() * SECOND_NS)
    since_ns = int(since.timestamp() * SECOND_NS)
    if since_ns >= until_ns:
        raise click.UsageError("--since is not before --until")
    as_object = json or (output is not None and output.suffix == ".json")
    if json and output is not None and output.suffix == ".html":
        raise click.UsageError("--json and a name that ends with .html cannot stand together")
    if output is None:
        output = _STDOUT if json else _default_name(since_ns, until_ns)
    with ExitStack() as stack:
        write: Callable[[str], object] = sys.stdout.write
        if output != _STDOUT:
            write = stack.enter_context(written_whole(output))
        found = _find(config, only, since_ns, until_ns, scan=not no_scan)
        answer = as_json(found)
        write(json_text.dumps(answer, indent=2) + "\n" if as_object else page(answer))
    if output != _STDOUT:
        say(f"the report is {output}: {answer['verdict']}")
    return ExitCode.OK


def _default_name(since_ns: int, until_ns: int) -> Path:
    period = period_text(iso_text(since_ns) or "", iso_text(until_ns) or "").replace(" ", "-")
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", platform.node()).strip(".-") or "pc"
    return Path(f"aqsync-report-{host}-{period}.html")


def _find(config: Config, only: str | None, since_ns: int, until_ns: int, *, scan: bool) -> Found:
    mappings = tuple(each for each in config.mappings if only is None or each.name == only)
    with journal_after_scan(config, mappings, scan=scan) as (journal, _):
        if not mappings and not journal.history.recent(1, Wanted(only)):
            raise ConfigError(
                f"no mapping {only!r} is configured, and the journal knows none of that name",
                hint=f"the mappings are: {', '.join(each.name for each in config.mappings)}",
            )
        period = Wanted(only, "", since_ns, until_ns)
        events = journal.history.each(period._replace(kinds=OTHER_KINDS))
        of_server = Wanted(None, "", since_ns, until_ns, SERVER_KINDS)
        earlier = journal.history.recent(
            1, of_server._replace(since_ns=None, until_ns=since_ns - 1)
        )
        counted = counted_period(events, LocalDays())
        return Found(
            config,
            since_ns,
            until_ns,
            only,
            counted,
            absences(
                next(iter(earlier), None), journal.history.each(of_server), since_ns, until_ns
            ),
            [
                each
                for each in journal.freed.counted(since_ns, until_ns)
                if only is None or each.mapping == only
            ],
            overview(
                journal,
                config.model_copy(update={"mappings": mappings}),
                SystemClock().now_ns(),
            ),
            _titles(config, journal, counted),
        )


def _titles(config: Config, journal: Journal, counted: Period) -> dict[str, str]:
    """Of the experiments that files went to; without a server, those that the journal knows."""
    known = journal.made.titles()
    tallies = {eid: tally for eid, tally in counted.by_experiment.items() if eid is not None}
    unknown = sorted(tallies.keys() - known.keys(), key=lambda eid: -tallies[eid].bytes)
    if not unknown:
        return known
    try:
        with connect(config, patience=PATIENCE_S) as server:
            found = server.resolve(unknown[:_ASKED_FOR])
    except AqsyncError as exc:
        complain(f"titles of experiments are missing: {exc.message}")
        return known
    return known | {eid: ref.title for eid, ref in found.items() if ref is not None}
