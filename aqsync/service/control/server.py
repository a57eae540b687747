"""Listens on the local socket; each connection has a thread of its own, and there are few."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from pathlib import Path

from aqsync.clock import Clock, SystemClock
from aqsync.errors import AqsyncError
from aqsync.log import Log
from aqsync.service.control.commands import Commands
from aqsync.service.control.connection import Connection
from aqsync.service.control.local_socket import is_trusted, listen, socket_path

MOST_CONNECTIONS = 32
_AFTER_FAILURE_S = 1.0

log = Log(__name__)


class ControlServer:
    """The socket of a daemon that holds the journal's lock.

    Args:
        journal: The journal's path; the socket stands beside it.
        commands: What carries requests out.
        clock: The time.
    """

    def __init__(self, journal: Path, commands: Commands, clock: Clock | None = None) -> None:
        self.path = socket_path(journal)
        self._commands = commands
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._served: dict[Connection, threading.Thread] = {}
        self._thread: threading.Thread | None = None
        self._waker: socket.socket
        self._made: os.stat_result

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: There can be no such socket here.
            OSError: It cannot be made.
        """
        listener = listen(self.path)
        self._made = self.path.lstat()
        self._waker, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._accept_all, args=(listener, woken), name="control", daemon=True
        )
        self._thread.start()

    def stop(self, within_s: float = 5.0) -> None:
        """Take no more requests, and ask those under way to end.

        Args:
            within_s: Seconds to wait for them; the process may end while they go on.
        """
        if self._thread is None or self._stopping.is_set():
            return
        self._stopping.set()
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.lstat(), self._made):  # else it is another daemon's
                self.path.unlink()
        self._waker.close()
        self._thread.join()
        self._end_all(time.monotonic() + within_s)

    def _end_all(self, give_up_at: float) -> None:
        with self._lock:
            served = dict(self._served)
        for connection in served:
            connection.end()
        for thread in served.values():
            thread.join(max(0.0, give_up_at - time.monotonic()))

    def _accept_all(self, listener: socket.socket, woken: socket.socket) -> None:
        listener.setblocking(False)
        with listener, woken, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                try:
                    peer, _ = listener.accept()
                except BlockingIOError:
                    continue
                except OSError as exc:  # such as too many open files
                    log.warning("a command cannot be served", exc=exc)
                    self._stopping.wait(_AFTER_FAILURE_S)
                else:
                    self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        peer.setblocking(True)
        if not is_trusted(peer):
            log.warning("another user has tried to give orders")
            peer.close()
            return
        connection = Connection(peer, self._commands, self._clock)
        with self._lock:
            full = len(self._served) >= MOST_CONNECTIONS
        if full:
            connection.refuse(
                AqsyncError("the daemon is busy with other commands", hint="try again soon")
            )
            return

        def serve() -> None:
            try:
                connection.serve()
            finally:
                with self._lock:
                    del self._served[connection]

        thread = threading.Thread(target=serve, name="control connection", daemon=True)
        with self._lock:
            self._served[connection] = thread
        try:
            thread.start()
        except RuntimeError as exc:
            log.warning("a command cannot be served", exc=exc)
            peer.close()
            with self._lock:
                del self._served[connection]
