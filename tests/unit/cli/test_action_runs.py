"""How the actions of measurements are told by ``aqsync status``."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.aqueduct.records import TaskStatus
from aqsync.cli.action_runs import newest_runs, problems_of, tell_actions
from tests.support.action_lab import ActionLab


def test_that_the_server_runs_no_tasks_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the archived server does while it asks for no token: it takes each, and runs none."""
    with ActionLab(tmp_path) as lab:
        for run in range(3):
            lab.measure(f"run_{run}", b"%d" % run)
        lab.push()
        lab.tasks.end(TaskStatus.FAILURE, None, "no str")

        def told() -> str:
            runs, problems = newest_runs(lab.journal, lab.mapping), problems_of(*known)
            tell_actions(lab.mapping, [], runs, problems, lab.clock.now_ns())
            return capsys.readouterr().out

        known = lab.journal, lab.mapping
        lab.later()
        assert "3 not run by the server" in told()
        assert told().count("no str") == 1
        lab.measure("run_3", b"3")
        lab.later()
        assert told().count("no str") == 1
        assert "an archived Aqueduct that asks for no token runs none" in told()
