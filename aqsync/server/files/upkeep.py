"""The thread of a server that renews leases and sweeps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from aqsync.server.catalog.database import DatabaseAway, TransactionLost
from aqsync.server.errors import FileRefused
from aqsync.server.files.leases import Leases
from aqsync.server.files.sweep import Sweep

_EACH_SECONDS = 60.0
_PATIENCE_SECONDS = 10.0
"""How long an end waits for a step: a store that hangs must not hold the server up."""
_log = logging.getLogger(__name__)


class Upkeep:
    """What a server does every minute for its files.

    Args:
        leases: Are renewed.
        sweep: Removes what is nobody's.
        recount: Counts the files anew.
    """

    def __init__(self, leases: Leases, sweep: Sweep, recount: Callable[[], None]) -> None:
        self._leases = leases
        self._sweep = sweep
        self._recount = recount
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Begin. Leases have a thread of their own: a slow blob store must not let them end."""
        for name, step in (("leases", self._leases.renew), ("sweep", self._tidy)):
            thread = threading.Thread(target=self._again, args=(step,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """End, and give back what is held."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._try(self._leases.renew)

    def tidy_up(self) -> None:
        """Do everything once."""
        self._leases.renew()
        self._tidy()

    def _tidy(self) -> None:
        self._recount()
        self._sweep.run()

    def _again(self, step: Callable[[], None]) -> None:
        while not self._ended.is_set():
            self._try(step)
            self._ended.wait(_EACH_SECONDS)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (DatabaseAway, FileRefused, OSError, TransactionLost) as exc:
            _log.warning("the store of files cannot be tidied up now: %s", exc)
        except Exception:  # noqa: BLE001 - a database has many faces
            # Without its thread, the leases of all uploads would end. What it works with may be
            # closed by the time a slow step comes back.
            if not self._ended.is_set():
                _log.exception("the store of files cannot be tidied up now")
