"""Random histories of actions: whatever happens, no content is analysed twice, and the last is."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from aqsync.aqueduct.records import ExtensionRecord, Parameter, TaskRecord, TaskStatus
from aqsync.aqueduct.typed import instant
from aqsync.errors import NoConnection, ServerFailed, ServerUnreachable
from aqsync.model import SECOND_NS, ActionState
from aqsync.sync.action_rules import LOST_NS
from tests.support.action_lab import ActionLab
from tests.support.fake_tasks import EXPERIMENT, action
from tests.support.lab import EID, Killed
from tests.support.length import long_but

FOLDERS = ("run_1", "run_2", "run_3")
RUN = Parameter("run", None, None, "str", None, None)
STEPS = 25
TICK = timedelta(milliseconds=1)
LATE_S = 500.0
"""Less than `LOST_NS`: for so long a server may be at work on a start."""


class History:
    """What happens to a lab, drawn by chance."""

    def __init__(self, lab: ActionLab, seed: int) -> None:
        self.lab = lab
        self.chance = random.Random(seed)
        self.contents = dict.fromkeys(FOLDERS, 0)
        """By folder, how many contents it has had."""
        self.by_hand = 0
        lab.tasks.known = [ExtensionRecord("plots", None, "", (action("t1", RUN),))]
        lab.tasks.ahead_s = lab.server.clock_ahead_s = self.chance.choice([0, 3600, -3600])
        lab.actions[0]["parameters"] = {"run": "{run}"}
        lab.configure()

    def go(self) -> None:
        happenings: list[Callable[[], None]] = [
            *([self.write] * 6),
            *([self.lose_an_answer] * 3),
            *([self.kill] * 3),
            *([self.end_tasks] * 3),
            self.be_late,
            self.fail_to_connect,
            self.run_by_hand,
            self.lose_the_journal,
        ]
        for _ in range(STEPS):
            self.chance.choice(happenings)()
            with suppress(Killed):
                self.lab.later(self.chance.choice([1, 30, 120, 1000]))
        self.lab.tasks.troubles.clear()
        self.lab.tasks.after.clear()
        self.lab.tasks.late_s = 0.0
        self.lab.reopen()
        for _ in range(8):
            self.end_tasks()
            self.lab.later(LOST_NS / SECOND_NS)

    def write(self) -> None:
        folder = self.chance.choice(FOLDERS)
        self.contents[folder] += 1
        self.lab.measure(folder, f"{folder} {self.contents[folder]}".encode())

    def lose_an_answer(self) -> None:
        lost = self.chance.choice([ServerUnreachable("silence"), ServerFailed("502")])
        self.chance.choice([self.lab.tasks.after, self.lab.tasks.troubles]).append(lost)

    def be_late(self) -> None:
        self.lab.tasks.late_s = LATE_S

    def fail_to_connect(self) -> None:
        self.lab.tasks.troubles.append(NoConnection("refused"))

    def kill(self) -> None:
        self.chance.choice([self.lab.tasks.after, self.lab.tasks.troubles]).append(Killed())
        with suppress(Killed):
            self.lab.later(1)
        self.lab.reopen()

    def run_by_hand(self) -> None:
        """A person runs the action in a notebook."""
        self.by_hand += 1
        given = ((EXPERIMENT, EID), (RUN, "run_1"))
        uuid = self.lab.server.of(EID).uuid
        self.lab.tasks.made.append(self.lab.tasks.task(uuid, "plots", "t1", given))

    def end_tasks(self) -> None:
        self.lab.tasks.end(TaskStatus.SUCCESS, 0)

    def lose_the_journal(self) -> None:
        """What was under way is looked for by a new one, unless the server is still at it."""
        self.lab.clock.advance(LATE_S)
        self.lab.reopen(lose_journal=True)


def run_of(task: TaskRecord) -> str | None:
    return {key.name: value for key, value in task.parameters}["run"]


@pytest.mark.parametrize("seed", long_but(2, range(20)))
def test_no_content_is_analysed_twice_and_the_last_is(tmp_path: Path, seed: int) -> None:
    with ActionLab(tmp_path) as lab:
        history = History(lab, seed)
        history.go()
        for folder, contents in history.contents.items():
            tasks = [task for task in lab.tasks.made if run_of(task) == folder]
            by_hand = history.by_hand if folder == "run_1" else 0
            assert len(tasks) <= contents + by_hand, folder
            if contents:
                newest = max(
                    file.modified_at
                    for name, file in lab.server.of(EID).files.items()
                    if folder in name
                )
                # The two clocks of this server count microseconds each by itself.
                assert tasks[-1].received_at + TICK >= instant(newest), folder
        newest_runs = {run.folder: run.state for run in lab.runs()}
        assert set(newest_runs.values()) <= {ActionState.SUCCEEDED}
