"""A push with its report."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from aqsync.config import MappingConfig, Windows
from aqsync.errors import ConfigError, DiskHangs
from aqsync.journal import Journal
from aqsync.model import Reason, State
from aqsync.sync.engine import Engine
from aqsync.sync.order import Limits, Order, PushResult
from aqsync.sync.report import COUNTS, PushReport
from aqsync.sync.selected import selection
from aqsync.sync.session import Session
from aqsync.sync.summary import FileProblem, Summary, summarize


def push_and_report(session: Session, order: Order) -> PushReport | None:
    """Push, and report the result.

    Args:
        session: Serves the order.
        order: What to push.

    Returns:
        None if the session was retired: the order goes on in the next one.

    Raises:
        ConfigError: A path is neither on the disk nor in the journal.
        JournalError: The journal can no longer be written; what was recorded stays.
    """
    engine, limits, result = session.engine, order.limits, order.result
    mappings = [m for m in engine.mappings if limits.covers(m.name)]
    _check_known(engine, mappings, limits)
    if not session.push(order):
        return None
    now_ns, windows = engine.clock.now_ns(), session.config.transfer.windows
    summaries = summarize_all(engine.journal, mappings, limits, windows, now_ns)
    if not (limits.within or result.interrupted or result.server_problem):
        _note_complete(engine.journal, summaries, now_ns)
    return report_on(engine.journal, summaries, result, notes_on(engine.journal, mappings, limits))


def summarize_all(
    journal: Journal,
    mappings: Sequence[MappingConfig],
    limits: Limits,
    windows: Windows,
    now_ns: int,
) -> dict[str, Summary]:
    """A summary of each mapping by name, limited to what a push covers.

    Args:
        journal: What is known.
        mappings: Which.
        limits: What the push covers.
        windows: When files may be sent.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    return {
        m.name: summarize(
            journal,
            m,
            now_ns,
            limits.paths_in(m.name),
            windows=windows,
            at_once=limits.at_once,
        )
        for m in mappings
    }


def notes_on(journal: Journal, mappings: Sequence[MappingConfig], limits: Limits) -> list[str]:
    """Which mappings select none of their files, and why."""
    found = {m.name: selection(journal, m) for m in mappings if not limits.paths_in(m.name)}
    return [
        f"{name}: {note}"
        for name, each in found.items()
        if not each.selected
        for note in each.notes()
    ]


def report_on(
    journal: Journal, summaries: Mapping[str, Summary], result: PushResult, notes: list[str]
) -> PushReport:
    """Make the report of a push."""
    problems = [problem for summary in summaries.values() for problem in summary.problems]
    problems += _tag_problems(journal, summaries)
    failed = any(problem.state is State.FAILED for problem in problems)
    server = result.server_problem
    return PushReport(
        counts=_counts(list(summaries.values()), result),
        bytes=result.bytes,
        seconds=result.seconds,
        interrupted=result.interrupted,
        complete=not failed and all(summary.complete for summary in summaries.values()),
        server=None if server is None else server.why,
        problems=problems,
        notes=notes,
    )


def _counts(summaries: Sequence[Summary], result: PushResult) -> dict[str, int]:
    def total(*states: State) -> int:
        return sum(summary.files[state] for summary in summaries for state in states)

    unchanged = max(0, total(State.IN_SYNC) - result.uploaded - result.adopted)
    values = (
        result.uploaded,
        result.adopted,
        unchanged,
        total(State.DIFFERS),
        total(State.HELD),
        total(State.WAITING, State.PENDING, State.PROVISIONAL),
        total(State.FAILED),
        result.removed,
        total(State.UNMAPPED),
        total(State.SKIPPED),
        result.tags,
    )
    return dict(zip(COUNTS, values, strict=True))


def _tag_problems(journal: Journal, mappings: Iterable[str]) -> list[FileProblem]:
    mapping_ids = [journal.mappings.get(name).id for name in mappings]
    return [
        FileProblem(
            f"experiment {journal.remote.shown(eid)}",
            State.FAILED,
            Reason.TAG_FAILED.explain(tag=tag, said=message, advice=hint),
        )
        for eid, tag, message, hint in journal.tags.failures(mapping_ids)
    ]


def _note_complete(journal: Journal, summaries: Mapping[str, Summary], now_ns: int) -> None:
    """Note when a whole mapping was last in sync, by the server's own list."""
    for name, summary in summaries.items():
        if summary.complete:
            journal.mappings.complete(journal.mappings.get(name).id, now_ns)


def _check_known(engine: Engine, mappings: Sequence[MappingConfig], limits: Limits) -> None:
    """A path that is neither on the disk nor in the journal is a typing error."""
    journal = engine.journal
    for mapping in mappings:
        mapping_id = journal.mappings.get(mapping.name).id
        for path in limits.paths_in(mapping.name):
            place = mapping.directory / path
            if journal.observations.knows(mapping_id, path):
                continue
            with suppress(DiskHangs):  # then it is unknown
                if engine.ask(mapping, partial(_may_exist, place)):
                    continue
                raise ConfigError(f"{place} does not exist", hint="check the path")


def _may_exist(place: Path) -> bool:
    """Whether something is there, or that is unknown; then the report says so."""
    try:
        place.lstat()
    except OSError as exc:
        return exc.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
    return True
