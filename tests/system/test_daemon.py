"""The daemon as a process, with real files, a real server and real signals."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aqsync.local.aside import aside_name, noted
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.length import long_but
from tests.support.patience import HANG_S, wait_until
from tests.support.project import Project

OFTEN = {"aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2}
Make = Callable[..., Daemon]


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path / "p", embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def make(project: Project) -> Iterator[Make]:
    """Makes a daemon of the project, or of another one."""
    with ExitStack() as stack:

        def made(of: Project = project, **constants: float) -> Daemon:
            dotted = {name.replace("__", "."): value for name, value in constants.items()}
            return stack.enter_context(Daemon(of, dotted))

        yield made


@pytest.fixture
def daemon(make: Make) -> Daemon:
    return make(**{name.replace(".", "__"): value for name, value in OFTEN.items()})


def in_sync(project: Project) -> bool:
    return project.run("status").exit_code == 0


# Start and stop


def test_from_start_to_stop(project: Project, daemon: Daemon) -> None:
    project.write("before.csv", "1")
    daemon.start()
    assert any(line.startswith("STATUS=1 mapping") for line in daemon.told())
    daemon.wait_for_remote({"before.csv": b"1"})
    project.write("run/after.csv", "2")
    daemon.wait_for_remote({"run~after.csv": b"2"})
    wait_until(lambda: in_sync(project), "status in sync")
    assert daemon.stop() == 0
    assert "STOPPING=1" in daemon.told()
    assert "info started version=" in daemon.log[0]
    assert "info stopped uploaded=2 bytes=2" in daemon.log[-1]
    assert len(daemon.lines("info uploaded")) == 2
    assert daemon.lines("error") == daemon.lines("warning") == []


def test_a_change_is_sent_and_a_removal_is_kept(project: Project, daemon: Daemon) -> None:
    file = project.write("a.csv", "1")
    daemon.start()
    daemon.wait_for_remote({"a.csv"})
    project.write("a.csv", "22")
    daemon.wait(lambda: project.read("a.csv") == b"22", "the change")
    project.write("b.csv", "2")
    file.unlink()
    daemon.wait_for_remote({"b.csv"})
    assert daemon.stop() == 0
    assert project.remote_names() == {"a.csv", "b.csv"}


def test_a_directory_that_is_moved_in(project: Project, daemon: Daemon) -> None:
    daemon.start()
    for number in range(20):
        project.write(f"in/deep/{number}.csv", f"{number}", under=project.folder / "outside")
    (project.folder / "outside/in").rename(project.root / "in")
    daemon.wait_for_remote({f"in~deep~{n}.csv": f"{n}".encode() for n in range(20)})
    project.write("in/deep/later.csv", "later")
    daemon.wait_for_remote({"in~deep~later.csv": b"later"})
    assert daemon.stop() == 0


@pytest.mark.parametrize("count", long_but(1, [400, 2000]))
def test_many_files_at_once(project: Project, daemon: Daemon, count: int) -> None:
    daemon.start()
    names = {f"{number}.csv" for number in range(count)}
    for name in names:  # whole at once: without a settle time an empty one would be sent too
        project.write(name, name, under=project.folder).rename(project.root / name)
    daemon.wait_for_remote(names)
    daemon.wait(lambda: in_sync(project), "status in sync")
    assert daemon.stop() == 0
    assert f"info stopped uploaded={count}" in daemon.log[-1], "none is sent twice"
    assert len(daemon.lines("info uploaded")) < 60


def test_what_a_killed_command_left_aside_is_named(project: Project, make: Make) -> None:
    place = project.write("a.csv")
    with noted(project.journal, project.root, ["a.csv"]):
        place.rename(place.with_name(aside_name("a.csv")))
    daemon = make().start()
    daemon.wait_for_line(f"path={place} now={aside_name('a.csv')}")
    assert daemon.stop() == 0
    assert not place.exists()


def test_a_second_daemon_is_refused(project: Project, daemon: Daemon) -> None:
    daemon.start()
    ran = project.process("run")
    assert ran.exit_code == 4
    assert "is in use by another aqsync" in ran.err
    project.write("a.csv")
    daemon.wait_for_remote({"a.csv"})
    assert daemon.stop() == 0


@pytest.mark.parametrize("kind", ["missing", "a directory", "no YAML", "nonsense"])
def test_a_configuration_that_cannot_be_used(project: Project, kind: str) -> None:
    project.config.unlink()
    if kind == "a directory":
        project.config.mkdir()
    elif kind != "missing":
        project.config.write_text("{" if kind == "no YAML" else "nonsense: 1\n")
    ran = project.process("run")
    assert ran.exit_code == 2
    assert "Traceback" not in ran.text
    [line] = ran.err.splitlines()
    assert "error the daemon cannot run" in line
    assert str(project.config) in line


# Signals


def test_a_new_configuration_is_taken_over(project: Project, daemon: Daemon) -> None:
    daemon.start()
    other = project.folder / "other"
    project.write("b.csv", "of the other", under=other)
    project.configure(
        {"name": "other", "directory": str(other), "experiment": project.eid, "prefix": "o"},
        prefix="m",
    )
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_remote({"o~b.csv": b"of the other"})
    daemon.wait_for_line("info reloaded")
    told = daemon.told()
    assert "RELOADING=1" in told
    daemon.wait(lambda: daemon.told().count("READY=1") == 2, "READY")
    project.write("a.csv", "of the first")
    daemon.wait_for_remote({"m~a.csv": b"of the first"})
    assert daemon.stop() == 0


def test_a_bad_configuration_is_refused_and_the_old_one_stays(
    project: Project, daemon: Daemon
) -> None:
    daemon.start()
    good = project.config.read_text()
    project.config.write_text(good.replace("directory:", "directorry:"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("error the new configuration is refused, the old one stays")
    assert "directorry" in daemon.lines("is refused")[0]
    daemon.wait(lambda: daemon.told().count("READY=1") == 2, "READY")
    project.write("a.csv")
    daemon.wait_for_remote({"a.csv"})
    project.config.write_text(good)
    ran = project.run("status")
    assert "it refused the changed configuration, and works by the old one:" in ran.text
    assert "directorry" in ran.text
    assert project.run("reload").exit_code == 0
    assert "refused" not in project.run("status").text
    assert daemon.stop() == 0


class Held:
    """Uploads that go no further than half, until they may."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Event()

    def __call__(self, exchange: Exchange) -> bool:
        exchange.read(exchange.length // 2)
        self.begun.set()
        self.go_on.wait(HANG_S)
        return exchange.pass_on()


LARGE = b"0123456789abcdef" * (4 << 16)
"""4 MiB: more than the buffers of a connection hold."""


def move_in_large(project: Project) -> None:
    """Whole at once: without a settle time a file is sent as far as it has been written."""
    project.write("large.bin", LARGE, under=project.folder).rename(project.root / "large.bin")


@pytest.fixture
def held(project: Project) -> Iterator[Held]:
    """The project's uploads go through a server that holds them up."""
    held = Held()
    with InterceptingProxy(project.url) as proxy:
        proxy.on(UPLOAD, held, times=1)
        project.configure(server={"url": proxy.url})
        yield held
        held.go_on.set()


def test_what_is_under_way_ends_before_the_daemon_does(
    project: Project, daemon: Daemon, held: Held
) -> None:
    daemon.start()
    move_in_large(project)
    daemon.wait(held.begun.is_set, "the upload")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_line("info stopping under_way=1")
    project.write("late.csv", "after the signal")
    held.go_on.set()
    assert daemon.ended() == 0
    assert project.remote() == {"large.bin": LARGE}
    assert project.pushed()["uploaded"] == 1, "only what came too late"


def test_a_second_signal_breaks_everything_off(project: Project, make: Make, held: Held) -> None:
    daemon = make(aqsync__service__daemon__STOP_DEADLINE_S=10 * HANG_S).start()
    move_in_large(project)
    daemon.wait(held.begun.is_set, "the upload")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_line("info stopping under_way=1")
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0
    assert len(daemon.lines("a second signal")) == 1
    assert project.remote_names() == set()
    held.go_on.set()
    daemon.start()
    daemon.wait_for_remote({"large.bin": LARGE})
    assert daemon.stop() == 0


def test_the_deadline_breaks_off_what_does_not_end(
    project: Project, make: Make, held: Held
) -> None:
    daemon = make(aqsync__service__daemon__STOP_DEADLINE_S=0.5).start()
    move_in_large(project)
    daemon.wait(held.begun.is_set, "the upload")
    assert daemon.stop() == 0
    assert len(daemon.lines("transfers were broken off")) == 1
    assert project.remote_names() == set()


def test_an_upload_goes_on_while_the_configuration_changes(
    project: Project, daemon: Daemon, held: Held
) -> None:
    daemon.start()
    move_in_large(project)
    daemon.wait(held.begun.is_set, "the upload")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("info reloaded")
    project.write("small.csv", "beside it")
    daemon.wait_for_remote({"small.csv": b"beside it"})
    assert "large.bin" not in project.remote_names()
    held.go_on.set()
    daemon.wait_for_remote({"large.bin": LARGE})
    daemon.wait(lambda: in_sync(project), "status in sync")
    assert daemon.stop() == 0
    assert "uploaded=2" in daemon.log[-1], "neither was sent twice"


def test_a_push_goes_on_while_the_configuration_changes(
    project: Project, daemon: Daemon, held: Held
) -> None:
    daemon.start()
    assert project.run("pause").exit_code == 0
    move_in_large(project)
    with project.start("push", "--now", "--json") as push:
        daemon.wait(held.begun.is_set, "the upload")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("info reloaded")
        held.go_on.set()
        out, err = push.communicate(timeout=HANG_S)
    assert push.returncode == 0, out + err
    assert project.remote() == {"large.bin": LARGE}
    assert daemon.stop() == 0
    assert daemon.lines("the server cannot be used") == []


def test_killed_and_started_again(project: Project, daemon: Daemon, held: Held) -> None:
    contents = project.write_some(200)
    move_in_large(project)
    daemon.start(ready=False)
    daemon.wait(held.begun.is_set, "the upload")
    daemon.kill()
    held.go_on.set()
    daemon.start()
    daemon.wait_for_remote({*contents, "large.bin"})
    daemon.wait(lambda: in_sync(project), "status in sync")
    assert daemon.stop() == 0
    assert project.remote() == contents | {"large.bin": LARGE}


# What is in the way for a while


def test_a_root_that_is_moved_away_and_back(project: Project, daemon: Daemon) -> None:
    project.configure(on_local_delete="remove", remove_share="100%")
    project.write("a.csv")
    daemon.start()
    daemon.wait_for_remote({"a.csv"})
    away = project.root.with_name("away")
    project.root.rename(away)
    daemon.wait_for_line("warning cannot be looked at")
    project.write("b.csv", under=away)
    away.rename(project.root)
    daemon.wait_for_remote({"a.csv", "b.csv"})
    project.write("c.csv")
    daemon.wait_for_remote({"c.csv"})
    assert daemon.stop() == 0
    assert len(daemon.lines("cannot be looked at")) == 1
    assert len(daemon.lines("can be looked at again")) == 1
    assert project.remote_names() == {"a.csv", "b.csv", "c.csv"}


def test_a_root_that_appears_later(project: Project, daemon: Daemon) -> None:
    project.root.rmdir()
    daemon.start()
    daemon.wait_for_line("does not exist")
    project.write("a.csv")
    daemon.wait_for_remote({"a.csv"})
    project.write("b.csv")
    daemon.wait_for_remote({"b.csv"})
    assert daemon.stop() == 0


def test_a_server_that_goes_and_comes_again(tmp_path: Path, make: Make) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "own", server.url)
        daemon = make(project).start()
        project.write("a.csv")
        daemon.wait_for_remote({"a.csv"})
        server.stop()
        contents = project.write_some(30)
        daemon.wait_for_line("warning the server cannot be used")
        assert not in_sync(project)
        server.start()
        daemon.wait_for_remote(contents)
        daemon.wait_for_line("info recovered")
        assert daemon.stop() == 0
        assert len(daemon.lines("the server cannot be used")) == 1
        assert len(daemon.lines("recovered")) == 1
        assert daemon.lines("failed") == []
        kinds = project.run("history").out
        assert "server away" in kinds
        assert "server back" in kinds
        project.close()


def test_a_pause_outlives_a_restart(project: Project, daemon: Daemon) -> None:
    daemon.start()
    assert project.run("pause").exit_code == 0
    assert daemon.stop() == 0
    project.write("a.csv")
    daemon.start()
    assert "paused by a person" in project.run("status").text
    assert project.remote_names() == set()
    assert project.run("resume").exit_code == 0
    daemon.wait_for_remote({"a.csv"})
    assert daemon.stop() == 0


def test_while_paused_a_new_configuration_ends_the_old_loops(project: Project, make: Make) -> None:
    daemon = make(aqsync__sync__session__LOOPS_END_S=10 * HANG_S).start()
    assert project.run("pause").exit_code == 0
    for number in range(1, 4):
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("info reloaded", number)
    assert daemon.stop() == 0
    assert daemon.lines("did not end in time") == []


@pytest.mark.long
def test_a_file_that_never_stands_still_is_named(
    project: Project, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.configure(settle="3s")  # a writer on a busy machine may stand still for a while
    monkeypatch.setattr("aqsync.sync.planner.LONG_CHANGING_NS", 1_000_000_000)
    project.write("still.csv")
    daemon = make(aqsync__sync__planner__LONG_CHANGING_NS=1_000_000_000).start()
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.05):
            number += 1
            project.write("log.out", "x" * number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        daemon.wait(
            lambda: "log.out: keeps changing before it can be sent" in project.run("status").out,
            "status names it",
        )
        daemon.wait_for_remote({"still.csv"})
        assert "log.out" not in project.remote_names()
    finally:
        stop.set()
        writer.join()
    daemon.wait_for_remote({"log.out"})
    assert daemon.stop() == 0


@pytest.mark.long
def test_versions_of_a_file_that_grows_are_there_while_it_grows(
    project: Project, daemon: Daemon
) -> None:
    project.configure(settle="2s", growing={"every": "4s", "budget": 20})
    daemon.start()
    stop, place = threading.Event(), project.root / "run.log"

    def write() -> None:
        with place.open("a", buffering=1) as log:
            for number in itertools.count():
                log.write(f"{number:06} a line\n")
                if stop.wait(0.05):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        daemon.wait_for_remote({"run.log"})
        daemon.wait(
            lambda: "provisional, " in project.run("status").out, "status tells how old it is"
        )
        versions = [project.read("run.log")]
        daemon.wait(lambda: project.read("run.log") != versions[0], "the next version is there")
        versions.append(project.read("run.log"))
    finally:
        stop.set()
        writer.join()
    daemon.wait(lambda: project.run("status").exit_code == 0, "all of it is there")
    final = place.read_bytes()
    assert project.read("run.log") == final
    assert all(final.startswith(each) and each.endswith(b"\n") for each in versions)
    assert daemon.stop() == 0


# Folders that belong together


@pytest.mark.long
def test_a_measurement_goes_when_it_is_complete(project: Project, daemon: Daemon) -> None:
    complete = {"sentinel": ["done.tag"], "closed": True, "needs": "all"}
    section = {
        "folder": "{run}/",
        "complete": complete,
        "send": "when_complete",
        "last": ["*.json"],
    }
    project.configure(measurement=section)
    daemon.start()
    project.write("run/node.json", "{}")
    project.write("apart.csv", "0")
    with (project.root / "run/iq.csv").open("w") as writer:
        writer.write("1")
        writer.flush()
        project.write("run/done.tag")
        daemon.wait_for_remote({"apart.csv": b"0"})
        assert "run/iq.csv is open for writing" in project.run("ls", "--measurements").out
        project.write("again.csv", "0")  # by the time that it is there, all else could be
        daemon.wait_for_remote({"apart.csv": b"0", "again.csv": b"0"})
    sent = {"run~iq.csv": b"1", "run~done.tag": b"data", "run~node.json": b"{}"}
    daemon.wait_for_remote({"apart.csv": b"0", "again.csv": b"0", **sent})
    kinds = ["--kind=uploaded", "--kind=measurement-on-server"]
    daemon.wait(lambda: "measurement on server" in project.run("history", *kinds).out, "told")
    events = project.run("history", *kinds, "--json").json["events"]
    assert [Path(event["path"]).name for event in events][-2:] == ["node.json", "run"]
