"""``aqsync tidy``: remove what an earlier release has left on the server."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aqsync.cli.commands.push import push_limited, tell_push
from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.confirmation import confirmed
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.options import json_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import ExitCode, Interrupted
from aqsync.sync.leftovers import leftovers
from aqsync.sync.order import Limits
from aqsync.wording import counted


@click.command(epilog="Example: aqsync tidy --mapping fridge-1")
@config_option
@mappings_option
@yes_option
@json_option
def tidy(*, config: Config, names: Sequence[str], yes: bool, json: bool) -> ExitCode:
    """Remove the leftovers of databases from the server, and ask before.

    An earlier release sent the log (-wal) and the index (-shm) of a database as files beside it.
    Now the database holds what was in them. Only copies that stand there as they were sent from
    here are removed, and only if their database is on the server as it is here.
    """
    mappings, now_ns = chosen(config, names), SystemClock().now_ns()
    within: dict[str, tuple[str, ...]] = {}
    waiting: list[str] = []
    with journal_after_scan(config, mappings, scan=True) as (journal, _):
        for mapping in mappings:
            for file, removable in leftovers(journal, mapping, now_ns):
                place = str(mapping.directory / file.path)
                if not removable:
                    waiting.append(place)
                    continue
                within[mapping.name] = (*within.get(mapping.name, ()), file.path)
                if not json:
                    say(f"leftover: {file.remote_name} in {file.eid}, sent from {place}")
    for place in [] if json else waiting:
        say(f"not yet: {place}: its database is not on the server as it is here")
    count = sum(map(len, within.values()))
    if not count:
        if json:
            say_json({"removed": 0, "waiting": waiting})
        elif not waiting:
            say("nothing to tidy")
        return ExitCode.INCOMPLETE if waiting else ExitCode.OK
    if not confirmed(f"Remove {counted(count, 'leftover')} from the server", yes=yes):
        return ExitCode.INCOMPLETE
    limits = Limits(wait_for_settling=False, within=within, tidy=True)
    try:
        report = push_limited(config, [m for m in mappings if m.name in within], limits, quiet=json)
    except Interrupted as exc:
        complain(exc.message)
        return exc.exit_code
    removed = report.counts.get("removed", 0)
    if json:
        say_json({"removed": removed, "waiting": waiting})
    else:
        tell_push(report)
    return ExitCode.OK if removed == count and not waiting else ExitCode.INCOMPLETE
