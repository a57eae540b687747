"""The status page's HTTP server, on loopback."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from aqsync.clock import Clock
from aqsync.config.status import Listen
from aqsync.log import Log
from aqsync.service.page.app import create_app
from aqsync.service.page.connection import PageConnection
from aqsync.service.page.render import prepare
from aqsync.service.page.secret import make_token, token_path
from aqsync.service.page.site import Shown
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
        self._changing = threading.Lock()
        self._wanted: Listen | None = None
        self._server: HttpServer | None = None
        self.address: str | None = None
        """Where it is; None: nowhere."""
        self.problem: str | None = None
        """Why it is not where it is wanted."""

    def serve(self, wanted: Listen | None) -> None:
        """Serve at an address, and no longer at another one; called again, it tries again.

        Args:
            wanted: The address; None: nowhere.
        """
        with self._changing:
            if wanted == self._wanted and (wanted is None) == (self.address is None):
                return
            self._end(1)
            self._wanted = wanted
            problem = None if wanted is None else self._begin(wanted)
            if problem is not None and problem != self.problem:
                log.warning("there is no status page", why=problem)
            self.problem = problem

    def stop(self, within_s: int = 1) -> None:
        """Serve nothing."""
        with self._changing:
            self._end(within_s)
            self._wanted = None

    def _begin(self, wanted: Listen) -> str | None:
        """Serve; returns what is in the way."""
        try:
            token = make_token(self._token)
        except OSError as exc:
            return f"its token cannot be kept in {self._token}: {_said(exc)}"
        try:
            listener = socket.create_server(
                (wanted.host, wanted.port), family=_family(wanted), backlog=_BACKLOG
            )
        except OSError as exc:
            return f"{wanted} cannot be listened at: {_said(exc)}"
        port = listener.getsockname()[1]
        app = create_app(self._daemon, self._clock, token, port)
        self._server = HttpServer(app, PageConnection, "page")
        self._server.start(listener)
        threading.Thread(target=prepare, name="page", daemon=True).start()
        self.address = f"http://{wanted.with_port(port)}/"
        log.info("the status page is served", address=self.address)
        return None

    def _end(self, within_s: int) -> None:
        if self._server is not None:
            self._server.stop(within_s)
        self._server = self.address = None


def _family(wanted: Listen) -> socket.AddressFamily:
    """IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in wanted.host else socket.AF_INET


def _said(exc: OSError) -> str:
    """Why, without what Python adds."""
    return str(exc) if exc.errno is None else os.strerror(exc.errno)
