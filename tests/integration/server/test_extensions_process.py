"""One program and its children, from the start to an end of whatever kind."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from aqsync.server.extensions.process import OUTPUT_LIMIT, Outcome, StopRequest, kill_marked, run
from tests.support.extensions import is_running, wait_for, wait_until_gone
from tests.support.patience import HANG_S

VARIABLES = {b"PATH": os.environb[b"PATH"], b"GREETING": "µ\n".encode()}


def sh(script: str, folder: Path, stop: StopRequest | None = None) -> Outcome:
    command = ("/bin/sh", "-c", script)
    return run(command, folder=folder, variables=VARIABLES, stop=stop or StopRequest())


class Running:
    """A script that runs in another thread."""

    def __init__(self, script: str, folder: Path) -> None:
        self.stop = StopRequest()
        self._outcome: list[Outcome] = []
        self._thread = threading.Thread(target=self._run, args=(script, folder))
        self._thread.start()

    def _run(self, script: str, folder: Path) -> None:
        self._outcome.append(sh(script, folder, self.stop))

    def outcome(self) -> Outcome:
        self._thread.join(HANG_S)
        [outcome] = self._outcome
        return outcome


def test_output_and_exit_code(tmp_path: Path) -> None:
    outcome = sh('printf "$GREETING"; pwd; echo no >&2; exit 7', tmp_path)
    assert outcome == Outcome(7, f"µ\n{tmp_path.resolve()}\n", "no\n", stopped=False)


def test_it_reads_nothing_and_has_only_its_own_variables(tmp_path: Path) -> None:
    outcome = sh("cat; env | cut -d= -f1 | sort", tmp_path)
    assert outcome.out.split() == ["GREETING", "PATH", "PWD"]


def test_a_signal_is_a_negative_code(tmp_path: Path) -> None:
    outcome = sh("kill -KILL $$", tmp_path)
    assert (outcome.code, outcome.stopped) == (-9, False)


def test_only_the_end_of_much_output_is_kept(tmp_path: Path) -> None:
    size = 5 * OUTPUT_LIMIT
    outcome = sh(f"head -c {size} /dev/zero | tr '\\0' x; echo the end; echo short >&2", tmp_path)
    head, _, kept = outcome.out.partition("\n")
    assert head == f"[{size + len('the end') + 1 - OUTPUT_LIMIT} bytes before this are not kept]"
    assert len(kept) == OUTPUT_LIMIT
    assert kept.endswith("xxx" + "the end\n")
    assert outcome.err == "short\n"


def test_what_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    assert sh(r"printf 'a\377\000b'", tmp_path).out == "a\ufffd\0b"


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(["/missing"], folder=tmp_path, variables={}, stop=StopRequest())
    with pytest.raises(FileNotFoundError):
        sh(":", tmp_path / "missing")


def test_children_that_share_the_output_are_waited_for(tmp_path: Path) -> None:
    assert sh("(sleep 0.3; echo late) & echo early", tmp_path).out == "early\nlate\n"


def test_children_left_behind_are_ended(tmp_path: Path) -> None:
    outcome = sh("sleep 600 >/dev/null 2>&1 & echo $!", tmp_path)
    wait_until_gone(int(outcome.out))
    assert outcome.code == 0


def test_a_stop_is_an_interrupt_first(tmp_path: Path) -> None:
    script = "trap 'echo interrupted; exit 5' INT; echo > begun; while :; do sleep 0.02; done"
    running = Running(script, tmp_path)
    wait_for(tmp_path / "begun")
    running.stop.ask(30)
    assert running.outcome() == Outcome(5, "interrupted\n", "", stopped=True)


def test_a_stop_reaches_the_children(tmp_path: Path) -> None:
    running = Running("sleep 600 & echo $! > child; wait; sleep 600", tmp_path)
    child = int(wait_for(tmp_path / "child"))
    running.stop.ask(0.1)
    assert running.outcome().stopped
    wait_until_gone(child)


@pytest.mark.parametrize(("ignored", "pause_s", "code"), [("INT", 2, -15), ("INT TERM", 0.1, -9)])
def test_a_stop_cannot_be_ignored(tmp_path: Path, ignored: str, pause_s: float, code: int) -> None:
    running = Running(f"trap '' {ignored}; echo > begun; while :; do sleep 0.02; done; :", tmp_path)
    wait_for(tmp_path / "begun")
    running.stop.ask(pause_s)
    assert running.outcome().code == code


def test_who_left_the_group_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    running = Running("setsid sh -c 'echo $$ > child; exec sleep 600' & wait", tmp_path)
    child = int(wait_for(tmp_path / "child"))
    running.stop.ask(0)
    assert running.outcome().stopped
    assert is_running(child)
    os.kill(child, 9)


def test_a_stop_asked_for_before_the_start(tmp_path: Path) -> None:
    stop = StopRequest()
    stop.ask(0)
    outcome = sh("sleep 600", tmp_path, stop)
    assert outcome.stopped
    assert outcome.code < 0


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        sh("echo out; echo err >&2", tmp_path)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_what_a_dead_server_left_is_known_by_its_mark() -> None:
    def marked(value: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["/bin/sleep", "600"], env={"MARK": value})

    with marked("one") as doomed, marked("one more") as spared:
        try:
            kill_marked("MARK", ["one", "two"])
            assert doomed.wait() == -9
            kill_marked("MARK", [])
            assert is_running(spared.pid)
        finally:
            spared.kill()
