"""``aqsync fleet``: how all PCs stand that keep a status file on the server."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.starting_server import await_start
from aqsync.cli.tables import say_table
from aqsync.config import find_config, load_fleet
from aqsync.errors import ExitCode
from aqsync.service.fleet.rules import FleetView, Pc
from aqsync.service.fleet.view import look
from aqsync.sync.connection import connect_to
from aqsync.wording import counted, seconds_text, size_text

_HEADINGS = ("PC", "stands", "last sign", "to come", "needs a person for", "aqsync")
_MOST_ROWS = 200


@click.command(epilog="Example: aqsync fleet")
@click.option(
    "--config", "-c", type=PATH, help="The configuration file. By default it is searched for."
)
@json_option
def fleet(*, config: Path | None, json: bool) -> ExitCode:
    """Say how all PCs of the fleet stand, and which of them are silent.

    Needs the sections `server` and `fleet` of the configuration alone, and no daemon here. The
    server's clock says how old each sign of life is.

    Exit status: 1 if a PC is silent or needs somebody.
    """
    server_config, section = load_fleet(find_config(config))
    key = section.key()
    with contextlib.closing(connect_to(server_config)) as server:
        await_start(server.url)
        found = look(server, section.experiment, key)
    if json:
        say_json({"experiment": section.experiment, **found.to_dict()})
    else:
        _tell(section.experiment, found)
    return ExitCode.OK if found.is_well else ExitCode.INCOMPLETE


def _tell(experiment: str, found: FleetView) -> None:
    if not found.pcs:
        say(f"no PC keeps a status file in experiment {experiment}")
    say_table(_HEADINGS, map(_row, found.pcs[:_MOST_ROWS]))
    if len(found.pcs) > _MOST_ROWS:
        say(f"and {len(found.pcs) - _MOST_ROWS} more; --json has all")
    _tell_notes(found.pcs[:_MOST_ROWS])
    if found.not_read:
        complain(
            f"warning: {counted(found.not_read, 'status file')} more were not read, as there are"
            f" too many in experiment {experiment}"
        )
    if not found.signatures_checked:
        say("signatures were not checked: the configuration names no key_file")


def _tell_notes(pcs: Sequence[Pc]) -> None:
    for pc in pcs:
        if pc.note:
            say(f"{pc.name}: {pc.note} ({pc.file})")
            if pc.hint:
                say(f"  hint: {pc.hint}")


def _row(pc: Pc) -> tuple[str, ...]:
    status = pc.status
    sign = "none" if pc.age_s is None else f"{seconds_text(pc.age_s)} ago"
    if status is None:
        return (pc.name, pc.standing.value, sign, "", "", "")
    to_come = (
        counted(status.files, "file") + f", {size_text(status.bytes)}" if status.files else "-"
    )
    needs = ", ".join(f"{code} ({number})" if number else code for code, number in pc.needs)
    return (pc.name, pc.standing.value, sign, to_come, needs or "-", status.release)
