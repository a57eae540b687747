"""``aqsync push``: one shot, everything that is mapped or only the paths given."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from aqsync.cli.context import chosen, configuration, connect
from aqsync.cli.output import (
    complain,
    complain_from_signal,
    report_problems,
    say,
    say_json,
    size_text,
)
from aqsync.cli.progress import Lines
from aqsync.clock import SystemClock
from aqsync.config import Config, Mapping
from aqsync.errors import ConfigError, ExitCode
from aqsync.journal import Journal
from aqsync.local.locate import locate
from aqsync.model import Compare, RemoveRemote, State, Upload
from aqsync.sync.engine import Engine
from aqsync.sync.policies import decisions
from aqsync.sync.push import Limits, Push, PushResult
from aqsync.sync.summary import FileProblem, Summary, summarize

if TYPE_CHECKING:
    from aqsync.cli.progress_bar import Bar


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What the command line said."""

    paths: Sequence[Path]
    config: Path | None
    mappings: Sequence[str]
    dry_run: bool
    wait: bool
    longest_wait_s: float
    overwrite: bool
    json: bool


def push(options: PushOptions) -> ExitCode:
    """Run the command.

    Raises:
        AqsyncError: Anything that keeps it from working at all.
    """
    config = configuration(options.config)
    mappings = chosen(config, options.mappings)
    within = _within(mappings, options.paths)
    if within:
        mappings = tuple(m for m in mappings if m.name in within)
    limits = Limits(options.wait, options.longest_wait_s, options.overwrite, within)
    clock = SystemClock()
    if options.dry_run:
        with Journal.copy_in_memory(config.journal, clock.now_ns()) as journal:
            return _rehearse(config, mappings, journal, limits, options)
    with Journal.open_for_writing(config.journal, clock.now_ns()) as journal:
        if journal.broken_set_aside is not None:
            complain(
                f"the journal was damaged; it is kept as {journal.broken_set_aside} and is being"
                " rebuilt from the disk and the server's file lists"
            )
        _check_known(journal, mappings, within)
        return _push(config, mappings, journal, limits, options)


def _push(
    config: Config,
    mappings: Sequence[Mapping],
    journal: Journal,
    limits: Limits,
    options: PushOptions,
) -> ExitCode:
    stop, abort = threading.Event(), threading.Event()
    roots = {mapping.name: mapping.directory for mapping in mappings}
    with closing(connect(config)) as server, _interruptible(stop, abort, server.close):
        reporter = _reporter(roots, quiet=options.json)
        engine = Engine(
            mappings,
            journal,
            server,
            SystemClock(),
            progress=reporter.sent,
            aborted=abort.is_set,
        )
        with reporter:
            result = Push(engine, limits, reporter, stop).run()
    summaries = _summaries(journal, mappings, limits)
    _note_complete(journal, mappings, summaries, result, limits)
    problems = [p for summary in summaries.values() for p in summary.problems]
    problems += _tag_problems(journal)
    if options.json:
        say_json(_as_json(result, summaries, problems))
    else:
        _tell(result, summaries, problems)
    return _exit_code(result, summaries, problems)


def _exit_code(
    result: PushResult, summaries: dict[str, Summary], problems: Sequence[FileProblem]
) -> ExitCode:
    if result.interrupted:
        return ExitCode.INTERRUPTED
    if result.server_problem is not None:
        return ExitCode.SERVER
    tagged = not any(problem.state is State.FAILED for problem in problems)
    complete = tagged and all(summary.complete for summary in summaries.values())
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def _summaries(journal: Journal, mappings: Sequence[Mapping], limits: Limits) -> dict[str, Summary]:
    now_ns = SystemClock().now_ns()
    return {
        mapping.name: summarize(journal, mapping, now_ns, limits.paths_in(mapping))
        for mapping in mappings
    }


def _note_complete(
    journal: Journal,
    mappings: Sequence[Mapping],
    summaries: dict[str, Summary],
    result: PushResult,
    limits: Limits,
) -> None:
    """Remember when a whole mapping was last in sync, by the server's own list."""
    if limits.within or result.interrupted or result.server_problem is not None:
        return
    now_ns = SystemClock().now_ns()
    for mapping in mappings:
        if summaries[mapping.name].complete:
            journal.mappings.complete(journal.mappings.get(mapping.name).id, now_ns)


def _tag_problems(journal: Journal) -> list[FileProblem]:
    return [
        FileProblem(f"experiment {eid}", State.FAILED, f"tag {tag!r}: {message}", hint)
        for eid, tag, message, hint in journal.tags.failures()
    ]


def _counts(summaries: dict[str, Summary], result: PushResult) -> dict[str, int]:
    def total(*states: State) -> int:
        return sum(summary.files[state] for summary in summaries.values() for state in states)

    return {
        "uploaded": result.uploaded,
        "adopted": result.adopted,
        "unchanged": max(0, total(State.IN_SYNC) - result.uploaded - result.adopted),
        "held": total(State.HELD),
        "waiting": total(State.WAITING, State.PENDING),
        "failed": total(State.FAILED),
        "removed": result.removed,
        "unmapped": total(State.UNMAPPED),
        "skipped": total(State.SKIPPED),
        "tags": result.tags,
    }


def _as_json(
    result: PushResult, summaries: dict[str, Summary], problems: Sequence[FileProblem]
) -> dict[str, Any]:
    server = result.server_problem
    return {
        **_counts(summaries, result),
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted,
        "server": None if server is None else {"reason": server.message, "hint": server.hint},
        "problems": [problem._asdict() for problem in problems],
    }


def _tell(
    result: PushResult, summaries: dict[str, Summary], problems: Sequence[FileProblem]
) -> None:
    server = result.server_problem
    # What the server's trouble keeps waiting is told by the error below.
    report_problems([p for p in problems if not (server and p.reason.startswith(server.message))])
    counts = _counts(summaries, result)
    rate = f", {size_text(result.bytes / result.seconds)}/s" if result.bytes else ""
    shown = [f"{counts.pop('uploaded')} uploaded", f"{counts.pop('unchanged')} unchanged"]
    shown += [f"{count} {name}" for name, count in counts.items() if count]
    say(f"{', '.join(shown)}: {size_text(result.bytes)} in {result.seconds:.1f} s{rate}")
    if server is not None:
        complain(f"error: {server.message}")
        if server.hint:
            complain(f"  hint: {server.hint}")
    if result.interrupted:
        complain("interrupted; the next push goes on where this one stopped")


def _rehearse(
    config: Config,
    mappings: Sequence[Mapping],
    journal: Journal,
    limits: Limits,
    options: PushOptions,
) -> ExitCode:
    """Everything but the doing, on a copy of the journal in memory."""
    clock = SystemClock()
    stop, abort = threading.Event(), threading.Event()
    roots = {mapping.name: mapping.directory for mapping in mappings}
    with closing(connect(config)) as server, _interruptible(stop, abort, server.close):
        engine = Engine(mappings, journal, server, clock, aborted=abort.is_set)
        reporter = _reporter(roots, quiet=True)
        Push(engine, limits, reporter, stop).look()
    for mapping in mappings:
        for file, step in decisions(journal, mapping, clock.now_ns(), limits.paths_in(mapping)):
            if not options.json:
                verb = _VERBS.get(type(step), str(step.state))
                say(f"{verb}: {mapping.directory / file.path}: {step.reason}")
    summaries = _summaries(journal, mappings, limits)
    problems = [p for summary in summaries.values() for p in summary.problems]
    result = PushResult(server_problem=journal.remote.server_problem(), interrupted=stop.is_set())
    if options.json:
        say_json(_as_json(result, summaries, problems))
    else:
        in_sync = sum(summary.files[State.IN_SYNC] for summary in summaries.values())
        say(f"{in_sync} in sync; dry run: nothing was sent, and the journal is as it was")
        if result.server_problem is not None:
            complain(f"error: {result.server_problem.message}")
    return _exit_code(result, summaries, problems)


_VERBS = {Upload: "would upload", Compare: "would compare", RemoveRemote: "would remove"}


def _within(mappings: Sequence[Mapping], paths: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    within: dict[str, tuple[str, ...]] = {}
    for path in paths:
        place = locate(mappings, path)
        within[place.mapping.name] = (*within.get(place.mapping.name, ()), place.path)
    return within


def _check_known(
    journal: Journal, mappings: Sequence[Mapping], within: dict[str, tuple[str, ...]]
) -> None:
    """A path that neither the disk nor the journal knows is a slip of the keyboard."""
    for mapping in mappings:
        mapping_id = journal.mappings.get(mapping.name).id
        for path in within.get(mapping.name, ()):
            place = mapping.directory / path
            if not os.path.lexists(place) and not journal.observations.knows(mapping_id, path):
                raise ConfigError(f"{place} does not exist", hint="check the path")


def _reporter(roots: dict[str, Path], *, quiet: bool) -> Bar | Lines:
    if quiet or not sys.stderr.isatty():
        return Lines(roots, quiet=quiet)
    from aqsync.cli.progress_bar import Bar  # noqa: PLC0415 - rich is slow to import

    return Bar(roots)


@contextmanager
def _interruptible(
    stop: threading.Event, abort: threading.Event, hang_up: Callable[[], None]
) -> Iterator[None]:
    """The first signal lets running files end, the second breaks them off."""
    signals = 0

    def interrupted(number: int, _frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            _elsewhere(stop.set)
            name = signal.Signals(number).name
            complain_from_signal(
                f"{name}: finishing the files under way; once more breaks them off"
            )
            return
        _elsewhere(abort.set)
        _elsewhere(hang_up)  # whoever waits for an answer asks for nothing else

    before = {number: signal.signal(number, interrupted) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _elsewhere(action: Callable[[], None]) -> None:
    """Not on the thread that a signal interrupts: it may hold the very lock that is needed."""
    threading.Thread(target=action, daemon=True).start()


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
