"""What takes orders: the HTTP server on the daemon's Unix socket."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from aqsync.clock import Clock, SystemClock
from aqsync.service.web.app import create_app
from aqsync.service.web.connection import Connection
from aqsync.service.web.local_socket import listen, socket_path
from aqsync.service.web.orders import Worker, order_routes
from aqsync.service.web.server import HttpServer


class ControlServer:
    """Takes orders on the Unix socket, for a daemon that holds the journal's lock.

    Args:
        journal: The journal's path; the socket stands beside it.
        worker: Carries orders out.
        clock: The time.
    """

    def __init__(self, journal: Path, worker: Worker, clock: Clock | None = None) -> None:
        self.path = socket_path(journal)
        app = create_app(order_routes(worker, clock or SystemClock()))
        self._server = HttpServer(app, Connection, "control")
        self._made: os.stat_result | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: There can be no such socket here.
            OSError: It cannot be made.
        """
        listener = listen(self.path)
        self._made = self.path.lstat()
        self._server.start(listener)

    def stop(self, within_s: int = 5) -> None:
        """Take no more orders, and let those under way end.

        Args:
            within_s: Seconds to wait for them; the process may end while they go on.
        """
        if self._made is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.lstat(), self._made):  # else it is another daemon's
                self.path.unlink()
        self._server.stop(within_s)
