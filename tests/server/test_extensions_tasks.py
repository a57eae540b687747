"""Tasks on a real server: how many at once, in which order, and every way in which they end."""

from __future__ import annotations

import ast
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.visit import Visit
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import (
    Tasks,
    is_running,
    parameter,
    wait_for,
    wait_until_gone,
    write_extension,
)

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


@contextmanager
def serving(tmp_path: Path, extensions: Path, **options: Any) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "da ta", extensions=extensions, **options) as server:
        yield server
    assert "Traceback" not in server.log


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


def test_what_a_script_finds_in_its_environment(
    tmp_path: Path, extensions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQSYNC_API_TOKEN", "a secret of the server")
    monkeypatch.setenv("LC_TIME", "C.UTF-8")
    write_extension(
        extensions / "e",
        {"env": 'pwd; $python -c "import os; print(dict(os.environ))"'},
        parameters=[parameter("x", "str"), parameter("API_TOKEN", "str")],
        constants={"x": "weaker than a parameter", "c": "constant", "api_token": "not this one"},
    )
    with serving(tmp_path, extensions, token="a token") as server:  # noqa: SIM117 - it reads so
        with Visit(server.url, "a token") as visit:
            ended = Tasks(visit, "e").ran("env", x="µ \"$HOME\" 'x'", API_TOKEN="its own")
    assert ended["taskStatus"] == "SUCCESS", ended["stdErr"]
    folder, shown = ended["stdOut"].splitlines()
    assert folder == str(extensions / "e")
    variables: dict[str, str] = ast.literal_eval(shown)
    assert variables["x"] == "µ \"$HOME\" 'x'"
    assert variables["c"] == "constant"
    assert variables["aqueduct_url"] == f"{server.url}/"
    assert variables["api_token"] == "a token"
    assert variables["API_TOKEN"] == "its own"
    assert variables["AQSYNC_TASK"] == ended["uuid"]
    assert variables["LC_TIME"] == "C.UTF-8"
    inherited = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
    inherited |= {"SSL_CERT_FILE", "SSL_CERT_DIR"}
    rest = {name for name in variables if not name.startswith("LC_")} - inherited
    assert rest == {
        *("experiment", "x", "c", "aqueduct_url", "api_token", "API_TOKEN", "python", "PWD"),
        "AQSYNC_TASK",
    }


def test_a_manifest_may_name_another_server(tmp_path: Path, extensions: Path) -> None:
    write_extension(
        extensions / "e", {"say": 'echo "$aqueduct_url"'}, aqueduct_url="https://elsewhere/"
    )
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        assert Tasks(visit, "e").ran("say")["stdOut"] == "https://elsewhere/\n"


def test_orders_that_are_refused(tmp_path: Path, extensions: Path) -> None:
    write_extension(
        extensions / "e", {"a": ":"}, parameters=[parameter("t", "str"), parameter("f", "file")]
    )
    actions = [{"name": "alone", "script": ":", "parameters": [parameter("t", "str")]}]
    write_extension(extensions / "lonely", {}, actions=actions)
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        eid, uuid = tasks.experiment["eid"], tasks.experiment["uuid"]
        visit.put(uuid, "data.csv", b"")
        assert tasks.refused("a", t="a\0b", f="data.csv") == "The value of t has a NUL character."
        assert "is longer than" in tasks.refused("a", t="x" * 200_000, f="data.csv")
        assert tasks.refused("a", t="", f="x") == f"The experiment {eid} has no file x."
        assert tasks.refused("a", t="", f="") == "Invalid file name."
        for name in ("../catalog.db", "a\0b", ".."):
            assert "file name" in tasks.refused("a", t="", f=name) or "\0" in name
        assert (
            tasks.refused("a", t="", f="data.csv", experiment="20200101-1")
            == "Non-existing experiment with the specified eid for the user."
        )
        assert "exactly 1 action" in tasks.refused("../a", t="", f="data.csv")
        tasks.extension = "../e"
        assert "exactly 1 extension" in tasks.refused("a", t="", f="data.csv")
        tasks.extension = "lonely"
        refused = visit.graphql(
            "mutation($uuid: UUID!) {executeExtension(executeExtensionInput: {experimentUuid:"
            ' $uuid, extension: "lonely", action: "alone", params: [["t", ""]]}) {uuid}}',
            uuid=uuid,
        )
        assert "has no parameter of the type experiment" in refused["errors"][0]["message"]
        assert visit.ask("{tasks(offset: 0, limit: 1) {totalTasksCount}}")["totalTasksCount"] == 0


def test_what_cannot_be_run_fails_with_a_reason(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    folder = write_extension(extensions / "e", {"a": ":", "b": ":", "c": ":"})
    (folder / "requirements.txt").write_text("./missing-1.0-py3-none-any.whl\n")
    with serving(tmp_path, extensions, max_tasks=1) as server, Visit(server.url) as visit:
        holding, tasks = Tasks(visit, "hold"), Tasks(visit, "e")
        failed = tasks.ran("a")
        assert failed["taskStatus"] == "FAILURE"
        assert "missing-1.0-py3-none-any.whl" in failed["stdErr"]
        assert failed["resultCode"] is None
        (folder / "requirements.txt").unlink()
        assert tasks.ran("a")["taskStatus"] == "SUCCESS"
        # What an extension had when the task was ordered may be gone when its turn comes.
        holding.start("hold", name="first")
        without_action, without_extension = tasks.start("b"), tasks.start("c")
        hold.pid("first")
        write_extension(folder, {"c": ":"})
        hold.let_go("first")
        assert "action with name b" in tasks.ended(without_action)["stdErr"]
        assert tasks.ended(without_extension)["taskStatus"] == "SUCCESS"
        (folder / "manifest.yml").unlink()
        assert "exactly 1 extension" in tasks.refused("c")


def test_a_script_that_is_too_long_for_the_system(tmp_path: Path, extensions: Path) -> None:
    parameters = [parameter(f"p{number}", "textarea") for number in range(30)]
    write_extension(extensions / "e", {"a": ":"}, parameters=parameters)
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        values = {f"p{number}": "x" * 120_000 for number in range(30)}
        failed = Tasks(visit, "e").ran("a", **values)
        assert failed["taskStatus"] == "FAILURE"
        assert "Argument list too long" in failed["stdErr"]


def test_filters_that_only_this_server_has(tmp_path: Path, extensions: Path) -> None:
    write_extension(extensions / "e", {"a": ":"})
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        newest_first = [tasks.start("a") for _ in range(5)][::-1]
        Tasks(visit, "e").start("a")

        def found(
            filters: dict[str, Any], offset: int = 0, limit: int = 9
        ) -> tuple[int, list[str]]:
            page = visit.ask(
                "query($o: Int!, $l: Int!, $f: TasksFilterInput) {tasks(offset: $o, limit: $l,"
                " filters: $f) {totalTasksCount tasksData {uuid}}}",
                o=offset,
                l=limit,
                f=filters,
            )
            return page["totalTasksCount"], [task["uuid"] for task in page["tasksData"]]

        own = {"experiment": {"type": "EID", "value": tasks.experiment["eid"]}}
        assert found(own) == (5, newest_first)
        assert found({}) == (6, found({})[1])
        assert found({"experiment": {"type": "EID", "value": "20200101-1"}}) == (0, [])
        # The filter's own window is cut first, and the page out of it.
        assert found({**own, "limit": 3}) == (3, newest_first[:3])
        assert found({**own, "offset": 1, "limit": 3}) == (3, newest_first[1:4])
        assert found({**own, "offset": 1, "limit": 3}, 2, 2) == (3, newest_first[3:4])
        assert found({**own, "offset": 9}) == (0, [])
        assert found({**own, "offset": 4, "limit": 500}, 0, 500) == (1, newest_first[4:])
        assert found({**own, "limit": 3}, 5, 5) == (3, [])


def test_a_stop_is_not_held_up_by_a_stubborn_script(
    tmp_path: Path, extensions: Path, hold: Hold
) -> None:
    with serving(tmp_path, extensions) as server:
        with Visit(server.url) as visit:
            Tasks(visit, "hold").start("stubborn", name="first")
            pid = hold.pid("first")
        assert server.stop() == 0
        assert not is_running(pid)


def test_a_catalog_of_an_older_release_is_brought_up_to_date(
    tmp_path: Path, extensions: Path
) -> None:
    write_extension(extensions / "e", {"a": ":"})
    with serving(tmp_path, extensions) as server:
        with Visit(server.url) as visit:
            old = visit.create("made before there were tasks")
        server.stop()
        database = sqlite3.connect(server.data / "catalog.db")
        database.executescript("DROP TABLE task; PRAGMA user_version = 1;")
        database.close()
        server.start()
        with Visit(server.url) as visit:
            assert Tasks(visit, "e").ran("a")["taskStatus"] == "SUCCESS"
            listed = visit.ask(
                "{experiments(offset: 0, limit: 9) {experimentsData {eid tasks {uuid}}}}"
            )
            assert {"eid": old["eid"], "tasks": []} in listed["experimentsData"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--extensions", "missing"], "the directory of extensions missing does not exist"),
        (["--max-tasks", "0"], "no task could ever run"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "aqsync.server", "--data", "data", "--port", "0", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}\n")
    assert not (tmp_path / "data").exists()
