"""Running the server: what ``aqsync serve`` does."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

import uvicorn

from aqsync.server.app import create_app
from aqsync.server.errors import ServerStartError
from aqsync.server.rights.exposure import check_exposure, names_in
from aqsync.server.rights.opening import has_tokens
from aqsync.server.settings import ServerSettings
from aqsync.server.wire import http_protocol
from aqsync.server.wire.file_limit import connections_for, raise_file_limit
from aqsync.server.wire.http_protocol import GuardedConfig, GuardedProtocol
from aqsync.server.wire.tls import LOOK_SECONDS, Certificate
from aqsync.server.workers import Workers

_KEEP_ALIVE_SECONDS = 75
_ACCEPTED_AT_ONCE = 100
_WAITING = 2048
"""Connections that the system keeps until they are accepted."""
_STOP_SECONDS = 10
"""How long a stop waits for requests that are being answered."""


def serve(settings: ServerSettings, *, host: str, port: int, insecure: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; a second SIGINT does not wait for running requests.

    Prints ``listening on http://HOST:PORT`` once connections are accepted.

    Args:
        settings: What is served.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        insecure: Whether the network may be let in without a token.

    Raises:
        ServerStartError: The address, the storage, the extensions or the token cannot be used, or
            the network would be let in by accident.
    """
    # A client that sends what makes no sense is told; it must not fill the log.
    for name in ("python_multipart", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if settings.workers > 1 and not settings.storage.is_shared:
        raise ServerStartError(
            "several workers need a database and a place for files that they can share",
            "Name them with --database and --files, or start without --workers.",
        )
    with _log_to_stderr(), _listening_socket(host, port) as listener:
        asks = settings.token is not None or has_tokens(settings.storage)
        encrypted = settings.tls is not None
        check_exposure(listener.getsockname()[0], asks=asks, encrypted=encrypted, insecure=insecure)
        settings = replace(settings, allowed_hosts=settings.allowed_hosts | names_in(host))
        certificate = None if settings.tls is None else Certificate(*settings.tls)

        def ready() -> None:
            url = _url(listener, encrypted=encrypted)
            print(f"listening on {url}", flush=True)  # noqa: T201 - the promise

        def work(number: int, ready: Callable[[], None]) -> None:
            _answer(settings.of_worker(number), listener, ready, certificate)

        if settings.workers == 1:
            _answer(settings, listener, ready, certificate)
        else:
            Workers(settings.workers, work, ready).run()


def _answer(
    settings: ServerSettings,
    listener: socket.socket,
    ready: Callable[[], None],
    certificate: Certificate | None,
) -> None:
    """Answer in this process, until a signal."""
    app = create_app(settings, _url_for_scripts(listener, settings))
    most_connections = connections_for(raise_file_limit())
    config = GuardedConfig(
        app,
        most_connections=most_connections,
        # asyncio accepts so many at once before any of them can be closed again.
        backlog=min(_ACCEPTED_AT_ONCE, most_connections),
        loop="aqsync.server.wire.event_loop:EventLoop",
        ssl_context_factory=None if certificate is None else lambda *_: certificate.context,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    try:
        _Server(config, ready, app.state.end_tasks, certificate).run(sockets=[listener])
    finally:
        app.state.end_tasks()


class OneLine(logging.Formatter):
    """Escapes what is no text on one line: names of files and paths come from clients."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overridden
        """Give the message; a traceback is added behind it."""
        line = super().formatMessage(record)
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


@contextmanager
def _log_to_stderr() -> Iterator[None]:
    """Show warnings; without a handler of its own, a program that has one for others is silent."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(OneLine("%(levelname)s: %(message)s"))
    logger = logging.getLogger("aqsync.server")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Server(uvicorn.Server):
    """Says when it is ready; on a signal it stops and returns.

    Args:
        config: What is served, and how.
        ready: Called once connections are accepted.
        end_tasks: Ends what runs for extensions, without patience.
        certificate: What it shows; None if it speaks no TLS.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        end_tasks: Callable[[], None],
        certificate: Certificate | None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._end_tasks = end_tasks
        self._certificate = certificate
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._hang_up_on_the_silent()
        if self._certificate is not None:
            self._look_at(self._certificate)
        for listener in sockets or []:
            listener.listen(_WAITING)
        if not self.should_exit:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.force_exit and self._loop is not None:
            self._loop.call_soon_threadsafe(self._hang_up)

    def _hang_up_on_the_silent(self) -> None:
        """Do so now and again: one timer for all costs less than one for each connection."""
        loop = asyncio.get_running_loop()
        for connection in list(self.server_state.connections):
            if isinstance(connection, GuardedProtocol):
                connection.hang_up_if_stalled(loop.time())
        loop.call_later(http_protocol.IDLE_SECONDS / 4, self._hang_up_on_the_silent)

    def _look_at(self, certificate: Certificate) -> None:
        """Take a renewed certificate now and again, on a thread: its disk may be slow."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, certificate.look)
        loop.call_later(LOOK_SECONDS, self._look_at, certificate)

    def _hang_up(self) -> None:
        """Close all connections: from Python 3.12 on the server waits for the last one."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:
            # A forced stop of uvicorn ends neither requests nor the lifespan.
            for task in self.server_state.tasks:
                task.cancel()
            await asyncio.to_thread(self._end_tasks)
            await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _url(listener: socket.socket, *, encrypted: bool) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _url_for_scripts(listener: socket.socket, settings: ServerSettings) -> str:
    """With a final slash, as manifests have it; an address for all interfaces becomes loopback.

    A certificate is good for names: with TLS the first name of the server is used, if it has one.
    """
    if settings.tls is not None and settings.allowed_hosts:
        port = listener.getsockname()[1]
        return f"https://{min(settings.allowed_hosts)}:{port}/"
    url = _url(listener, encrypted=settings.tls is not None)
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:") + "/"


def _listening_socket(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Only if the protocol is named does asyncio turn Nagle's algorithm off (40 ms a request).
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as exc:
        listener.close()
        reason = str(exc.strerror if isinstance(exc, OSError) else exc).rstrip(".")
        taken = isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE
        raise ServerStartError(
            f"cannot listen on {host}, port {port}: {reason}",
            "Choose another --port; 0 takes a free one."
            if taken
            else "Choose another --host or --port.",
        ) from exc
    return listener
