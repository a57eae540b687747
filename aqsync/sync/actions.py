"""Runs the actions of measurements that have arrived, each once for each content.

The start is noted, durably, before it is asked for; by it and the server's own times a task is
found again whose answer was lost. What is done next is a rule (`action_rules.py`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExtensionRecord
from aqsync.clock import Clock
from aqsync.config import MappingConfig
from aqsync.config.actions import ActionConfig
from aqsync.errors import (
    Forbidden,
    OperationFailed,
    RemoteError,
)
from aqsync.journal import Journal
from aqsync.journal.action_runs import Ending
from aqsync.journal.pauses import EVERYTHING
from aqsync.local.folders import folders_of
from aqsync.log import Log
from aqsync.model import (
    SECOND_NS,
    ActionRun,
    ActionStart,
    ActionState,
    Explanation,
    Reason,
    explain_error,
)
from aqsync.sync.action_rules import MOST_AT_ONCE, Step, held_by, pause_ns, seems_stuck, step_of
from aqsync.sync.action_tasks import ActionTasks, Answered
from aqsync.sync.action_values import NotRunnable, manifest_of, values_of
from aqsync.sync.arrivals import Arrival, Arrivals
from aqsync.sync.failed_actions import why_failed

IDLE_S = 60.0
"""The longest pause between two steps while something is under way or kept from being run."""
LOOK_AGAIN_S = 5.0
"""The pause between two looks for what has arrived ..."""
REST = 20.0
"""... and at least this many times as long as the look took."""
PROBLEM_AGAIN_S = 300.0
"""How often what keeps an action from being run is looked at again."""

log = Log(__name__)


class Due(NamedTuple):
    """An action that a measurement which has arrived asks for."""

    mapping: MappingConfig
    action: ActionConfig
    arrival: Arrival


class Actions:
    """The actions of some mappings. One thread at a time takes a step; the others return at once.

    Args:
        mappings: Which.
        server: Where tasks run.
        journal: What is known.
        clock: The time.
        stepping: Held while a step is taken, whichever session takes it.

    Attributes:
        woken: Called when there is something to look at sooner; None: no loop takes its steps.
        full: Whether no more may be begun before others end.
        left: Whether something was not begun at the last look, since others had to end first.
    """

    def __init__(
        self,
        mappings: Sequence[MappingConfig],
        server: Client,
        journal: Journal,
        clock: Clock,
        stepping: threading.Lock,
    ) -> None:
        self.woken: Callable[[], None] | None = None
        self.full = self.left = False
        self._mappings = {m.name: m for m in mappings if m.actions and m.measurement is not None}
        self._journal = journal
        self._clock = clock
        self._tasks = ActionTasks(server, journal)
        self._arrivals = {
            m.name: Arrivals(journal, m, m.measurement)
            for m in self._mappings.values()
            if m.measurement is not None
        }
        self._stepping = stepping
        self._look_at = float("-inf")
        self._news = True
        self._said = ""
        """Why the server could not be asked at the last step."""
        self._problem_at = float("inf")
        """When to look again at what cannot be run."""
        self._kept_from = set[tuple[str, str]]()
        """By mapping and key, the actions that this step found not to be runnable."""
        self._moved_at = float("-inf")
        """When a run began, went on or ended."""
        self._asked_ns: dict[int, int] = {}
        """When a run under way was last asked for."""
        self._stuck: set[int] = set()
        """The runs that were said to have waited for long."""

    @property
    def any(self) -> bool:
        """Whether any mapping has actions."""
        return bool(self._mappings)

    @property
    def at_rest(self) -> bool:
        """Whether no step is being taken: an old server runs an action to its end in one."""
        return not self._stepping.locked()

    @property
    def still_s(self) -> float:
        """Seconds since a run began, went on or ended."""
        return self._clock.monotonic() - self._moved_at

    def look(self) -> None:
        """Something may have arrived; callable from any thread."""
        if self._mappings:
            self._news = True
            if self.woken is not None:
                self.woken()

    def step(self) -> float:
        """Do what is due; returns the seconds until the next step."""
        if not self._mappings or not self._stepping.acquire(blocking=False):
            return IDLE_S
        try:
            return self._step()
        except RemoteError as exc:  # whether files can be sent is found out by those who send them
            if exc.message != self._said:
                log.warning("actions wait until the server can be asked", exc=exc)
            self._said, self.full, self.left = exc.message, False, False
            return IDLE_S
        finally:
            self._stepping.release()

    def _step(self) -> float:
        self._kept_from.clear()
        paused = self._journal.pauses.active(self._clock.now_ns())
        if EVERYTHING in paused or self._journal.remote.server_problem() is not None:
            return IDLE_S
        self._follow_up()
        self._said = ""
        self.full = self._is_full()
        if not self.full and self._look_in() <= 0:
            self._look(paused)
        return self._pause_s()

    def _look_in(self) -> float:
        """Seconds until the next look for what has arrived."""
        at = min(self._look_at if self._news else float("inf"), self._problem_at)
        return max(0.0, at - self._clock.monotonic())

    def _look(self, paused: Container[str]) -> None:
        """Begin what has arrived, as far as it may begin now."""
        began = self._clock.monotonic()
        self._news, self._problem_at = False, float("inf")
        self._tasks.ask_anew()
        wanted = (due for due in self._due() if due.mapping.name not in paused)
        self.full = self.left = not all(map(self._begin, wanted))
        if not self.full:
            self._forget_problems(paused)
        ended = self._clock.monotonic()
        self._look_at = ended + max(LOOK_AGAIN_S, REST * (ended - began))

    def _forget_problems(self, paused: Container[str]) -> None:
        """After a look at all: what kept an action from being run, and does so no more."""
        for name in self._mappings:
            if name not in paused:
                keys = [key for mapping, key in self._kept_from if mapping == name]
                self._journal.actions.keep_problems(self._journal.mappings.get(name).id, keys)

    def _pause_s(self) -> float:
        now_ns = self._clock.now_ns()
        ahead = [self._next_ask_ns(run, now_ns) for run in self._under_way()]
        seconds = max(0.1, (min(ahead) - now_ns) / SECOND_NS) if ahead else float("inf")
        return min(IDLE_S, seconds, IDLE_S if self.full else self._look_in())

    # Runs under way

    def _follow_up(self) -> None:
        again = self._mine(self._journal.actions.wanted_again())
        runs = [*self._under_way(), *again]
        if not runs:
            return
        has_tasks = self._tasks.exist()
        for run in runs:
            now_ns = self._clock.now_ns()
            if run.state.ended:
                if self._is_full():
                    break
            elif self._next_ask_ns(run, now_ns) > now_ns:
                continue
            self._asked_ns[run.id] = now_ns
            step = step_of(run, now_ns, current=self._is_current(run), has_tasks=has_tasks)
            self._take(run, step)

    def _is_full(self) -> bool:
        """Whether no more may be begun now."""
        return len(self._under_way()) >= MOST_AT_ONCE

    def _under_way(self) -> list[ActionRun]:
        return self._mine(self._journal.actions.under_way())

    def _mine(self, runs: Iterable[ActionRun]) -> list[ActionRun]:
        return [run for run in runs if run.mapping in self._mappings]

    def _next_ask_ns(self, run: ActionRun, now_ns: int) -> int:
        asked_ns = self._asked_ns.get(run.id)
        return now_ns if asked_ns is None else asked_ns + pause_ns(run, asked_ns)

    def _is_current(self, run: ActionRun) -> bool:
        arrival = self._arrivals[run.mapping].content(run.folder)
        return arrival is not None and arrival.digest == run.digest

    def _take(self, run: ActionRun, step: Step) -> None:
        match step:
            case Step.ASK:
                self._tell(run, self._tasks.ask(run))
            case Step.SEARCH | Step.SEARCH_OR_BEGIN:
                found = self._tasks.find(run)
                if found is not None:
                    self._tell(run, found)
                elif step is Step.SEARCH_OR_BEGIN:
                    self._begin_again(run)
            case Step.BEGIN_AGAIN:
                self._begin_again(run)
            case Step.GIVE_UP_UNKNOWN:
                said = "its answer was lost, and the server keeps no tasks that would tell"
                self._end(run, Ending(ActionState.UNKNOWN, said=said))
            case Step.GIVE_UP_OUTDATED:
                self._end(run, Ending(ActionState.OUTDATED))
            case Step.REST:
                pass

    def _begin_again(self, run: ActionRun) -> None:
        """Begin a run once more, by the action as it is configured now."""
        mapping, arrivals = self._mappings[run.mapping], self._arrivals[run.mapping]
        action = next((each for each in mapping.actions if each.key == run.key), None)
        arrival = arrivals.content(run.folder)
        if action is None or arrival is None:
            return
        self._tasks.ask_anew()
        try:
            start = self._start(Due(mapping, action, arrival), self._tasks.extensions())
        except NotRunnable as exc:
            self._problem(mapping, action, exc.why)
            return
        self._ask_for(replace(start, after=self._tasks.newest_of(run) or start.after))

    # What has arrived

    def _due(self) -> Iterator[Due]:
        """What is to be begun; what needs nothing more is remembered."""
        for mapping in self._mappings.values():
            record = self._journal.mappings.get(mapping.name)
            self._journal.actions.keep_problems(record.id, [each.key for each in mapping.actions])
            runs = self._journal.actions.of(record.id)
            known = {(run.folder, run.key, run.uuid, run.digest) for run in runs}
            by_action = defaultdict(list)
            for run in runs:
                by_action[run.extension, run.action].append(run)
            for arrival in self._arrivals[mapping.name].find(self._clock.now_ns()):
                done = True
                for action in mapping.actions:
                    if (arrival.folder, action.key, arrival.uuid, arrival.digest) in known:
                        continue
                    done = False
                    held = held_by(by_action[action.extension, action.action])
                    if held is None:
                        yield Due(mapping, action, arrival)
                    else:
                        self._problem(mapping, action, why_failed(held))
                if done:
                    self._arrivals[mapping.name].done(arrival.folder)

    def _begin(self, due: Due) -> bool:
        """Begin an action; false if no more may be begun now."""
        if self._is_full():
            self._news = True
            return False
        try:
            start = self._start(due, self._tasks.extensions())
        except NotRunnable as exc:
            self._problem(due.mapping, due.action, exc.why)
            return True
        except (OperationFailed, Forbidden) as exc:  # there are none, or none for this user
            self._problem(due.mapping, due.action, explain_error(exc))
            return True
        self._problem(due.mapping, due.action, None)
        self._news = True  # see whether this was all of it
        if self._tasks.exist() and (found := self._tasks.ran_before(start)) is not None:
            self._tell(self._journal.actions.begin(start, self._clock.now_ns()), found)
        else:
            self._ask_for(start)
        return True

    def _start(self, due: Due, extensions: Sequence[ExtensionRecord]) -> ActionStart:
        """What is asked for.

        Raises:
            NotRunnable: The server would not take it.
        """
        mapping, action, arrival = due
        assert mapping.measurement is not None  # noqa: S101 - the configuration requires it
        if len(arrival.eids) > 1:
            why = Reason.ACTION_SEVERAL_EXPERIMENTS.explain(name=action.name, folder=arrival.folder)
            raise NotRunnable(why)
        eid = self._journal.remote.shown(min(arrival.eids))
        manifest = manifest_of(action, extensions)
        names = folders_of(mapping.measurement).values(arrival.folder)
        values = values_of(action, manifest, eid, names, arrival.files)
        return ActionStart(
            *(mapping.name, arrival.folder, action.key, action.extension, action.action),
            *(arrival.uuid, arrival.digest, values, arrival.newest),
        )

    def _ask_for(self, start: ActionStart) -> None:
        """Note a start, then ask for it."""
        before = self._journal.actions.at(start)
        run = self._journal.actions.begin(start, self._clock.now_ns())
        self._journal.make_durable(at_once=True)
        answered = self._tasks.run(run)
        if answered is None:
            self._asked_ns[run.id] = self._clock.now_ns()
        elif answered.never_sent is not None:
            self._journal.actions.undo(run, before)
            raise answered.never_sent
        else:
            self._tell(run, answered)

    # What becomes of it

    def _tell(self, run: ActionRun, answered: Answered) -> None:
        state, task = answered.state, answered.task
        now_ns = self._clock.now_ns()
        if state is not run.state:
            self._moved_at = self._clock.monotonic()
        if task is not None and run.task is None:
            self._journal.actions.has_task(run, task, state, now_ns)
            place = self._mappings[run.mapping].directory / run.folder
            log.info("an action has begun", path=place, action=run.name, task=task)
        elif state is not run.state and not state.ended:
            self._journal.actions.is_now(run, state)
        if run.id not in self._stuck and seems_stuck(run, now_ns):
            self._stuck.add(run.id)
            log.warning("a task has not begun for long", action=run.name, task=task)
        if state.ended:
            self._end(run, Ending(state, answered.result_code, answered.said, task))

    def _end(self, run: ActionRun, ending: Ending) -> None:
        self._journal.actions.ended(run, ending, self._clock.now_ns())
        self._asked_ns.pop(run.id, None)
        self._news = True  # the next one may begin
        place = self._mappings[run.mapping].directory / run.folder
        tell = log.warning if ending.state.needs_somebody else log.info
        tell("an action has ended", path=place, action=run.name, state=ending.state)

    def _problem(
        self, mapping: MappingConfig, action: ActionConfig, why: Explanation | None
    ) -> None:
        """Note why an action cannot be run; it is said once."""
        mapping_id = self._journal.mappings.get(mapping.name).id
        if why is not None:
            self._problem_at = self._clock.monotonic() + PROBLEM_AGAIN_S
            self._kept_from.add((mapping.name, action.key))
        news = self._journal.actions.set_problem(mapping_id, action.key, why, self._clock.now_ns())
        if news and why is not None:
            log.warning("an action cannot be run", mapping=mapping.name, said=why.message)
