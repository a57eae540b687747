"""``aqsync tidy``: remove what an earlier release has left on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from aqsync.cli.commands.push import push_limited
from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.confirmation import confirmed
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.options import json_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.errors import ExitCode, Interrupted
from aqsync.sync.leftovers import Leftover, leftovers
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
    mappings = chosen(config, names)
    found = _found(config, mappings)
    if not json:
        _tell(mappings, found)
    within = {
        name: paths
        for name, each in found.items()
        if (paths := tuple(file.path for file, removable in each if removable))
    }
    count = sum(map(len, within.values()))
    if count and not confirmed(f"Remove {counted(count, 'leftover')} from the server", yes=yes):
        return ExitCode.INCOMPLETE
    try:
        removed = _removed(config, mappings, within, quiet=json)
    except Interrupted as exc:
        complain(exc.message)
        return exc.exit_code
    left = sum(map(len, found.values())) - removed
    if json:
        say_json({"removed": removed, "left": left})
    elif removed or left:
        say(f"{removed} removed, {left} left")
    return ExitCode.INCOMPLETE if left else ExitCode.OK


def _found(config: Config, mappings: Sequence[MappingConfig]) -> dict[str, list[Leftover]]:
    with journal_after_scan(config, mappings) as (journal, _):
        now_ns = SystemClock().now_ns()
        return {mapping.name: leftovers(journal, mapping, now_ns) for mapping in mappings}


def _tell(mappings: Sequence[MappingConfig], found: Mapping[str, Sequence[Leftover]]) -> None:
    for mapping in mappings:
        for file, removable in found[mapping.name]:
            words = "leftover" if removable else "not yet, as its database is not on the server"
            place = mapping.directory / file.path
            say(f"{words}: {file.remote_name} in {file.eid_shown}, of {place}")
    if not any(found.values()):
        say("nothing to tidy")


def _removed(
    config: Config,
    mappings: Sequence[MappingConfig],
    within: dict[str, tuple[str, ...]],
    *,
    quiet: bool,
) -> int:
    """Remove these leftovers; returns how many are gone."""
    if not within:
        return 0
    limits = Limits(wait_for_settling=False, within=within, tidy=True)
    chosen_ones = [mapping for mapping in mappings if mapping.name in within]
    report = push_limited(config, chosen_ones, limits, quiet=quiet)
    if report.server is not None:
        complain(f"error: {report.server.message}")
    return report.counts["removed"]
