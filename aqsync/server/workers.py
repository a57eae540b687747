"""Several processes that answer on one socket, and the one that watches over them."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from aqsync.server.errors import ServerStartError

_log = logging.getLogger(__name__)
_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED = _STOP | {signal.SIGCHLD, signal.SIGALRM}
_READY = b"ready"
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LONGEST_STOP_S = 60.0
"""How long a worker may take to stop: one that hangs would let the stop wait for ever."""
_LIVED_WELL_S = 60.0
"""Who has lived for this long is started again at once."""


@dataclass
class _Worker:
    """One process, or the pause before it is started again.

    Attributes:
        number: Which of the workers it is, from 0.
        pid: The process; None in a pause.
        told: Where it tells how its start went.
        begun: When it was started, or when it is to be started again.
        pause: How long the last pause was.
    """

    number: int
    pid: int | None = None
    told: int = -1
    begun: float = 0.0
    pause: float = 0.0


class Workers:
    """Keeps a number of processes running until it is told to stop.

    A worker that dies is started again, after a pause that grows while it keeps dying. A signal to
    stop goes on to all workers; those whose watcher dies stop too. Use it before any thread is
    started: the processes are forks.

    Args:
        count: How many.
        work: What each does, with its number and what it calls once it is ready. Its return ends
            the process.
        ready: Called once all are ready for the first time.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[int, Callable[[], None]], None],
        ready: Callable[[], None],
    ) -> None:
        self._work = work
        self._ready = ready
        self._workers = [_Worker(number) for number in range(count)]
        self._stopping = False
        self._stop_by = math.inf
        self._alive, self._held = os.pipe()
        self._mask: set[signal.Signals] = set()

    def run(self) -> None:
        """Start all, and come back when all have ended.

        Raises:
            ServerStartError: A worker cannot start; the others have ended too.
        """
        self._mask = {signal.Signals(each) for each in signal.pthread_sigmask(0, ())}
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            self._start_all()
            while not self._stopping or self._running():
                got = signal.sigwait(_WATCHED)
                if got in _STOP:
                    self._stop(got)
                self._look_after_all()
        finally:
            self._send(signal.SIGKILL)
            for worker in self._running():
                self._bury(worker, os.waitpid(worker.pid or 0, 0)[1])
            os.close(self._alive)
            os.close(self._held)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _stop(self, number: int) -> None:
        if not self._stopping:
            self._stopping = True
            self._stop_by = time.monotonic() + _LONGEST_STOP_S
            signal.setitimer(signal.ITIMER_REAL, _LONGEST_STOP_S)
        self._send(number)

    def _running(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.pid is not None]

    def _send(self, number: int) -> None:
        for worker in self._running():
            os.kill(worker.pid or 0, number)

    def _start_all(self) -> None:
        for worker in self._workers:
            self._start(worker)
        failed = [told for worker in self._workers if (told := _read(worker)) != _READY]
        if not failed:
            self._ready()
            return
        self._stopping = True
        self._send(signal.SIGTERM)
        for worker in self._running():
            self._bury(worker, os.waitpid(worker.pid or 0, 0)[1])
        if not failed[0]:
            raise ServerStartError("a process of the server died while it started")
        raise ServerStartError(**json.loads(failed[0]))

    def _start(self, worker: _Worker) -> None:
        worker.told, told = os.pipe()
        worker.begun = time.monotonic()
        worker.pid = os.fork()
        if worker.pid == 0:
            os.close(self._held)
            self._be(worker.number, told)
        os.close(told)

    def _be(self, number: int, told: int) -> NoReturn:
        """Work, in the new process."""
        status = 1
        try:
            # Ctrl-C reaches the watcher alone: two of them would not wait for running requests.
            os.setpgid(0, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            threading.Thread(target=self._end_with_the_watcher, daemon=True).start()
            self._work(number, partial(_tell_ready, told))
            status = 0
        except ServerStartError as exc:
            os.write(told, json.dumps({"message": exc.message, "hint": exc.hint}).encode())
        except Exception:  # noqa: BLE001 - the process ends
            _log.exception("worker %d has failed", number)
        finally:
            logging.shutdown()
            os._exit(status)

    def _end_with_the_watcher(self) -> None:
        os.read(self._alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _look_after_all(self) -> None:
        for worker in self._running():
            pid, status = os.waitpid(worker.pid or 0, os.WNOHANG)
            if pid:
                self._bury(worker, status)
        if self._stopping:
            if time.monotonic() >= self._stop_by:
                for worker in self._running():
                    _log.warning("worker %d does not stop, and is killed", worker.number)
                self._send(signal.SIGKILL)
            return
        waiting = [worker for worker in self._workers if worker.pid is None]
        for worker in waiting:
            if time.monotonic() >= worker.begun:
                self._start(worker)
        pauses = [worker.begun - time.monotonic() for worker in waiting if worker.pid is None]
        signal.setitimer(signal.ITIMER_REAL, max(min(pauses), 0.001) if pauses else 0)

    def _bury(self, worker: _Worker, status: int) -> None:
        """Note that a worker has ended, and when it is to be started again."""
        worker.pid = None
        told = _read(worker)
        if self._stopping:
            return
        lived = time.monotonic() - worker.begun
        longer = min(max(2 * worker.pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        worker.pause = 0.0 if lived >= _LIVED_WELL_S else longer
        worker.begun = time.monotonic() + worker.pause
        why = json.loads(told)["message"] if told not in {b"", _READY} else _how(status)
        _log.warning("worker %d has ended (%s), and is started again", worker.number, why)


def _tell_ready(told: int) -> None:
    os.write(told, _READY)
    os.close(told)


def _read(worker: _Worker) -> bytes:
    """Wait until a worker is ready, or has told why it is not, or has died."""
    if worker.told < 0:
        return b""
    with os.fdopen(worker.told, "rb") as stream:
        worker.told = -1
        return stream.read()


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
