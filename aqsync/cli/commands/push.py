"""``aqsync push``: one shot, everything that is mapped or only the paths given."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqsync.cli.config_options import chosen, config_option, mappings_option
from aqsync.cli.local_path import PATH
from aqsync.cli.options import Duration, json_option
from aqsync.cli.output import complain, say, say_json, say_lines
from aqsync.cli.progress_lines import Lines
from aqsync.cli.signals import interruptible
from aqsync.cli.starting_server import connect_once_started
from aqsync.cli.summaries import report_problems
from aqsync.cli.through_daemon import push_through_daemon
from aqsync.clock import Clock, SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.errors import ExitCode, Interrupted, JournalReplaced
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.local.locate import locate
from aqsync.local.selection import HINT
from aqsync.model import Compare, RemoveRemote, State, Upload
from aqsync.paths import bears_on
from aqsync.sync.order import Limits, Order, PushResult
from aqsync.sync.policies import decisions, server_state
from aqsync.sync.push_report import notes_on, push_and_report, report_on, summarize_all
from aqsync.sync.rate import RateLimit
from aqsync.sync.report import PushReport
from aqsync.sync.session import Session
from aqsync.sync.shared import Shared

if TYPE_CHECKING:
    from aqsync.cli.progress_bar import Bar


STANDS_CHECK_S = 5.0
"""How often a push sees whether its journal is still there."""


@click.command(epilog="Example: aqsync push --dry-run")
@click.argument("paths", nargs=-1, type=PATH, help="Only these files and directories.")
@config_option
@mappings_option
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option(
    "--no-wait",
    is_flag=True,
    help="Do not wait for young files; report them as waiting.",
)
@click.option(
    "--max-wait",
    "longest_wait_s",
    type=Duration(),
    default="2m",
    show_default=True,
    help="How long to wait for files that keep changing.",
)
@click.option("--overwrite", is_flag=True, help="Replace conflicting files on the server.")
@click.option(
    "--now", "at_once", is_flag=True, help="Also outside the transfer windows and while paused."
)
@json_option
def push(
    *,
    paths: Sequence[Path],
    config: Config,
    names: Sequence[str],
    dry_run: bool,
    no_wait: bool,
    longest_wait_s: float,
    overwrite: bool,
    at_once: bool,
    json: bool,
) -> ExitCode:
    """Upload what is new or changed, once, and say how everything stands.

    Exit status: 0 all in sync; 1 something is held, waiting, failed or differs; 2 usage or
    configuration; 3 server unreachable or token refused; 4 the journal is in use; 130 interrupted.
    """
    mappings = chosen(config, names)
    within = _within(mappings, paths)
    if within:
        mappings = tuple(m for m in mappings if m.name in within)
    limits = Limits(not no_wait, longest_wait_s, overwrite, within, at_once=at_once)
    if dry_run:
        return _rehearse(config, mappings, limits, json=json)
    try:
        report = push_limited(config, mappings, limits, quiet=json)
    except Interrupted as exc:
        complain(exc.message)
        return exc.exit_code
    if json:
        say_json(report.to_dict())
    else:
        tell_push(report)
    return report.exit_code


def push_limited(
    config: Config, mappings: Sequence[MappingConfig], limits: Limits, *, quiet: bool
) -> PushReport:
    """Push through the daemon, or without one if none runs.

    Args:
        config: As it was read.
        mappings: What to push.
        limits: How far to go.
        quiet: Show no progress.

    Raises:
        Interrupted: A person waits no longer for the daemon.
        AqsyncError: What kept it from pushing.
    """
    with _progress(mappings, quiet=quiet) as progress:
        report = push_through_daemon(config, mappings, limits, progress.show)
        return _push(config, mappings, limits, progress) if report is None else report


def _push(
    config: Config, mappings: Sequence[MappingConfig], limits: Limits, progress: Bar | Lines
) -> PushReport:
    """Push as the journal's only writer."""
    clock = SystemClock()
    with Journal.open_for_writing(config.journal, clock.now_ns()) as journal:
        if journal.broken_set_aside is not None:
            complain(
                f"the journal was damaged; it is kept as {journal.broken_set_aside} and is being"
                " rebuilt from the disk and the server's file lists"
            )
        order = Order(limits, progress.show)
        session = _session(config, mappings, journal, clock)
        with session.running(), _ended_early(session, order, journal):
            report = push_and_report(session, order)
    assert report is not None  # noqa: S101 - nothing retires this session
    return report


def _session(
    config: Config, mappings: Sequence[MappingConfig], journal: Journal, clock: Clock
) -> Session:
    """A session that does what orders ask for, and nothing else."""
    rate = RateLimit(config.transfer.rate, clock)
    shared = Shared(journal, clock, rate, Errands(clock, own_threads=True))
    return Session(config, connect_once_started(config), shared, mappings, orders_only=True)


@contextmanager
def _ended_early(session: Session, order: Order, journal: Journal) -> Iterator[None]:
    """Within, signals end the push, and so does a journal that is deleted or replaced.

    Raises:
        JournalReplaced: It was.
    """
    over, problems = threading.Event(), list[str]()

    def watch() -> None:
        while not over.wait(STANDS_CHECK_S):
            if (problem := journal.displaced()) is not None:
                problems.append(problem)
                order.stop()
                session.abort()
                break

    thread = threading.Thread(target=watch, name="journal", daemon=True)
    thread.start()
    promise = "finishing the files under way; once more breaks them off"
    try:
        with interruptible(order.stop, session.abort, promise):
            yield
    finally:
        over.set()
        thread.join()
    problem = problems[0] if problems else journal.displaced()
    if problem is not None:
        raise JournalReplaced(problem, hint="push again: what was sent is found on the server")


def tell_push(report: PushReport) -> None:
    """Say what a push has done, and what is left."""
    server = report.server
    # What the server's trouble keeps waiting is told by the error below.
    report_problems([p for p in report.problems if p.why != server])
    say(report.words)
    _tell_notes_and_server(report)
    if report.interrupted:
        complain("interrupted; the next push goes on where this one stopped")


def _tell_notes_and_server(report: PushReport) -> None:
    for note in report.notes:
        say(f"note: {note}")
    if report.notes:
        say(f"  hint: {HINT}")
    if report.server is not None:
        complain(f"error: {report.server.message}")
        if report.server.hint:
            complain(f"  hint: {report.server.hint}")


def _rehearse(
    config: Config, mappings: Sequence[MappingConfig], limits: Limits, *, json: bool
) -> ExitCode:
    """A dry run: everything but the jobs, on a copy of the journal in memory."""
    clock, windows = SystemClock(), config.transfer.windows
    with Journal.copy_in_memory(config.journal, clock.now_ns()) as journal:
        order = Order(limits, lambda _event: None)
        session = _session(config, mappings, journal, clock)
        with session.running(), _ended_early(session, order, journal):
            session.look(order)
        now_ns = clock.now_ns()
        new = list[str]()
        for mapping in mappings:
            for file, step in decisions(
                journal,
                mapping,
                now_ns,
                limits.paths_in(mapping.name),
                windows=windows,
                at_once=limits.at_once,
            ):
                if isinstance(step, Upload) and step.makes and file.eid not in new:
                    new.append(str(file.eid))
                if not json:
                    verb = _VERBS.get(type(step), str(step.state))
                    say(f"{verb}: {mapping.directory / file.path}: {step.message}")
            if not json:
                _tell_troubles(journal, mapping, limits.paths_in(mapping.name))
        made = [each for key in new if (each := session.engine.would_make(key)) is not None]
        summaries = summarize_all(journal, mappings, limits, windows, now_ns)
        server_problem = server_state(journal)
        result = PushResult(server_problem=server_problem, interrupted=order.stopped.is_set())
        report = report_on(journal, summaries, result, notes_on(journal, mappings, limits))
    if json:
        would_make = [
            {"folder": folder, "title": words.title, "tags": words.tags, "cut": words.cuts}
            for folder, words in made
        ]
        say_json({**report.to_dict(), "would_make": would_make})
    else:
        for folder, words in made:
            say(f"would make an experiment of {folder}: {words.title} ({', '.join(words.tags)})")
            say_lines(f"  {cut}" for cut in words.cuts)
        in_sync = sum(summary.files[State.IN_SYNC] for summary in summaries.values())
        say(f"{in_sync} in sync; dry run: nothing was sent, and the journal is as it was")
        _tell_notes_and_server(report)
    return report.exit_code


def _tell_troubles(journal: Journal, mapping: MappingConfig, within: Sequence[str]) -> None:
    """Directories that could not be looked at: what they hold is not in the list."""
    for path, trouble in journal.mappings.troubles(journal.mappings.get(mapping.name).id).items():
        if bears_on(path, within):
            say(f"{State.FAILED}: {mapping.directory / path}: {trouble.message}")
            if trouble.hint:
                say(f"  hint: {trouble.hint}")


_VERBS = {Upload: "would upload", Compare: "would compare", RemoveRemote: "would remove"}


def _within(mappings: Sequence[MappingConfig], paths: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    within: dict[str, tuple[str, ...]] = {}
    for path in paths:
        place = locate(mappings, path)
        within[place.mapping.name] = (*within.get(place.mapping.name, ()), place.path)
    return within


def _progress(mappings: Sequence[MappingConfig], *, quiet: bool) -> Bar | Lines:
    roots = {mapping.name: mapping.directory for mapping in mappings}
    if quiet or not sys.stderr.isatty():
        return Lines(roots, quiet=quiet)
    from aqsync.cli.progress_bar import Bar  # noqa: PLC0415 - rich is slow to import

    return Bar(roots)
