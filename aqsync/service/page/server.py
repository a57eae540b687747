"""The status page's HTTP server, on loopback."""

from __future__ import annotations

import socket
from pathlib import Path

from aqsync.clock import Clock
from aqsync.config.status import Listen
from aqsync.log import Log
from aqsync.service.page.app import create_app
from aqsync.service.page.secret import make_token, token_path
from aqsync.service.page.site import Shown
from aqsync.service.web.connection import LimitedConnection
from aqsync.service.web.local_socket import socket_path
from aqsync.service.web.server import HttpServer

_BACKLOG = 64

log = Log(__name__)


class PageServer:
    """Serves the page while a configuration says so. Without it the daemon does all its work.

    Args:
        journal: The journal's path; the page's token lies beside its socket.
        daemon: What is shown.
        clock: The time.
    """

    def __init__(self, journal: Path, daemon: Shown, clock: Clock) -> None:
        self._token = token_path(socket_path(journal))
        self._daemon = daemon
        self._clock = clock
        self._wanted: Listen | None = None
        self._server: HttpServer | None = None
        self.address: str | None = None
        """Where it is; None: nowhere."""

    def serve(self, wanted: Listen | None) -> None:
        """Serve at an address, and no longer at another one.

        Args:
            wanted: The address; None: nowhere.
        """
        if wanted == self._wanted and (wanted is None) == (self.address is None):
            return
        self.stop()
        self._wanted = wanted
        if wanted is None:
            return
        try:
            token = make_token(self._token)
            listener = socket.create_server((wanted.host, wanted.port), backlog=_BACKLOG)
        except OSError as exc:
            log.warning("there is no status page", address=str(wanted), exc=exc)
            return
        port = listener.getsockname()[1]
        app = create_app(self._daemon, self._clock, token, port)
        self._server = HttpServer(app, LimitedConnection, "page")
        self._server.start(listener)
        self.address = f"http://{wanted.with_port(port)}/"
        log.info("the status page is served", address=self.address)

    def stop(self, within_s: int = 1) -> None:
        """Serve nothing."""
        if self._server is not None:
            self._server.stop(within_s)
        self._server = self.address = None
