"""``aqsync doctor``: what is wrong with this set-up, and what is to be done?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from aqsync import __version__
from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option
from aqsync.cli.output import say, say_json
from aqsync.errors import ExitCode
from aqsync.service.doctor.examination import CHECKS, examine
from aqsync.service.doctor.findings import Finding, Verdict
from aqsync.service.doctor.subject import Subject
from aqsync.wording import counted


@click.command(epilog="Example: aqsync doctor --only journal")
@click.option(
    "--config", "-c", type=PATH, help="The configuration file. By default it is searched for."
)
@click.option("--name", default="aqsync", show_default=True, help="The name of the service.")
@click.option(
    "--only",
    multiple=True,
    metavar="CODE",
    type=click.Choice([check.code for check in CHECKS]),
    help="Only this check; may be repeated.",
)
@json_option
def doctor(*, config: Path | None, name: str, only: Sequence[str], json: bool) -> ExitCode:
    """Find what is wrong with this set-up, and name the cure of each fault.

    It looks at all that must be right for files to arrive, changes nothing, and does not disturb a
    running daemon. For root, configuration, token, journal and permissions are those of the
    service. Exit status: 1 if there is a fault.
    """
    subject = Subject(config, name)
    found: list[Finding] = []
    try:
        with subject.as_the_service():
            for each in examine(subject, only):
                found.append(each)
                if not json:
                    _tell(each)
    finally:
        subject.close()
    faults = sum(each.verdict == Verdict.FAULT for each in found)
    warnings = sum(each.verdict == Verdict.WARNING for each in found)
    if json:
        findings = [each.as_json() for each in found]
        totals = {"version": __version__, "faults": faults, "warnings": warnings}
        say_json({**totals, "findings": findings})
    else:
        say(f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}")
    return ExitCode.INCOMPLETE if faults else ExitCode.OK


def _tell(found: Finding) -> None:
    say(f"{found.verdict}: {found.code}: {found.message}")
    if found.cure:
        say(f"  cure: {found.cure}")
