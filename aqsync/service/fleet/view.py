"""The fleet as it is now, asked of the server, and kept for a while for those who look often."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.errors import AqsyncError
from aqsync.service.fleet.files import read_files
from aqsync.service.fleet.rules import FleetView, judged

FRESH_S = 30.0
"""So old an answer may be for the status page."""
AT_ONCE_S = 2.0
"""So long the status page waits for the server."""


def look(server: Client, experiment: str, key: bytes | None) -> FleetView:
    """Ask the server how all PCs of a fleet stand.

    Args:
        server: Where their status files are.
        experiment: The EID of the experiment.
        key: What signs them; None: nobody asks.

    Raises:
        RemoteError: The server cannot be asked.
        ExperimentNotFound: There is no such experiment for this user.
    """
    uuid = server.experiment_by_eid(experiment).uuid
    found = read_files(server, uuid, key)
    return judged(found, signatures_checked=key is not None)


class Looked(NamedTuple):
    """What a look at the fleet gave."""

    experiment: str
    view: FleetView | None
    """None: it cannot be told."""
    problem: AqsyncError | None = None
    """Why not."""


class Fleet:
    """The fleet that a daemon belongs to; the server is asked only when somebody looks.

    Args:
        config: Gives the present configuration.
        connect: From a configuration to its server.
        clock: The time.
    """

    def __init__(
        self, config: Callable[[], Config], connect: Callable[[Config], Client], clock: Clock
    ) -> None:
        self._config = config
        self._connect = connect
        self._clock = clock
        self._lock = threading.Lock()
        self._by: Config | None = None
        self._asked: Future[Looked] | None = None
        self._asked_at = 0.0

    def at_once(self, within_s: float = AT_ONCE_S) -> Looked | None:
        """How all PCs stood lately; None: the server has not answered yet.

        Args:
            within_s: How long to wait.
        """
        with self._lock:
            now, config, asked = self._clock.monotonic(), self._config(), self._asked
            # One question at a time, however many look and however long the server takes.
            old = asked is not None and asked.done() and now - self._asked_at > FRESH_S
            if asked is None or old or self._by is not config:
                self._asked = asked = Future()
                self._asked_at, self._by = now, config
                threading.Thread(
                    target=self._answer, args=(asked, config), name="fleet view", daemon=True
                ).start()
        try:
            return asked.result(within_s)
        except TimeoutError:
            return None

    def _answer(self, asked: Future[Looked], config: Config) -> None:
        try:
            asked.set_result(self._look(config))
        except BaseException as exc:  # noqa: BLE001 - it is told to the one who asked
            asked.set_exception(exc)

    def _look(self, config: Config) -> Looked:
        section = config.fleet
        if section is None:
            return Looked("", None)
        try:
            with contextlib.closing(self._connect(config)) as server:
                return Looked(section.experiment, look(server, section.experiment, section.key()))
        except AqsyncError as exc:
            return Looked(section.experiment, None, exc)
