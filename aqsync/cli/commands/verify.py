"""``aqsync verify``: compare disk, manifest and server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import click

from aqsync.aqueduct.client import PATIENCE_S
from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import config_option
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option
from aqsync.cli.output import say, say_json
from aqsync.cli.verify_report import as_json, report_at
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.config.patterns import EID
from aqsync.errors import ConfigError, ExitCode, ExperimentNotFound
from aqsync.journal import Journal
from aqsync.local.locate import locate
from aqsync.sync.connection import connect
from aqsync.sync.mirror import Mirror
from aqsync.sync.policies import experiments_known_of
from aqsync.sync.verification import Verification, Verifier
from aqsync.wording import counted, iso_text, size_text


class _Subject(NamedTuple):
    """What is verified."""

    words: str
    mappings: tuple[MappingConfig, ...]
    within: Mapping[str, tuple[str, ...]]
    eid: str | None = None
    """Only this experiment, and all of it."""


@click.command(epilog="Example: aqsync verify --deep 20261123-1")
@click.argument(
    "target",
    required=False,
    metavar="[MAPPING|EID|DIR]",
    shell_complete=complete_mappings,
    help="Only this mapping, this experiment, or what lies in this directory: ./DIR, where it has"
    " the name of one of them.",
)
@click.option("--deep", is_flag=True, help="Read every byte on both sides, and compare.")
@click.option(
    "--report", type=PATH, metavar="FILE", help="Write a report there: .json or .html, to keep."
)
@config_option
@json_option
def verify(
    *, target: str | None, deep: bool, report: Path | None, config: Config, json: bool
) -> ExitCode:
    """Compare disk, manifest and server, and say each difference.

    The disk is looked at, and the server asked for its lists, as they are now. Without --deep the
    lists, times and sizes are compared; with it every byte is read, here and there. Exit status: 0
    all is equal, 1 something differs.

    With --json, and in a report of it: an object with host, server, subject, at, deep, equal,
    files and bytes (what is known on the server), freed and gone (of these, freed here, and deleted
    here and kept there), others (files that neither this PC nor a manifest knows), left_out (how
    many are here and never sent), differences (a list of objects with code, eid, name, place,
    meaning and hint), and read, of --deep (a list of objects with eid, name, place, size and
    sha256).
    """
    clock = SystemClock()
    subject = _subject(config, target)
    with ExitStack() as stack:
        write = stack.enter_context(report_at(report))
        server = stack.enter_context(connect(config, patience=PATIENCE_S))
        journal, _ = stack.enter_context(journal_after_scan(config, subject.mappings))
        eids = _experiments(journal, subject)
        usable = Mirror(server, journal, clock).refresh(eids)
        now_ns = clock.now_ns()
        verifier = stack.enter_context(
            closing(Verifier(server, journal, config.mappings, now_ns, subject.within))
        )
        only = None if subject.eid is None else journal.remote.key_shown_as(subject.eid)
        if only is not None and only not in usable:
            [problem, _again] = journal.remote.problems()[only]
            raise ExperimentNotFound(problem.message, hint=problem.hint)
        whole = subject.eid is not None or target is None
        verifier.experiments(sorted(usable), only=only, whole=whole)
        if deep:
            verifier.read_all()
        at = iso_text(now_ns) or ""
        answer = as_json(
            verifier.found, subject=subject.words, server=config.server.url, at=at, deep=deep
        )
        if json:
            say_json(answer)
        else:
            _tell(verifier.found, subject.words, deep=deep)
        write(answer)
    return ExitCode.INCOMPLETE if verifier.found.differences else ExitCode.OK


def _subject(config: Config, target: str | None) -> _Subject:
    mappings = config.mappings
    everything: dict[str, tuple[str, ...]] = {mapping.name: () for mapping in mappings}
    if target is None:
        return _Subject("all mappings", mappings, everything)
    if target in everything:
        [mapping] = [each for each in mappings if each.name == target]
        return _Subject(f"mapping {target}", (mapping,), {target: ()})
    if "/" not in target and not Path(target).exists() and not target[:1].isdigit():
        raise ConfigError(
            f"{target!r} is no mapping, no experiment and no directory",
            hint=f"the mappings are: {', '.join(everything)}",
        )
    # A folder of this name is what `aqsync pull EID` makes.
    if EID.fullmatch(target):
        return _Subject(f"experiment {target}", mappings, everything, target)
    place = locate(mappings, Path(target))
    within = {place.mapping.name: (place.path,) if place.path else ()}
    kind = "directory" if Path(target).is_dir() else "file"
    return _Subject(f"{kind} {target}", (place.mapping,), within)


def _experiments(journal: Journal, subject: _Subject) -> Sequence[str]:
    if subject.eid is not None:
        return [journal.remote.key_shown_as(subject.eid)]
    return sorted(experiments_known_of(journal, subject.mappings))


def _tell(found: Verification, subject: str, *, deep: bool) -> None:
    for each in found.differences:
        where = each.place or f"{each.name} in {each.eid}"
        say(f"differs: {where}: {each.meaning}")
        if each.hint:
            say(f"  hint: {each.hint}")
    how = "every byte on both sides" if deep else "by lists, times and sizes"
    notes = [f"of them {found.freed} freed here"] if found.freed else []
    notes += [f"of them {found.gone} deleted here and kept there"] if found.gone else []
    notes += [f"besides {counted(found.others, 'file')} of others"] if found.others else []
    notes += [f"{found.left_out} here that are never sent"] if found.left_out else []
    beside = f" ({', '.join(notes)})" if notes else ""
    verdict = (
        f"{counted(len(found.differences), 'difference')}" if found.differences else "all equal"
    )
    size = size_text(found.bytes)
    say(
        f"{subject}: {verdict}; {counted(found.files, 'file')} on the server, {size}{beside}, {how}"
    )
