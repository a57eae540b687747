"""Tasks on a real server: how many at once, in which order, and every way in which they end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.extensions import (
    Tasks,
    is_running,
    parameter,
    serving,
    wait_for,
    wait_until_gone,
    write_extension,
)
from tests.support.visit import Visit

HOLD = 'echo $$ > "$here/$name.pid"; while [ ! -e "$here/$name.go" ]; do sleep 0.02; done'
"""Runs until a file appears; the name of that file is a parameter."""


@pytest.fixture
def extensions(tmp_path: Path) -> Path:
    return tmp_path / "extensions"


class Hold:
    """An extension whose tasks a test holds and lets go."""

    def __init__(self, extensions: Path, here: Path) -> None:
        self.here = here
        write_extension(
            extensions / "hold",
            {"hold": HOLD, "stubborn": f"trap '' INT TERM; {HOLD}"},
            parameters=[parameter("name", "str")],
            constants={"here": str(here)},
        )

    def pid(self, name: str) -> int:
        """Wait until the task of this name runs."""
        return int(wait_for(self.here / f"{name}.pid"))

    def has_begun(self, name: str) -> bool:
        return (self.here / f"{name}.pid").exists()

    def let_go(self, name: str) -> None:
        (self.here / f"{name}.go").touch()


@pytest.fixture
def hold(extensions: Path, tmp_path: Path) -> Hold:
    return Hold(extensions, tmp_path)


def test_so_many_at_once_and_the_others_in_order(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions, max_tasks=2) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "hold")
        uuids = {name: tasks.start("hold", name=name) for name in "abcd"}
        hold.pid("a")
        hold.pid("b")
        states = {name: tasks.find(uuid)["taskStatus"] for name, uuid in uuids.items()}
        assert states == {"a": "STARTED", "b": "STARTED", "c": "PENDING", "d": "PENDING"}
        hold.let_go("b")
        hold.pid("c")
        assert not hold.has_begun("d")
        hold.let_go("a")
        hold.pid("d")
        hold.let_go("c")
        hold.let_go("d")
        assert {tasks.ended(uuid)["taskStatus"] for uuid in uuids.values()} == {"SUCCESS"}


def test_a_waiting_task_that_is_cancelled_never_starts(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions, max_tasks=1) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "hold")
        tasks.start("hold", name="first")
        waiting = tasks.start("hold", name="second")
        last = tasks.start("hold", name="third")
        hold.pid("first")
        cancelled = tasks.cancel(waiting)
        assert cancelled["taskStatus"] == "REVOKED"
        assert cancelled["endedAt"]
        assert (cancelled["resultCode"], cancelled["stdOut"]) == (None, None)
        for name in ("first", "second", "third"):
            hold.let_go(name)
        assert tasks.ended(last)["taskStatus"] == "SUCCESS"
        assert tasks.find(waiting) == cancelled
        assert not hold.has_begun("second")


def test_a_cancelled_task_leaves_no_process(tmp_path: Path, extensions: Path) -> None:
    pids = tmp_path / "pids"
    script = f'echo begun; sleep 600 & (sleep 600 & echo $$ $! > "{pids}"; wait); wait'
    write_extension(extensions / "e", {"family": script})
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        uuid = tasks.start("family")
        family = [int(pid) for pid in wait_for(pids).split()]
        assert tasks.cancel(uuid)["taskStatus"] == "STARTED"
        ended = tasks.ended(uuid)
        assert ended["taskStatus"] == "REVOKED"
        assert ended["stdOut"] == "begun\n"
        assert ended["resultCode"] < 0
        for pid in family:
            wait_until_gone(pid)
        children = Path(f"/proc/{server.pid}/task")
        assert not any((thread / "children").read_text() for thread in children.iterdir())


def test_an_interrupted_script_may_still_say_something(tmp_path: Path, extensions: Path) -> None:
    begun = tmp_path / "begun"
    script = f"trap 'echo sorry; exit 0' INT; echo > {begun}; while :; do sleep 0.02; done"
    write_extension(extensions / "e", {"polite": script})
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        uuid = tasks.start("polite")
        wait_for(begun)
        tasks.cancel(uuid)
        ended = tasks.ended(uuid)
        assert (ended["taskStatus"], ended["resultCode"]) == ("REVOKED", 0)
        assert ended["stdOut"] == "sorry\n"


def test_a_killed_server_fails_what_ran_and_runs_what_waited(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions, max_tasks=1) as server:
        with Visit(server.url) as visit:
            tasks = Tasks(visit, "hold")
            running, waiting = (tasks.start("hold", name=name) for name in ("first", "second"))
            pid = hold.pid("first")
            server.kill()
            assert is_running(pid)
        server.start()
        # The script that had lost its server is gone before another may run.
        hold.pid("second")
        assert not is_running(pid)
        with Visit(server.url) as visit:
            tasks.visit = visit
            failed = tasks.find(running)
            assert failed["taskStatus"] == "FAILURE"
            assert failed["stdErr"] == "The server died while this task ran."
            assert failed["endedAt"]
            assert failed["resultCode"] is None
            hold.let_go("second")
            assert tasks.ended(waiting)["taskStatus"] == "SUCCESS"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_ends_its_scripts(
    tmp_path: Path, extensions: Path, hold: Hold, number: signal.Signals
) -> None:
    with serving(tmp_path, extensions, max_tasks=1) as server:
        with Visit(server.url) as visit:
            tasks = Tasks(visit, "hold")
            running, waiting = (tasks.start("hold", name=name) for name in ("first", "second"))
            pid = hold.pid("first")
        assert server.stop(number) == 0
        assert not is_running(pid)
        assert not hold.has_begun("second")
        hold.let_go("second")
        server.start()
        with Visit(server.url) as visit:
            tasks.visit = visit
            failed = tasks.find(running)
            assert failed["taskStatus"] == "FAILURE"
            assert failed["stdErr"] == "The server was stopped while this task ran."
            assert failed["resultCode"] < 0
            assert tasks.ended(waiting)["taskStatus"] == "SUCCESS"


def test_a_removed_experiment_takes_its_tasks_along(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions, max_tasks=1) as server, Visit(server.url) as visit:
        removed, kept = Tasks(visit, "hold"), Tasks(visit, "hold")
        removed.start("hold", name="first")
        removed.start("hold", name="second")
        last = kept.start("hold", name="third")
        pid = hold.pid("first")
        hold.let_go("third")
        visit.remove(removed.experiment["uuid"])
        wait_until_gone(pid)
        assert kept.ended(last)["taskStatus"] == "SUCCESS"
        assert not hold.has_begun("second")
        listed = visit.ask("{tasks(offset: 0, limit: 9) {totalTasksCount tasksData {uuid}}}")
        assert listed == {"totalTasksCount": 1, "tasksData": [{"uuid": last}]}


@pytest.mark.long
def test_what_cannot_be_installed_fails_with_a_reason(tmp_path: Path, extensions: Path) -> None:
    folder = write_extension(extensions / "e", {"a": ":"})
    (folder / "requirements.txt").write_text("./missing-1.0-py3-none-any.whl\n")
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        failed = tasks.ran("a")
        assert failed["taskStatus"] == "FAILURE"
        assert "missing-1.0-py3-none-any.whl" in failed["stdErr"]
        assert failed["resultCode"] is None
        (folder / "requirements.txt").unlink()
        assert tasks.ran("a")["taskStatus"] == "SUCCESS"


def test_what_is_gone_when_its_turn_comes_fails_with_a_reason(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    folder = write_extension(extensions / "e", {"b": ":", "c": ":"})
    with serving(tmp_path, extensions, max_tasks=1) as server, Visit(server.url) as visit:
        holding, tasks = Tasks(visit, "hold"), Tasks(visit, "e")
        holding.start("hold", name="first")
        without_action, without_extension = tasks.start("b"), tasks.start("c")
        hold.pid("first")
        write_extension(folder, {"c": ":"})
        hold.let_go("first")
        assert "action with name b" in tasks.ended(without_action)["stdErr"]
        assert tasks.ended(without_extension)["taskStatus"] == "SUCCESS"
        (folder / "manifest.yml").unlink()
        assert "exactly 1 extension" in tasks.refused("c")


@pytest.mark.long
def test_a_stop_is_not_held_up_by_a_stubborn_script(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions) as server:
        with Visit(server.url) as visit:
            Tasks(visit, "hold").start("stubborn", name="first")
            pid = hold.pid("first")
        assert server.stop() == 0
        assert not is_running(pid)
