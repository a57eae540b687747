"""What commands do while a daemon holds the journal: the same as without one, through it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from aqsync import __version__
from aqsync.clock import SystemClock
from aqsync.errors import ConfigError
from aqsync.journal import Journal
from aqsync.service.page.secret import make_token, token_path
from aqsync.service.web.local_socket import listen, socket_path
from aqsync.sync.order import Order
from aqsync.sync.report import PushReport
from tests.support import warm
from tests.support.embedded import EmbeddedServer
from tests.support.fake_daemon import FakeDaemon, fake_daemon
from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.patience import HANG_S
from tests.support.project import COMMAND, Project
from tests.support.remote import on_terminal


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path, embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def daemon(project: Project) -> Iterator[FakeDaemon]:
    with fake_daemon(project.config) as worker:
        yield worker


# push


def test_push_is_the_same_with_a_daemon(tmp_path: Path, embedded_server: EmbeddedServer) -> None:
    """The same lines, summary, JSON and exit code, but for times."""

    def went(project: Project, *arguments: str) -> tuple[int, list[str], str]:
        ran = project.run("push", *arguments)
        out = ran.out.partition(" in ")[0]
        if "--json" in arguments:
            ages = {"age_seconds": 0, "file_age_seconds": 0}
            problems = [problem | ages for problem in ran.json["problems"]]
            out = json.dumps({**ran.json, "seconds": 0, "problems": problems})
        private = {str(project.folder): "FOLDER", project.eid: "EID"}
        for text, name in private.items():
            out = out.replace(text, name)
        lines = [line.replace(str(project.folder), "FOLDER") for line in ran.err.splitlines()]
        return ran.exit_code, sorted(lines), out

    def story(project: Project) -> list[tuple[int, list[str], str]]:
        project.write_some(3)
        project.write("same", "same")
        project.put("same", "same")
        first = went(project)
        project.write("conflict", "ours")
        project.put("conflict", "theirs")
        return [first, went(project, "--json"), went(project)]

    one = Project(tmp_path / "one", embedded_server.url)
    other = Project(tmp_path / "other", embedded_server.url)
    with closing(one), closing(other):
        alone = story(one)
        with fake_daemon(other.config) as worker:
            beside = story(other)
    assert worker.asked == ["push"] * 3
    assert beside == alone
    assert [code for code, _, _ in alone] == [0, 1, 1]
    assert alone[0][2] == "3 uploaded, 0 unchanged, 1 adopted: 27 B"
    assert len(alone[0][1]) == 4


def test_options_and_paths_arrive(project: Project, daemon: FakeDaemon) -> None:
    project.write("run/1", "1")
    project.write("other", "2")
    ran = project.run("push", project.root / "run", "--now", "--no-wait", "--max-wait", "3s")
    assert ran.exit_code == 0
    assert project.remote_names() == {"run~1"}
    [limits] = daemon.limits
    assert limits.within == {"main": ("run",)}
    assert (limits.at_once, limits.wait_for_settling, limits.longest_wait_s) == (True, False, 3.0)
    ran = project.run("push", project.root / "missing")
    assert ran.exit_code == 2
    assert ran.err.endswith("missing does not exist\n  hint: check the path\n")


@pytest.mark.usefixtures("daemon")
def test_overwrite_is_told(project: Project) -> None:
    project.write("a", "ours")
    project.put("a", "theirs")
    ran = project.run("push", "--overwrite")
    assert ran.exit_code == 0
    assert f"replacing a in {project.eid} with {project.root}/a" in ran.err
    assert project.remote() == {"a": b"ours"}


def test_a_dry_run_asks_no_daemon(project: Project, daemon: FakeDaemon) -> None:
    project.write("a", "1")
    ran = project.run("push", "--dry-run")
    assert ran.exit_code == 1
    assert "would upload" in ran.out
    assert daemon.asked == []


@pytest.mark.usefixtures("daemon")
def test_a_bar_on_a_terminal(project: Project) -> None:
    project.write("a", bytes(3 << 20))
    code, shown = on_terminal(["push", "--config", str(project.config)])
    assert code == 0
    assert "1 uploaded" in shown
    assert "uploaded /" not in shown, "a bar, not a line for each file"


@pytest.mark.usefixtures("daemon")
def test_a_configuration_that_the_daemon_has_not_taken_over(project: Project) -> None:
    project.configure(name="renamed")
    ran = project.run("push")
    assert ran.exit_code == 2
    assert "the daemon does not know the mapping 'renamed'" in ran.err
    assert "aqsync reload" in ran.err
    copy = project.folder / "copy.yaml"
    copy.write_text(project.config.read_text())
    project.config = copy
    ran = project.run("push")
    assert ran.exit_code == 2
    assert f"works by {project.folder}/aqsync.yaml, not by {copy}" in ran.err


class Holding:
    """Holds the first upload until told."""

    def __init__(self, proxy: InterceptingProxy) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        proxy.on(UPLOAD, self._hold, times=1)

    def _hold(self, exchange: Exchange) -> bool:
        self.reached.set()
        self.go_on.wait(HANG_S)
        return exchange.pass_on()


def first_signal(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "the daemon finishes the files under way" in line:
            return
    pytest.fail("nothing was said")


def test_ctrl_c_once_and_twice(project: Project) -> None:
    with InterceptingProxy(project.url) as proxy:
        project.configure(server={"url": proxy.url})
        contents = project.write_some(60)
        with fake_daemon(project.config) as worker:
            holding = Holding(proxy)
            with project.start("push", "--json") as process:
                assert holding.reached.wait(HANG_S)
                first_signal(process)
                assert worker.stops[0].wait(HANG_S)
                holding.go_on.set()
                out, err = process.communicate(timeout=HANG_S)
            assert process.returncode == 130
            assert json.loads(out)["interrupted"] is True
            assert 0 < len(project.remote_names()) < 60

            holding = Holding(proxy)
            with project.start("push") as process:
                assert holding.reached.wait(HANG_S)
                first_signal(process)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=HANG_S)
                assert process.returncode == 130
                assert err.endswith("interrupted; the next push goes on from here\n")
                assert out == ""
                assert worker.stops[1].wait(HANG_S)
                holding.go_on.set()
            project.pushed()
        assert project.remote() == contents


def test_a_killed_command_ends_its_push(project: Project) -> None:
    with InterceptingProxy(project.url) as proxy:
        project.configure(server={"url": proxy.url})
        project.write_some(3)
        with fake_daemon(project.config) as worker:
            holding = Holding(proxy)
            with project.start("push") as process:
                assert holding.reached.wait(HANG_S)
                process.kill()
            assert worker.stops[0].wait(HANG_S)
            holding.go_on.set()


def test_a_daemon_that_stops_in_between_is_done_without(project: Project) -> None:
    project.pushed()
    project.write("a", "1")
    with listen(socket_path(project.journal)) as listener:

        def hang_up() -> None:
            peer, _ = listener.accept()
            peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        ran = project.run("push")
        thread.join()
    assert ran.exit_code == 0
    assert ran.err.startswith("the daemon has stopped meanwhile; going on without it\nuploaded ")
    assert project.remote() == {"a": b"1"}


def test_a_push_that_the_daemon_breaks_off_is_done_without_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asked this command to stop."""
    project.write("a", "1")
    reports = []
    with fake_daemon(project.config) as worker:
        push = worker.push

        def stopping(order: Order) -> PushReport:
            order.stop()
            reports.append(push(order))
            return reports[0]

        monkeypatch.setattr(worker, "push", stopping)
        ran = project.run("push")
    assert reports[0].interrupted
    assert ran.exit_code == 4
    assert ran.err.startswith(
        "the daemon has stopped meanwhile; going on without it\nerror: the jou"
    )


def test_a_journal_in_use_by_something_that_does_not_listen(project: Project) -> None:
    with Journal.open_for_writing(project.journal, SystemClock().now_ns()):
        ran = project.run("push")
        assert ran.exit_code == 4
        listen(socket_path(project.journal)).close()
        assert project.run("push").exit_code == 4
        assert project.run("retry").exit_code == 4


# retry


def test_retry(project: Project, daemon: FakeDaemon) -> None:
    project.write("a", "1")
    project.pushed()
    project.remove("a")
    assert project.push().json["held"] == 1
    ran = project.run("retry", project.root / "a")
    assert (ran.exit_code, ran.out) == (0, "1 file set free; the daemon tries it again\n")
    assert daemon.asked[-1] == "look again"
    assert project.pushed()["uploaded"] == 1
    ran = project.run("retry", project.root / "never")
    assert ran.exit_code == 2
    assert "nothing is known of" in ran.err


def test_retry_takes_paths_from_where_it_is_called(
    project: Project, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("run/a", "1")
    project.pushed()
    project.remove("run~a")
    assert project.push().json["held"] == 1
    monkeypatch.chdir(project.root / "run")
    command = [*COMMAND, "retry", "--config", str(project.config), "a"]
    done = warm.run(command)
    monkeypatch.chdir("/")
    assert done.stdout.startswith("1 file set free"), done
    assert daemon.asked[-1] == "look again"


# pause, resume, reload


def test_pause_and_resume_beside_a_daemon(project: Project, daemon: FakeDaemon) -> None:
    ran = project.run("pause", "main", "--for", "2h")
    assert ran.exit_code == 0
    assert ran.out.startswith("main is paused until ")
    assert ran.out.endswith("; `aqsync resume main` ends it\n")
    ran = project.run("pause")
    assert ran.out == "everything is paused; `aqsync resume` ends it\n"
    ran = project.run("resume", "main")
    assert ran.exit_code == 1
    assert ran.out == "everything is paused, main included; `aqsync resume` ends it\n"
    ran = project.run("resume")
    assert (ran.exit_code, ran.out) == (0, "everything is no longer paused\n")
    assert daemon.asked == ["pause main 7200.0", "pause None None", "resume main", "resume None"]


def test_pause_and_resume_without_a_daemon(project: Project) -> None:
    project.write("a", "1")
    assert project.run("pause", "main").exit_code == 0
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["waiting"], ran.json["uploaded"]) == (1, 0)
    status = project.run("status", "--json").json
    assert status["daemon"] is None
    assert status["paused"]["main"]["until"] is None
    text = project.run("status").out
    assert (
        "main was paused 0.0 s ago; `aqsync resume main` ends it" in text
        or "main was paused" in text
    )
    assert "no daemon is running" in text
    assert project.run("resume", "main").out == "main is no longer paused\n"
    assert project.pushed()["uploaded"] == 1


def test_pause_of_what_is_not_there(project: Project, daemon: FakeDaemon) -> None:
    ran = project.run("pause", "nobody")
    assert ran.exit_code == 2
    assert "there is no mapping 'nobody'" in ran.err
    for text in ("soon", "9999d"):
        ran = project.run("pause", "--for", text)
        assert ran.exit_code == 2
        assert text in ran.err
    assert daemon.asked == []


def test_reload(project: Project, daemon: FakeDaemon) -> None:
    ran = project.run("reload")
    assert (ran.exit_code, ran.out) == (0, "the daemon has taken over the configuration\n")
    daemon.refuse = ConfigError("line 3: settle: 'x' is not a duration", hint="write 5s")
    ran = project.run("reload")
    assert ran.exit_code == 2
    assert ran.err == "error: line 3: settle: 'x' is not a duration\n  hint: write 5s\n"
    project.config.write_text("server: {}\n")
    ran = project.run("reload")
    assert ran.exit_code == 2
    assert daemon.asked == ["reload", "reload"], "what is wrong at first sight never gets there"


def test_reload_without_a_daemon(project: Project) -> None:
    ran = project.run("reload")
    assert ran.exit_code == 1
    assert ran.err.startswith(f"error: no daemon is running for {project.journal}\n")


# status


def test_status_tells_of_the_daemon(project: Project, daemon: FakeDaemon) -> None:
    text = project.run("status").out
    assert "the daemon (process 4711) was started " in text
    assert "3 files uploaded since (3.0 KiB), 5 to be decided on" in text
    assert "under way: a.bin (main), 1.0 KiB of 4.0 KiB in 2 s" in text
    assert "another configuration" not in text
    assert f"it is aqsync 0.0.0, and this {__version__}: restart the daemon" in text
    found = project.run("status", "--json").json["daemon"]
    assert found["process"] == 4711
    assert datetime.fromisoformat(found["started_at"]).year == 2026
    assert found["under_way"][0]["sent"] == 1024
    daemon.config = daemon.config.model_copy(update={"path": Path("/elsewhere.yaml")})
    assert "it works by another configuration: /elsewhere.yaml" in project.run("status").out


def test_status_of_a_daemon_that_hangs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.service.web.client.PATIENCE_S", 0.05)
    project.pushed()
    with listen(socket_path(project.journal)):
        ran = project.run("status")
        assert f"the daemon could not be asked: the daemon that writes {project.journal}" in ran.out
        assert "does not answer" in project.run("status", "--json").json["daemon"]["problem"]


def test_a_session_serves_several_pushes_at_once(project: Project) -> None:
    """Through the daemon, several people may push; no file goes twice."""
    with InterceptingProxy(project.url) as proxy:
        project.configure(server={"url": proxy.url})
        contents = project.write_some(80)
        with fake_daemon(project.config) as worker:
            assert worker.session.engine.usable
            started = [project.start("push", "--json") for _ in range(3)]
            for process in started:
                with process:
                    out, err = process.communicate(timeout=HANG_S)
                assert process.returncode == 0, out + err
                assert json.loads(out)["problems"] == []
        assert sorted(proxy.uploads) == sorted(contents)
        assert project.remote() == contents


def test_beside_the_daemon_itself(project: Project) -> None:
    project.write("a", "1")
    with project.start("run") as process:
        try:
            while not socket_path(project.journal).exists():
                assert process.poll() is None
            project.write("b", "2")
            assert project.push().exit_code == 0
            assert project.remote() == {"a": b"1", "b": b"2"}
            assert project.run("pause").exit_code == 0
            project.write("c", "3")
            assert project.push().json["waiting"] == 1
            assert project.run("resume").exit_code == 0
            project.pushed()
            assert project.run("reload").exit_code == 0
            assert project.run("status", "--json").json["daemon"]["process"] == process.pid
            process.terminate()
            _, err = process.communicate(timeout=HANG_S)
        finally:
            process.kill()  # a test that fails leaves no daemon behind
    assert process.returncode == 0
    assert "Traceback" not in err
    assert not socket_path(project.journal).exists()
    assert project.run("reload").exit_code == 1


# the status page


def test_commands_tell_where_the_status_page_is(project: Project, daemon: FakeDaemon) -> None:
    def told() -> list[str]:
        ran = [project.run("status"), project.run("doctor", "--only", "daemon")]
        return [each.text for each in (*ran, project.run("open", "--print"))]

    status, doctor, opened = told()
    assert "status page" not in status + doctor
    assert "the daemon serves no status page" in opened
    daemon.page_problem = "127.0.0.1:8384 cannot be listened at: Address already in use"
    for text in told():
        assert f"there is no status page: {daemon.page_problem}" in text
    daemon.page, daemon.page_problem = "http://127.0.0.1:8384/", None
    token = make_token(token_path(socket_path(project.journal)))
    status, doctor, opened = told()
    assert "its status page is at http://127.0.0.1:8384/; `aqsync open` opens it" in status
    assert "its status page is at http://127.0.0.1:8384/; `aqsync open` opens it" in doctor
    assert opened == f"http://127.0.0.1:8384/enter?token={token}\n"
    assert token not in status + doctor


# doctor


def test_doctor_reads_the_journal_of_a_daemon_of_another_release(
    project: Project, daemon: FakeDaemon
) -> None:
    project.write_some(3)
    project.pushed()
    ran = project.run("doctor", "--json")
    found = {each["code"]: each for each in ran.json["findings"]}
    assert {code for code, each in found.items() if each["verdict"] == "fault"} == {"versions"}
    assert f"and this is {__version__}" in found["versions"]["message"]
    assert found["daemon"]["verdict"] == found["journal"]["verdict"] == "ok"
    assert daemon.asked == ["push"]
    project.write("more.csv")
    project.pushed()
