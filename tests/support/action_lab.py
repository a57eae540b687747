"""A lab whose server runs actions on the measurements that arrive."""

from __future__ import annotations

from pathlib import Path

from aqsync.model import ActionRun, ActionState
from tests.support.fake_tasks import FakeTasks
from tests.support.lab import Lab

ACTION = {"extension": "plots", "action": "t1"}
MEASUREMENT = {"folder": "{date}/{run}/", "complete": {"sentinel": ("done.tag",)}}


class ActionLab(Lab):
    """A lab whose server runs actions."""

    def __init__(self, folder: Path, **keys: object) -> None:
        self.actions: list[dict[str, object]] = [dict(ACTION)]
        super().__init__(folder, **keys)
        self.tasks = FakeTasks(self.clock)
        self.server.tasks = self.tasks

    def configure(self, **keys: object) -> None:
        super().configure(**{"measurement": MEASUREMENT, "actions": tuple(self.actions), **keys})

    def measure(self, run: str, content: bytes = b"data") -> None:
        self.write(f"day/{run}/iq.csv", content)
        self.write(f"day/{run}/done.tag")

    def runs(self) -> list[ActionRun]:
        return self.journal.actions.of(self.mapping_id)

    def states(self) -> list[ActionState]:
        return [run.state for run in self.runs()]

    def later(self, seconds: float = 60.0) -> None:
        """A later push, which sees how what was begun is."""
        self.clock.advance(seconds)
        self.push()
