"""An answer that is shown again and again."""

from __future__ import annotations

import threading

import pytest

from aqsync.cli.live import EVERY_S, shown_live
from aqsync.cli.output import say
from aqsync.errors import ExitCode


class Waits:
    """A clock that notes for how long one wants to wait, and ends that with Ctrl-C at last."""

    def __init__(self, rounds: int, each_takes: float) -> None:
        self.waited: list[float] = []
        self._rounds = rounds
        self._takes = each_takes
        self._now = 0.0

    def now_ns(self) -> int:
        return 0

    def monotonic(self) -> float:
        self._now += self._takes
        return self._now

    def wait(self, _stop: threading.Event, seconds: float) -> bool:
        self.waited.append(seconds)
        if len(self.waited) == self._rounds:
            raise KeyboardInterrupt
        return False


@pytest.mark.parametrize(("takes", "pause"), [(0.01, EVERY_S), (3.0, 30.0)])
def test_it_is_said_until_ctrl_c(
    capsys: pytest.CaptureFixture[str], takes: float, pause: float
) -> None:
    """Looking takes at most a tenth of the time, however large the journal is."""
    said: list[int] = []

    def answer() -> ExitCode:
        said.append(len(said))
        say(f"round {len(said)}")
        return ExitCode.INCOMPLETE if len(said) < 2 else ExitCode.OK

    clock = Waits(2, takes)
    assert shown_live(answer, clock, on_screen=False) is ExitCode.OK
    assert capsys.readouterr().out == "round 1\nround 2\n"
    assert clock.waited == pytest.approx([pause, pause])


def test_on_a_screen_the_last_stays(capsys: pytest.CaptureFixture[str]) -> None:
    def answer() -> ExitCode:
        say("[bold]all of it")
        return ExitCode.OK

    assert shown_live(answer, Waits(1, 0.0), on_screen=True) is ExitCode.OK
    assert capsys.readouterr().out.endswith("[bold]all of it\n")
