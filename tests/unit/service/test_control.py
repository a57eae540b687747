"""The Unix socket with a real engine behind it: orders, events, answers, errors, ends."""

from __future__ import annotations

import gc
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from aqsync import __version__
from aqsync.clock import SystemClock
from aqsync.config import Config, ServerConfig
from aqsync.errors import (
    AqsyncError,
    BadRequest,
    ConfigError,
    DaemonStopped,
    ExitCode,
    JournalDiskFull,
    NoDaemon,
)
from aqsync.model import State
from aqsync.service.web import client as client_module
from aqsync.service.web import work as work_module
from aqsync.service.web.client import DaemonClient
from aqsync.service.web.control import ControlServer
from aqsync.service.web.local_socket import listen, socket_path
from aqsync.service.web.models import PushRequest, RetryRequest, encoded
from aqsync.sync.progress import Event, Finished, Planned, Sent
from aqsync.sync.report import PushReport
from aqsync.sync.session import Session
from tests.support.fake_daemon import FakeDaemon, listening
from tests.support.lab import EID, Lab
from tests.support.patience import HANG_S, wait_until
from tests.support.stepping import shared_by

ALIVE = {"event": "alive"}


@pytest.fixture
def worker(lab: Lab) -> Iterator[FakeDaemon]:
    config = Config(
        server=ServerConfig(url="http://127.0.0.1:1"),
        journal=lab.journal_path,
        mappings=(lab.mapping,),
        path=lab.root.parent / "aqsync.yaml",
    )
    session = Session(
        config, lab.server, shared_by(lab.journal, SystemClock()), [lab.mapping], orders_only=True
    )
    with session.running():
        yield FakeDaemon(session)


@pytest.fixture
def control(worker: FakeDaemon) -> Iterator[ControlServer]:
    with listening(worker, SystemClock()) as server:
        yield server


def found(worker: FakeDaemon) -> DaemonClient:
    daemon = DaemonClient.find(worker.config.journal)
    assert daemon is not None
    return daemon


def request(worker: FakeDaemon) -> PushRequest:
    mappings = {m.name: str(m.directory) for m in worker.config.mappings}
    return PushRequest(
        config=str(worker.config.path),
        mappings=mappings,
        within={},
        wait=True,
        longest_wait_s=120.0,
        overwrite=False,
        at_once=False,
    )


def push(worker: FakeDaemon, events: list[Event], **keys: object) -> PushReport:
    with found(worker) as daemon:
        return daemon.push(request(worker).model_copy(update=keys), events.append)


# Push


@pytest.mark.usefixtures("control")
def test_a_push_is_told_as_it_goes_on_and_in_the_end(lab: Lab, worker: FakeDaemon) -> None:
    lab.write("a.csv", b"12345")
    lab.write("deep/b.csv", b"")
    events: list[Event] = []
    report = push(worker, events)
    assert lab.remote == {"a.csv": b"12345", "deep~b.csv": b""}
    assert report.counts["uploaded"] == 2
    assert (report.bytes, report.complete, report.exit_code) == (5, True, ExitCode.OK)
    assert Planned(2, 5) in events
    assert sum(event.size for event in events if isinstance(event, Sent)) == 5
    ended = [event for event in events if isinstance(event, Finished)]
    assert sorted(ended, key=lambda event: event.path) == [
        Finished("lab", "a.csv", "Uploaded", 5, ""),
        Finished("lab", "deep/b.csv", "Uploaded", 0, ""),
    ]


@pytest.mark.usefixtures("control")
def test_many_problems(lab: Lab, worker: FakeDaemon) -> None:
    """With whatever bytes their paths hold."""
    places = [lab.write(os.fsdecode(b"bad-\xff-%d\n" % number), b"ours") for number in range(250)]
    lab.scan()
    for place in places:
        lab.server.put(EID, lab.record(place.name).remote_name, b"theirs")
    report = push(worker, [])
    assert report.counts["held"] == len(report.problems) == 250
    assert {problem.path for problem in report.problems} == set(map(str, places))
    assert {problem.state for problem in report.problems} == {State.HELD}
    assert report.exit_code is ExitCode.INCOMPLETE
    assert PushReport.from_dict(report.to_dict()) == replace(
        report, seconds=round(report.seconds, 3)
    )


@pytest.mark.usefixtures("control")
def test_only_what_was_named_is_pushed(lab: Lab, worker: FakeDaemon) -> None:
    lab.write("a/1", b"1")
    lab.write("b/2", b"2")
    push(worker, [], within={"lab": ["a"]}, overwrite=True, wait=False, at_once=True)
    assert lab.remote == {"a~1": b"1"}
    [limits] = worker.limits
    assert limits.mappings == ("lab",)
    assert (limits.overwrite, limits.wait_for_settling, limits.at_once) == (True, False, True)


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        ({"config": "/elsewhere.yaml"}, "works by", "--config"),
        ({"mappings": {"new": "/d"}}, "does not know the mapping 'new'", "aqsync reload"),
        ({"mappings": {"lab": "/moved"}}, "the directory of 'lab' is /moved", "aqsync reload"),
        ({"within": {"lab": ["../x"]}}, "'../x' leads out of its mapping's directory", ""),
        ({"within": {"lab": ["/etc"]}}, "'/etc' leads out of its mapping's directory", ""),
        ({"within": {"lab": ["missing"]}}, "/missing does not exist", "check the path"),
    ],
)
def test_a_push_that_the_daemon_cannot_do(
    worker: FakeDaemon, keys: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(AqsyncError, match=message) as caught:
        push(worker, [], **keys)
    assert hint in caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.usefixtures("control")
def test_an_error_keeps_its_exit_code_and_hint(
    worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> PushReport:
        raise JournalDiskFull("the disk is full", hint="free some space")

    monkeypatch.setattr(worker, "push", full)
    with pytest.raises(AqsyncError, match="the disk is full") as caught:
        push(worker, [])
    assert caught.value.hint == "free some space"
    assert caught.value.exit_code is ExitCode.INCOMPLETE


@pytest.mark.usefixtures("control")
def test_a_fault_of_the_daemon_ends_only_the_request(
    worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> PushReport:
        raise ZeroDivisionError("oops")

    with monkeypatch.context() as patched:
        patched.setattr(worker, "push", broken)
        with pytest.raises(AqsyncError, match="internal error of the daemon: oops"):
            push(worker, [])
    assert "an internal error" in caplog.text
    assert push(worker, []).complete


def test_no_daemon(worker: FakeDaemon) -> None:
    assert DaemonClient.find(worker.config.journal) is None


# Ends


class Held:
    """Holds the upload of a file until told."""

    def __init__(self, lab: Lab) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        lab.server.troubles["upload"].append(self._hold)

    def _hold(self) -> None:
        self.reached.set()
        assert self.go_on.wait(HANG_S)


def in_thread(worker: FakeDaemon, daemon: DaemonClient) -> tuple[threading.Thread, list[object]]:
    answers: list[object] = []

    def ask() -> None:
        try:
            answers.append(daemon.push(request(worker), lambda _event: None))
        except AqsyncError as exc:
            answers.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


@pytest.mark.usefixtures("control")
def test_asked_to_stop_a_push_ends_what_is_under_way(lab: Lab, worker: FakeDaemon) -> None:
    for number in range(40):
        lab.write(f"{number:02}", b"x")
    held = Held(lab)
    with found(worker) as daemon:
        thread, answers = in_thread(worker, daemon)
        assert held.reached.wait(HANG_S)
        daemon.ask_to_stop()
        assert worker.stops[0].wait(HANG_S)
        held.go_on.set()
        thread.join()
    [report] = answers
    assert isinstance(report, PushReport)
    assert report.exit_code is ExitCode.INTERRUPTED
    assert 0 < len(lab.remote) == report.counts["uploaded"]


@pytest.mark.usefixtures("control")
def test_who_leaves_ends_the_request(lab: Lab, worker: FakeDaemon) -> None:
    lab.write("a", b"x")
    held = Held(lab)
    with found(worker) as daemon:
        thread, answers = in_thread(worker, daemon)
        assert held.reached.wait(HANG_S)
        daemon.leave()
        thread.join()
        assert worker.stops[0].wait(HANG_S)
        held.go_on.set()
    [answer] = answers
    assert isinstance(answer, DaemonStopped)


def test_a_daemon_that_stops_ends_requests_and_says_so(lab: Lab, worker: FakeDaemon) -> None:
    lab.write("a", b"x")
    held = Held(lab)
    with listening(worker, SystemClock()) as server, found(worker) as daemon:
        thread, answers = in_thread(worker, daemon)
        assert held.reached.wait(HANG_S)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert worker.stops[0].wait(HANG_S)
        held.go_on.set()
        stopping.join()
        thread.join()
        assert DaemonClient.find(worker.config.journal) is None
        assert not server.path.exists()
    assert isinstance(answers[0], DaemonStopped)


def test_a_daemon_that_hangs_is_told(worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_S", 0.05)
    with (
        listen(socket_path(worker.config.journal)),
        found(worker) as daemon,
        pytest.raises(NoDaemon, match="does not answer"),
    ):
        daemon.reload()


def test_long_work_is_alive(lab: Lab, worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after it was asked to stop."""
    monkeypatch.setattr(work_module, "ALIVE_EVERY_S", 0.001)
    lab.write("a", b"x")
    held = Held(lab)
    with listening(worker, SystemClock()) as server, asking(server.path) as http:
        peer = http.sock
        http.request("POST", "/push", encoded(request(worker)))
        with http.getresponse() as lines:
            assert held.reached.wait(HANG_S)
            peer.shutdown(socket.SHUT_WR)
            assert worker.stops[0].wait(HANG_S)
            assert sum(json.loads(lines.readline()) == ALIVE for _ in range(20)) > 2
            held.go_on.set()
            while (line := json.loads(lines.readline()))["event"] != "done":
                pass
    assert line["answer"]["interrupted"] is True


def test_a_slow_answer_of_a_short_order(
    worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever takes long is known to be alive, and ends with an answer or an error."""
    monkeypatch.setattr(work_module, "ALIVE_EVERY_S", 0.001)
    go_on = threading.Event()
    reload = worker.reload

    def slow() -> None:
        assert go_on.wait(HANG_S)
        reload()

    monkeypatch.setattr(worker, "reload", slow)
    with listening(worker, SystemClock()) as server:
        with asking(server.path) as http:
            http.request("POST", "/reload", b"{}")
            with http.getresponse() as lines:
                assert lines.status == 200
                assert json.loads(lines.readline()) == ALIVE
                go_on.set()
        with found(worker) as daemon:
            daemon.reload()
        worker.refuse = ConfigError("line 3: settle", hint="a duration such as 5s")
        go_on.clear()
        with found(worker) as daemon:
            threading.Timer(0.05, go_on.set).start()
            with pytest.raises(AqsyncError, match="line 3: settle"):
                daemon.reload()


# Over HTTP as anybody may speak it


@contextmanager
def asking(path: Path) -> Iterator[HTTPConnection]:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(HANG_S)
        peer.connect(str(path))
        http = HTTPConnection("aqsync")
        http.sock = peer
        yield http
        http.close()


def test_curl(control: ControlServer, worker: FakeDaemon) -> None:
    """As docs/reference/control.md shows it."""

    def curl(*arguments: str) -> Any:
        command = ["curl", "--silent", "--unix-socket", str(control.path), *arguments]
        done = subprocess.run(command, capture_output=True, check=True)
        return json.loads(done.stdout)

    assert curl("http://aqsync/status") == worker.status().model_dump()
    paused = '{"mapping": "lab", "seconds": 3600}'
    assert curl("--data", paused, "http://aqsync/pause") == {}
    assert worker.asked == ["pause lab 3600.0"]
    refused = curl("--data", '{"mapping": "new", "seconds": null}', "http://aqsync/pause")
    assert refused["kind"] == "ConfigError"
    assert refused["exit_code"] == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/status", 405), ("GET", "/push", 405), ("POST", "/stop", 404)],
)
def test_what_it_does_not_serve(
    control: ControlServer, method: str, path: str, status: int
) -> None:
    with asking(control.path) as http:
        http.request(method, path)
        with http.getresponse() as response:
            assert response.status == status
            assert json.loads(response.read())["kind"] == "BadRequest"


@pytest.mark.usefixtures("control")
def test_errors_have_a_status(control: ControlServer, worker: FakeDaemon) -> None:
    for error, status in [
        (ConfigError("wrong"), 400),
        (DaemonStopped("it stops"), 503),
        (JournalDiskFull("full"), 500),
    ]:
        worker.refuse = error
        with asking(control.path) as http:
            http.request("POST", "/reload", b"{}")
            with http.getresponse() as response:
                assert response.status == status
                assert json.loads(response.read())["kind"] == type(error).__name__


@pytest.mark.usefixtures("control")
def test_a_daemon_of_another_release(worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they do not understand each other, both are named."""
    monkeypatch.setattr(client_module, "__version__", "99.1")
    with found(worker) as daemon, pytest.raises(BadRequest, match="GET /future") as caught:
        daemon._ask("/future", lambda answer: answer)
    assert f"the daemon is aqsync/{__version__}, this command aqsync/99.1" in caught.value.hint
    assert "restart the daemon" in caught.value.hint
    monkeypatch.setattr(worker, "status", lambda: {"process": 1, "mood": "fine"})
    with found(worker) as daemon, pytest.raises(BadRequest, match="not understood") as caught:
        daemon.status()
    assert "restart the daemon" in caught.value.hint


def test_commands_do_not_import_the_server() -> None:
    code = "import sys, aqsync.service.web.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"uvicorn", "starlette", "asyncio", "httpx"} & set(done.stdout.split())


# The other orders


def retry(worker: FakeDaemon, *places: Path) -> RetryRequest:
    paths = [str(place) for place in places]
    return RetryRequest(config=str(worker.config.path), paths=paths, mappings=[])


@pytest.mark.usefixtures("control")
def test_retry(lab: Lab, worker: FakeDaemon) -> None:
    lab.write("a", b"x")
    push(worker, [])
    lab.server.remove_files(UUID(lab.journal.remote.uuid(EID)), ["a"])
    assert push(worker, []).counts["held"] == 1
    with found(worker) as daemon:
        assert daemon.retry(retry(worker, lab.root / "a")) == 1
    assert worker.asked[-1] == "look again"
    assert push(worker, []).counts["uploaded"] == 1
    with found(worker) as daemon, pytest.raises(AqsyncError, match="nothing is known of"):
        daemon.retry(retry(worker, lab.root / "b"))
    with found(worker) as daemon, pytest.raises(AqsyncError, match="does not know"):
        daemon.retry(retry(worker).model_copy(update={"mappings": ["new"]}))


@pytest.mark.usefixtures("control")
def test_short_orders(worker: FakeDaemon) -> None:
    with found(worker) as daemon:
        daemon.pause("lab", 60.0)
    with found(worker) as daemon:
        daemon.pause(None, None)
    with found(worker) as daemon:
        daemon.resume(None)
    with found(worker) as daemon:
        daemon.reload()
    assert worker.asked == ["pause lab 60.0", "pause None None", "resume None", "reload"]
    with found(worker) as daemon:
        assert daemon.status() == worker.status()
    worker.refuse = ConfigError("line 3: settle", hint="a duration such as 5s")
    with found(worker) as daemon, pytest.raises(AqsyncError, match="line 3: settle") as caught:
        daemon.reload()
    assert caught.value.exit_code is ExitCode.USAGE
    with found(worker) as daemon, pytest.raises(AqsyncError, match="does not know the mapping"):
        daemon.pause("new", None)


@pytest.mark.usefixtures("control")
def test_more_than_a_request_holds(worker: FakeDaemon) -> None:
    many = [f"run/{number:0200}" for number in range(6000)]
    with pytest.raises(ConfigError, match="more than the daemon takes at once"):
        push(worker, [], within={"lab": many})


# The socket's file


def test_only_this_user_may_talk(control: ControlServer) -> None:
    assert stat.S_IMODE(control.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(control.path.stat().st_mode) == 0o600


def test_a_folder_that_others_may_enter_is_closed(worker: FakeDaemon) -> None:
    folder = socket_path(worker.config.journal).parent
    folder.mkdir(mode=0o755)
    with listening(worker, SystemClock()), found(worker) as daemon:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        daemon.reload()


def test_others_are_not_heard(
    control: ControlServer, worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert control.path.exists()
    monkeypatch.setattr("aqsync.service.web.connection.trusted_users", frozenset)
    with found(worker) as daemon, pytest.raises(DaemonStopped):
        daemon.reload()
    assert worker.asked == []


def test_a_socket_of_another_user_is_told_of_and_not_asked(
    control: ControlServer, worker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.service.web.client.users_of", lambda _journal: {12345})
    with pytest.raises(NoDaemon, match=f"{control.path} is not used.* belongs to the user"):
        found(worker)
    # The socket's name is this user's, the process behind it is not.
    monkeypatch.setattr("aqsync.service.web.local_socket.distrust", lambda *_: None)
    with pytest.raises(NoDaemon, match="another user listens there"):
        found(worker)
    assert worker.asked == []


def test_a_folder_of_the_socket_that_others_may_write_to_is_told_of(
    control: ControlServer, worker: FakeDaemon
) -> None:
    control.path.parent.chmod(0o777)
    with pytest.raises(NoDaemon, match=r"can be written to by every user \(mode 0777\)"):
        found(worker)


def test_who_connects_as_it_ends_is_hung_up_on(worker: FakeDaemon) -> None:
    """Else asyncio forgets the connection, and its socket stays open."""
    server = ControlServer(worker.config.journal, worker, SystemClock())
    server.start()
    peers: list[socket.socket] = []
    with ExitStack() as stack:

        def connect_and_end() -> None:
            peers.extend(stack.enter_context(asking(server.path)).sock for _ in range(4))
            server._server._server.loop.call_soon(server._server._server._end.set)

        server._server._server.loop.call_soon_threadsafe(connect_and_end)
        wait_until(lambda: len(peers) == 4, "the connections")
        server.stop()
        gc.collect()  # a socket that was left open is an error here
        for peer in peers:
            with suppress(ConnectionResetError):  # it was not even accepted
                assert peer.recv(1) == b""


def test_what_a_dead_daemon_left_is_replaced(worker: FakeDaemon) -> None:
    path = socket_path(worker.config.journal)
    listen(path).close()
    assert path.exists()
    assert DaemonClient.find(worker.config.journal) is None
    with listening(worker, SystemClock()), found(worker) as daemon:
        daemon.reload()
    assert not path.exists()


@pytest.mark.parametrize("what", ["socket", "folder", "link"])
def test_something_else_in_its_place_stays(worker: FakeDaemon, what: str, tmp_path: Path) -> None:
    path = socket_path(worker.config.journal)
    precious = path if what == "socket" else path.parent
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        precious.symlink_to(tmp_path / "elsewhere")
    else:
        precious.parent.mkdir(exist_ok=True)
        precious.write_text("precious")
    server = ControlServer(worker.config.journal, worker)
    with pytest.raises(ConfigError, match="in the way"):
        server.start()
    server.stop()
    assert precious.is_symlink() if what == "link" else precious.read_text() == "precious"
    assert DaemonClient.find(worker.config.journal) is None


def test_a_path_longer_than_an_address(lab: Lab, worker: FakeDaemon) -> None:
    folder = lab.root.parent / ("d" * 200)
    folder.mkdir()
    worker.config = worker.config.model_copy(update={"journal": folder / "journal.db"})
    assert DaemonClient.find(worker.config.journal) is None
    with listening(worker, SystemClock()) as server, found(worker) as daemon:
        daemon.reload()
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


def test_a_name_longer_than_an_address(tmp_path: Path, worker: FakeDaemon) -> None:
    worker.config = worker.config.model_copy(update={"journal": tmp_path / ("j" * 150)})
    with listening(worker, SystemClock()), found(worker) as daemon:
        daemon.reload()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders away")
def test_a_folder_that_another_user_planted_is_in_the_way(worker: FakeDaemon) -> None:
    folder = socket_path(worker.config.journal).parent
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(ConfigError, match="in the way"):
        ControlServer(worker.config.journal, worker).start()


def test_a_name_that_no_folder_can_have(tmp_path: Path, worker: FakeDaemon) -> None:
    journal = tmp_path / ("j" * 250)
    with pytest.raises(OSError, match="too long"):
        ControlServer(journal, worker).start()
    assert DaemonClient.find(journal) is None


def test_measurements_are_told(lab: Lab, control: ControlServer, worker: FakeDaemon) -> None:
    section = {"folder": "{run}/", "complete": {"sentinel": ("done.tag",)}}
    lab.configure(measurement=section, settle=0.0)
    worker.config = worker.config.model_copy(update={"mappings": (lab.mapping,)})
    lab.write("run_1/a.csv")
    lab.write("run_2/a.csv")
    lab.write("run_2/done.tag")
    lab.scan()

    with asking(control.path) as http:
        http.request("GET", "/measurements")
        found = json.loads(http.getresponse().read())["measurements"]
    assert [(each["mapping"], each["folder"], each["state"]) for each in found] == [
        ("lab", "run_1", "still being taken"),
        ("lab", "run_2", "complete and on its way"),
    ]
    assert [each["not_there"] for each in found] == [1, 2]
