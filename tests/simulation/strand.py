"""A job on a disk that does not answer: it stands still in the middle of a read.

Threads take turns here, strictly: one runs while the other waits for it. So all stays as it would
be on one thread, and follows from the seed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.oracle import Begun


class Strand:
    """Work on a thread of its own, which can stand still and go on later.

    Args:
        work: What is done.

    Attributes:
        hangs: It stands still.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.hangs = False
        self._work = work
        self._may_run = threading.Semaphore(0)
        self._may_wait_no_more = threading.Semaphore(0)
        self._error: BaseException | None = None
        self._dies_of: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="strand", daemon=True)

    def go(self) -> None:
        """Let it run until it stands still or has ended; raises what it raises."""
        if self.hangs:
            self._may_run.release()
        else:
            self._thread.start()
        self._may_wait_no_more.acquire()
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException) -> None:
        """If it stands still, let it end by an error."""
        if self.hangs:
            self._dies_of = error
            self._may_run.release()
            self._may_wait_no_more.acquire()

    def hang(self) -> None:
        """Stand still; to be called on its own thread."""
        self.hangs = True
        self._may_wait_no_more.release()
        self._may_run.acquire()
        self.hangs = False
        if self._dies_of is not None:
            raise self._dies_of

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as exc:  # noqa: BLE001 - comes out where it was let run
            self._error = exc
        self._may_wait_no_more.release()


@dataclass
class Hangs:
    """What hangs in one world."""

    workers: int
    """How many jobs run at once; with few, soon all wait for a disk."""
    below: str = ""
    """Reads below this place hang; empty: nothing hangs."""
    jobs: list[tuple[Begun, Strand]] = field(default_factory=list)
    """Jobs that stand still, the longest first."""
    running: list[Strand | None] = field(default_factory=list)
    """The strands of the running jobs, the innermost last; None: without a strand."""
