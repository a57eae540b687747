"""The daemon's end of one connection: one request, what happens meanwhile, and the answer."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Mapping
from typing import Any

from aqsync.clock import Clock
from aqsync.errors import AqsyncError, DaemonStopped
from aqsync.log import Log
from aqsync.service.control.commands import Commands
from aqsync.service.control.lines import (
    LONGEST_REQUEST,
    BadLine,
    LineReader,
    decoded,
    encoded,
)
from aqsync.service.control.protocol import (
    ALIVE,
    ALIVE_EVERY_S,
    PROBLEMS_A_LINE,
    BadRequest,
    PauseRequest,
    PushRequest,
    ReloadRequest,
    Request,
    ResumeRequest,
    RetryRequest,
    StatusRequest,
    error_to_dict,
    event_to_dict,
    request_from_dict,
)
from aqsync.sync.policies import batched
from aqsync.sync.progress import Event, Teller, Throttled

REQUEST_S = 10.0
"""Seconds that a request may take to arrive."""
TAKE_S = 20.0
"""Seconds after which who asked, and takes no more of what it is told, counts as gone."""

log = Log(__name__)


class Connection:
    """Serves one request, on the thread that calls `serve`.

    Args:
        peer: The connection; closed in the end.
        commands: What carries the request out.
        clock: Tells how often progress is told.
    """

    def __init__(self, peer: socket.socket, commands: Commands, clock: Clock) -> None:
        self._peer = peer
        self._commands = commands
        self._clock = clock
        self._stop = threading.Event()
        """Set when who asked has gone, or wants an end, or the daemon stops."""
        self._ended = False
        """The daemon stops."""
        self._done = threading.Event()
        self._sending = threading.Lock()
        self._broken = False

    def serve(self) -> None:
        """Read the request, carry it out and answer."""
        with self._peer:
            try:
                request = self._request()
            except AqsyncError as exc:
                self._send({"error": error_to_dict(exc)})
                return
            except OSError:
                return
            if request is not None:
                self._answer(request)

    def end(self) -> None:
        """The daemon stops: whatever is asked for is asked to end, and nothing more is read."""
        self._ended = True
        self._read_no_more()

    def refuse(self, exc: AqsyncError) -> None:
        """Answer, without a look at the request, that it cannot be served now."""
        with self._peer:
            self._peer.settimeout(0)  # it is short: either it goes out at once or not at all
            with contextlib.suppress(OSError):
                self._peer.sendall(encoded({"error": error_to_dict(exc)}))

    def _request(self) -> Request | None:
        reader = LineReader(self._peer, LONGEST_REQUEST)
        try:
            line = reader.read(REQUEST_S)
            if line is None:
                return None
            if reader.has_more:
                self._stop.set()
            return request_from_dict(decoded(line))
        except BadLine as exc:
            raise BadRequest(f"the daemon does not understand the request: {exc}") from exc

    def _answer(self, request: Request) -> None:
        self._peer.settimeout(TAKE_S)
        watch = threading.Thread(target=self._watch, name="control watch", daemon=True)
        watch.start()
        try:
            answer = {"done": self._carry_out(request)}
        except AqsyncError as exc:
            answer = {"error": error_to_dict(exc)}
        except Exception as exc:  # noqa: BLE001 - one request must not end the daemon
            kind = type(request).__name__
            log.error("an internal error; please report it", request=kind, exc=exc)
            failed = AqsyncError(f"internal error of the daemon: {exc}", hint="see its log")
            answer = {"error": error_to_dict(failed)}
        self._done.set()
        self._read_no_more()
        watch.join()
        self._send(answer)

    def _carry_out(self, request: Request) -> object:
        match request:
            case PushRequest():
                return self._push(request)
            case RetryRequest():
                return self._commands.retry(request)
            case PauseRequest(mapping, seconds):
                self._commands.pause(mapping, seconds)
            case ResumeRequest(mapping):
                self._commands.resume(mapping)
            case ReloadRequest():
                self._commands.reload()
            case StatusRequest():
                return self._commands.status()
        return None

    def _push(self, request: PushRequest) -> dict[str, Any]:
        throttled = Throttled(self._show, self._clock)
        report = self._commands.push(request, Teller(throttled), self._stop)
        throttled.flush()
        if self._ended and report["interrupted"]:
            raise DaemonStopped("the daemon has stopped")
        # Of a report only the problems can be many.
        for problems in batched(iter(report["problems"]), PROBLEMS_A_LINE):
            self._send({"event": "problems", "problems": problems})
        return {**report, "problems": []}

    def _show(self, event: Event) -> None:
        self._send(event_to_dict(event))

    def _send(self, content: Mapping[str, Any]) -> None:
        """Send a line, from any thread; the first that cannot be sent ends the request."""
        line = encoded(content)
        with self._sending:
            if self._broken:
                return
            try:
                self._peer.sendall(line)
            except OSError:  # part of the line may have gone out, so no other may follow
                self._broken = True
                self._stop.set()

    def _watch(self) -> None:
        """Tell who asked that the request is alive, and see when they go or want an end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._peer, selectors.EVENT_READ)
            while not selector.select(ALIVE_EVERY_S):
                self._send(ALIVE)
        self._stop.set()  # whatever came: nothing but an end can be asked for now
        while not self._done.wait(ALIVE_EVERY_S):
            self._send(ALIVE)

    def _read_no_more(self) -> None:
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RD)
