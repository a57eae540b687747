"""A thread that repeats one step, and shows whether it makes progress."""

from __future__ import annotations

import threading
from collections.abc import Callable

from aqsync.clock import Clock
from aqsync.errors import Interrupted
from aqsync.log import Log

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""After failures: doubling from the one to the other."""
STUCK_S = 150.0
"""A loop hangs if one of its steps makes no progress for longer than this."""

log = Log(__name__)


class Loop:
    """Takes a step, waits as long as the step says or until it is woken, and takes the next.

    A step that fails is logged once and tried again with growing pauses. No error of a step ends
    the loop.

    Args:
        name: What it does, for the log and the thread.
        clock: How it waits.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._woken = threading.Event()
        self._urgent = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None
        self._failing: str | None = None
        self._failing_since = 0.0
        self._pausing = False
        self._recovered_at = 0.0
        self._pause_s = FIRST_PAUSE_S

    def start(self, step: Callable[[], float]) -> None:
        """Begin.

        Args:
            step: Called again and again; returns the seconds until it wants to be called next.
        """
        # A daemon thread: what hangs in a dead file system must not keep the process.
        self._thread = threading.Thread(target=self._run, args=(step,), name=self.name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Let the next step begin now; callable from any thread."""
        self._woken.set()

    def hurry(self) -> None:
        """The same, but without a pause after a failure."""
        self._urgent.set()
        self._woken.set()

    def beat(self) -> None:
        """A step has made progress; ignored between steps."""
        if self._busy_since is not None:
            self._busy_since = self._clock.monotonic()

    def busy_for(self) -> float:
        """Seconds since the running step began or last made progress; 0 between steps."""
        since = self._busy_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def failing_for(self) -> float:
        """Seconds since its steps began to fail; 0: they succeed."""
        return 0.0 if self._failing is None else self._clock.monotonic() - self._failing_since

    def ailment(self) -> str | None:
        """Why it does not get on; None: as far as can be told, it does."""
        if self._thread is not None and not self.alive and not self._stopped:
            return f"{self.name} has died"
        if (failing := self._failing) is not None:
            return f"{self.name} fails: {failing}"
        return None

    def stop(self) -> None:
        """End after the running step."""
        self._stopped = True
        self.hurry()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; false if it takes longer."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def _run(self, step: Callable[[], float]) -> None:
        while True:
            self._woken.clear()
            self._urgent.clear()
            if self._stopped:  # checked after clearing, so that no stop is missed
                return
            seconds = self.step(step)
            # After a failure `wake` does not shorten the pause, only `hurry` and `stop` do.
            self._clock.wait(self._urgent if self._pausing else self._woken, seconds)

    def step(self, step: Callable[[], float]) -> float:
        """Take one step; returns the seconds until the next."""
        self._busy_since = self._clock.monotonic()
        try:
            seconds = step()
        except Interrupted:
            return 0.0  # the session that aborts stops this loop too
        except Exception as exc:  # noqa: BLE001 - told in full, and tried again
            return self._failed(exc)
        finally:
            self._busy_since = None
        return self._succeeded(seconds)

    def _failed(self, exc: Exception) -> float:
        failure = f"{type(exc).__name__}: {exc}"
        if failure != self._failing:
            log.error("a step failed; it is tried again", loop=self.name, exc=exc)
        if self._failing is None:
            self._failing_since = self._clock.monotonic()
        self._failing, self._pausing = failure, True
        pause, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        # A step may begin what the next one finds to have failed: one success is no recovery yet.
        self._recovered_at = self._clock.monotonic() + 2 * pause
        return pause

    def _succeeded(self, seconds: float) -> float:
        self._pausing = False
        if self._failing is None:
            return seconds
        left = self._recovered_at - self._clock.monotonic()
        if left > 0:
            return min(seconds, left)
        log.info("recovered: steps succeed again", loop=self.name)
        self._failing, self._pause_s = None, FIRST_PAUSE_S
        return seconds
