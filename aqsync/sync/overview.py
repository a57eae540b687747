"""How everything stands, in one word and in numbers: by the decisions that the engine acts on.

The status page, metrics, messages, the fleet's files and reports all show this; none decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from aqsync.config import Config, MappingConfig
from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING, Pause
from aqsync.layout.identity import is_key
from aqsync.model import MeasurementState, Problem, ServerProblem, State
from aqsync.sync.failed_actions import action_problems
from aqsync.sync.measured import measured_of
from aqsync.sync.not_there import NotThere
from aqsync.sync.policies import experiments_of, server_state, transfers_blocked
from aqsync.sync.problem_groups import Group, grouped
from aqsync.sync.summary import NOT_IN_SYNC, FileProblem, Summary, summarize

FOR_A_PERSON = frozenset({State.HELD, State.FAILED, State.DIFFERS, State.FREED_LOST})
"""Goes on only once a person has done something."""


class Light(StrEnum):
    """How everything stands, in a word."""

    GREEN = "all up there"
    """Everything is on the server as it is here."""
    BUSY = "busy"
    """Files are on their way, or about to be."""
    WAITING = "waiting"
    """What is left goes by itself, later, or is still to be looked at: see `waited_for`."""
    NEEDS_YOU = "needs you"
    """Something goes on only once a person has done something."""


class Doubts(NamedTuple):
    """Why a running daemon does not know how everything stands, whatever its journal says."""

    unseen: Collection[str] = ()
    """Mappings in whose directories something may have changed that is still to be found: since
    the daemon stopped, while there was a pause, or because events were lost."""
    stuck: str | None = None
    """The part of it that hangs, has died or fails."""
    refused: str | None = None
    """Why it goes on by an old configuration though it was told to take over another."""


NO_DOUBTS = Doubts()
_WORST_FIRST = (Light.NEEDS_YOU, Light.BUSY, Light.WAITING, Light.GREEN)


@dataclass(frozen=True, slots=True)
class MappingOverview:
    """How one mapping stands."""

    mapping: MappingConfig
    light: Light
    files: Counter[State]
    bytes: Counter[State]
    not_there: NotThere
    measurements: Counter[MeasurementState]
    """Empty where files do not belong together."""
    experiments: tuple[str, ...]
    """The EIDs of the experiments that its files go to, the youngest first."""
    groups: tuple[Group, ...]
    """What is not in sync, and which actions failed, by reason; what needs a person comes first."""
    scanned_at_ns: int | None
    """When all of it was looked at last; None: never."""
    complete_at_ns: int | None
    """When all of it was in sync last; None: never."""
    watch: Problem | None
    """Why its file events cannot be trusted."""
    untrusted: Problem | None
    """Why its root cannot be looked at, or is in doubt."""
    unseen: bool = False
    """All of it is still to be looked at: see `Doubts`."""

    @property
    def needs_you(self) -> tuple[Group, ...]:
        """What goes on only once a person has done something."""
        return tuple(group for group in self.groups if needs_person(group.first))


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands."""

    at_ns: int
    """When this was found out, nanoseconds since 1970."""
    light: Light
    mappings: tuple[MappingOverview, ...]
    server: ServerProblem | None
    """Why the server cannot be used now."""
    pauses: dict[str, Pause]
    """By mapping, or `EVERYTHING`."""
    stuck: str | None = None
    """The part of the daemon that hangs, has died or fails."""
    refused: str | None = None
    """Why the daemon refused the changed configuration: what that adds is not looked at."""

    @property
    def complete_at_ns(self) -> int | None:
        """When the mapping that was in sync the longest ago was so; None: one never was."""
        times = [each.complete_at_ns for each in self.mappings]
        known = [at_ns for at_ns in times if at_ns is not None]
        return min(known, default=None) if len(known) == len(times) else None

    @property
    def to_come_files(self) -> int:
        """How many files are not on the server as they are here."""
        return sum(each.not_there.files for each in self.mappings)

    @property
    def to_come_bytes(self) -> int:
        """The same in bytes."""
        return sum(each.not_there.bytes for each in self.mappings)

    @property
    def files_for_person(self) -> int:
        """How many files go on only once a person has done something."""
        return sum(group.files for each in self.mappings for group in each.needs_you)

    @property
    def actions_for_person(self) -> int:
        """How many actions on measurements do so."""
        return sum(group.actions for each in self.mappings for group in each.needs_you)


def overview(
    journal: Journal,
    config: Config,
    now_ns: int,
    *,
    under_way: int = 0,
    doubts: Doubts = NO_DOUBTS,
) -> Overview:
    """Find out how everything stands.

    Args:
        journal: What is known.
        config: Which mappings.
        now_ns: The wall clock, nanoseconds since 1970.
        under_way: How many files are being sent now.
        doubts: What the daemon does not know.
    """
    server, pauses = server_state(journal), journal.pauses.active(now_ns)
    mappings = tuple(
        _mapping(
            journal,
            config,
            each,
            now_ns,
            server,
            paused=EVERYTHING in pauses or each.name in pauses,
            unseen=each.name in doubts.unseen,
        )
        for each in config.mappings
    )
    lights = {each.light for each in mappings}
    if server is not None:  # what it has now cannot be known
        lights.add(Light.NEEDS_YOU if server.denied else Light.WAITING)
    if doubts != Doubts(doubts.unseen):  # it may not notice what there is to do
        lights.add(Light.NEEDS_YOU)
    if under_way:
        lights.add(Light.BUSY)
    light = next((each for each in _WORST_FIRST if each in lights), Light.GREEN)
    return Overview(now_ns, light, mappings, server, pauses, doubts.stuck, doubts.refused)


def needs_person(problem: FileProblem) -> bool:
    """Whether something goes on only once a person has done something."""
    return problem.state in FOR_A_PERSON and not problem.retried


def light_of(
    summary: Summary, problems: Iterable[FileProblem], *, looked_at: bool, blocked: bool
) -> Light:
    """How a mapping stands.

    Args:
        summary: Its files.
        problems: What is wrong with them, and with actions on measurements.
        looked_at: All of it was looked at, and no change can have been missed since: a pause leaves
            the disk alone, and so does a daemon that does not run.
        blocked: Nothing can be sent now: the server is away, there is a pause, or the like.
    """
    if any(map(needs_person, problems)):
        return Light.NEEDS_YOU
    if summary.files[State.PENDING] and not blocked:
        return Light.BUSY
    if not looked_at or any(summary.files[state] for state in NOT_IN_SYNC):
        return Light.WAITING
    return Light.GREEN


def _mapping(
    journal: Journal,
    config: Config,
    mapping: MappingConfig,
    now_ns: int,
    server: ServerProblem | None,
    *,
    paused: bool,
    unseen: bool,
) -> MappingOverview:
    record, windows = journal.mappings.get(mapping.name), config.transfer.windows
    summary = summarize(journal, mapping, now_ns, windows=windows)
    blocked = transfers_blocked(journal, mapping.name, now_ns, windows)
    problems = [*summary.problems, *action_problems(journal, mapping, now_ns)]
    light = light_of(
        summary,
        problems,
        looked_at=record.scanned_at_ns is not None and not (paused or unseen),
        blocked=server is not None or blocked is not None,
    )
    measured = measured_of(journal, mapping, now_ns)
    return MappingOverview(
        mapping,
        light,
        summary.files,
        summary.bytes,
        summary.not_there,
        Counter(each.state for each in ([] if measured is None else measured.all())),
        _experiments(journal, mapping, record.id),
        _persons_first(problems),
        record.scanned_at_ns,
        record.complete_at_ns,
        journal.mappings.watch(record.id),
        journal.mappings.troubles(record.id).get(""),
        unseen=unseen and not paused,
    )


def _experiments(journal: Journal, mapping: MappingConfig, mapping_id: int) -> tuple[str, ...]:
    if mapping.makes_experiments:
        eids = {own.eid for own in journal.made.own(mapping_id) if own.eid is not None}
    else:
        eids = {eid for eid in experiments_of(journal, [mapping]) if not is_key(eid)}
    return tuple(sorted(eids, key=_by_day, reverse=True))


def _by_day(eid: str) -> tuple[str, int, str]:
    day, _, number = eid.partition("-")
    return day, int(number) if number.isdecimal() else 0, eid


def _persons_first(problems: Sequence[FileProblem]) -> tuple[Group, ...]:
    for_person = [problem for problem in problems if needs_person(problem)]
    others = [problem for problem in problems if not needs_person(problem)]
    return (*grouped(for_person), *grouped(others))
