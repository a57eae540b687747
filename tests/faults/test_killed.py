"""A push that is killed or interrupted: the next one converges, byte for byte."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from tests.support.intercepting_proxy import GRAPHQL, UPLOAD, Exchange, InterceptingProxy
from tests.support.patience import HANG_S
from tests.support.project import Project

FILES = 80


@pytest.fixture
def contents(project: Project) -> dict[str, bytes]:
    """Many files, of which one is large."""
    made = {f"{number}.csv": f"content of {number}\n".encode() * number for number in range(FILES)}
    made["large.bin"] = bytes(range(256)) * 20_000
    for name, content in made.items():
        project.write(name, content)
    return made


class At:
    """Does something when so many uploads have begun; then holds that one until told."""

    def __init__(self, proxy: InterceptingProxy, count: int = 0, name: str = "") -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._count = count
        self._name = name
        self._meddler = proxy
        proxy.on(UPLOAD, self._reaction)

    def _reaction(self, exchange: Exchange) -> bool:
        enough = not self._name and len(self._meddler.uploads) >= self._count
        here = enough or exchange.file_name == self._name
        if here and not self.reached.is_set():
            if self._name:
                exchange.read(1000)
            self.reached.set()
            self.go_on.wait(HANG_S)
        return exchange.pass_on()


def converges(project: Project, proxy: InterceptingProxy, contents: dict[str, bytes]) -> None:
    proxy.hands_off()
    answer = project.pushed()
    assert answer["held"] == 0
    assert answer["uploaded"] + answer["adopted"] + answer["unchanged"] == len(contents)
    assert project.remote() == contents
    assert project.pushed()["uploaded"] == 0


@pytest.mark.parametrize("count", [1, 3, 50, FILES])
def test_kill_9_at_any_moment(
    project: Project, proxy: InterceptingProxy, contents: dict[str, bytes], count: int
) -> None:
    at = At(proxy, count)
    with project.start("push") as process:
        assert at.reached.wait(HANG_S)
        process.kill()
        assert process.wait(HANG_S) == -signal.SIGKILL
        at.go_on.set()
    converges(project, proxy, contents)


def test_kill_9_in_the_middle_of_a_large_file(
    project: Project, proxy: InterceptingProxy, contents: dict[str, bytes]
) -> None:
    at = At(proxy, name="large.bin")
    with project.start("push") as process:
        assert at.reached.wait(HANG_S)
        process.kill()
        process.wait(HANG_S)
        at.go_on.set()
    assert "large.bin" not in project.remote_names()
    converges(project, proxy, contents)


def test_kill_9_after_the_server_stored_a_file(
    project: Project, proxy: InterceptingProxy, contents: dict[str, bytes]
) -> None:
    """The answer never came, and the file changes before the next push: still no conflict."""
    stored: SimpleQueue[str] = SimpleQueue()
    go_on = threading.Event()

    def store_and_hold(exchange: Exchange) -> bool:
        exchange.forward()
        stored.put(exchange.file_name)
        go_on.wait(HANG_S)
        return False

    proxy.on(UPLOAD, store_and_hold, times=4)
    with project.start("push") as process:
        names = [stored.get(timeout=HANG_S) for _ in range(4)]
        process.kill()
        process.wait(HANG_S)
        go_on.set()
    for name in names[:2]:
        contents[name] = b"changed since"
        project.write(name, contents[name])
    proxy.hands_off()
    answer = project.pushed()
    assert (answer["adopted"], answer["uploaded"]) == (2, len(contents) - 2)
    assert project.remote() == contents


@pytest.fixture
def interrupted(proxy: InterceptingProxy) -> Iterator[At]:
    """At an upload in the middle of a push."""
    at = At(proxy, 20)
    yield at
    at.go_on.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_running_files_end(
    project: Project,
    proxy: InterceptingProxy,
    contents: dict[str, bytes],
    interrupted: At,
    number: signal.Signals,
) -> None:
    with project.start("push", "--json") as process:
        assert interrupted.reached.wait(HANG_S)
        process.send_signal(number)
        assert process.stderr is not None
        line = process.stderr.readline()
        interrupted.go_on.set()
        out, err = process.communicate(timeout=HANG_S)
    assert f"{number.name}: finishing the files under way; once more breaks them off" in line
    assert process.returncode == 130
    assert '"interrupted": true' in out
    assert "Traceback" not in err
    begun = set(proxy.uploads)
    assert project.remote_names() == begun, "what had begun was finished, and nothing more began"
    assert 20 <= len(begun) < 40
    converges(project, proxy, contents)


def interrupt_twice(process: subprocess.Popen[str]) -> str:
    """Send two interrupts; returns what else came on the error stream."""
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "once more breaks them off" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    return err


@pytest.mark.parametrize("name", ["large.bin", "7.csv"])
def test_the_second_signal_breaks_off(
    project: Project, proxy: InterceptingProxy, contents: dict[str, bytes], name: str
) -> None:
    """In the middle of a file, or while the answer to a small one does not come."""
    at = At(proxy, name=name)
    with project.start("push") as process:
        assert at.reached.wait(HANG_S)
        err = interrupt_twice(process)
    assert "interrupted; the next push goes on where this one stopped" in err
    assert "error: " not in err
    at.go_on.set()
    assert "large.bin" not in project.remote_names()
    converges(project, proxy, contents)


def test_the_second_signal_breaks_off_a_listing(project: Project, proxy: InterceptingProxy) -> None:
    project.write("a.csv", "a")
    asked = threading.Event()

    def silence(exchange: Exchange) -> bool:
        asked.set()
        exchange.peer.wait_until_gone()
        return False

    proxy.on(GRAPHQL, silence)
    for arguments in ((), ("--dry-run",)):
        asked.clear()
        with project.start("push", *arguments) as process:
            assert asked.wait(HANG_S)
            interrupt_twice(process)
    converges(project, proxy, {"a.csv": b"a"})


def test_an_interrupt_ends_a_wait(project: Project, proxy: InterceptingProxy) -> None:
    project.configure(server={"url": proxy.url}, settle="10m")
    project.write("young.csv", "young")
    with project.start("push", "--max-wait", "1h") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert "Traceback" not in err
