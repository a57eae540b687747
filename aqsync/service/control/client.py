"""A command's end of the local socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from aqsync.errors import AqsyncError, ConfigError, DaemonStopped, NoDaemon
from aqsync.service.control.commands import DaemonStatus
from aqsync.service.control.lines import (
    LONGEST_ANSWER,
    LONGEST_REQUEST,
    BadLine,
    LineReader,
    decoded,
    encoded,
)
from aqsync.service.control.local_socket import connect, socket_path
from aqsync.service.control.protocol import (
    STOP,
    PauseRequest,
    PushRequest,
    ReloadRequest,
    Request,
    ResumeRequest,
    RetryRequest,
    StatusRequest,
    error_from_dict,
    event_from_dict,
    request_to_dict,
)
from aqsync.sync.progress import Show
from aqsync.sync.report import PushReport

Told = Callable[[dict[str, Any]], None]

PATIENCE_S = 15.0
"""Seconds without a word after which the daemon counts as hung; it has one every few seconds."""


class Daemon:
    """A connection to the daemon that writes a journal; good for one request.

    Made by `find`.
    """

    def __init__(self, connection: socket.socket, journal: Path) -> None:
        self._connection = connection
        self._journal = journal
        self._sending = threading.Lock()

    @classmethod
    def find(cls, journal: Path) -> Self | None:
        """Connect to the daemon that writes a journal; None if none runs.

        Raises:
            NoDaemon: There is one, but it takes no connection.
        """
        try:
            connection = connect(socket_path(journal))
        except OSError as exc:
            raise _silent(journal) from exc
        return None if connection is None else cls(connection, journal)

    def push(self, request: PushRequest, show: Show) -> PushReport:
        """Have the daemon push.

        Args:
            request: What to push.
            show: Told what happens meanwhile.

        Raises:
            DaemonStopped: It stopped before it had done so, or `leave` was called.
            NoDaemon: It does not answer.
            AqsyncError: Whatever kept it from pushing.
        """
        problems: list[dict[str, Any]] = []

        def told(line: dict[str, Any]) -> None:
            event = event_from_dict(line)
            if event is not None:
                show(event)
            elif line["event"] == "problems":
                problems.extend(line["problems"])

        report = self._ask(request, told)
        try:
            return PushReport.from_dict({**report, "problems": problems})
        except (KeyError, TypeError, ValueError) as exc:
            raise AqsyncError(
                "the daemon gave an answer that is not understood",
                hint="is it of another release? then restart it",
            ) from exc

    def retry(self, request: RetryRequest) -> int:
        """Have the daemon set files free; returns how many. Raises as `push` does."""
        return int(self._ask(request))

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        """Have the daemon pause a mapping or all. Raises as `push` does."""
        self._ask(PauseRequest(mapping, seconds))

    def resume(self, mapping: str | None) -> None:
        """Have the daemon end a pause, or all. Raises as `push` does."""
        self._ask(ResumeRequest(mapping))

    def reload(self) -> None:
        """Have the daemon read its configuration again. Raises as `push` does."""
        self._ask(ReloadRequest())

    def status(self) -> DaemonStatus:
        """What the daemon says of itself. Raises as `push` does."""
        return cast(DaemonStatus, self._ask(StatusRequest()))

    def ask_to_stop(self) -> None:
        """Ask it to end the request soon; called from any thread. The answer still comes."""
        with contextlib.suppress(OSError), self._sending:
            self._connection.sendall(encoded(STOP))

    def leave(self) -> None:
        """Wait for the answer no longer; called from any thread."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _ask(self, request: Request, told: Told = lambda _line: None) -> Any:  # noqa: ANN401 - JSON
        asked = encoded(request_to_dict(request))
        if len(asked) > LONGEST_REQUEST:
            raise ConfigError(
                "that is more than the daemon takes at once", hint="name directories, not files"
            )
        reader = LineReader(self._connection, LONGEST_ANSWER)
        try:
            with contextlib.suppress(ConnectionError), self._sending:
                self._connection.sendall(asked)  # refused or not, an answer may be there
            while (line := reader.read(PATIENCE_S)) is not None:
                answer = decoded(line)
                if "done" in answer:
                    return answer["done"]
                if "error" in answer:
                    raise error_from_dict(answer["error"])
                if "event" in answer:
                    told(answer)
        except ConnectionError:
            pass
        except (BadLine, OSError) as exc:
            raise _silent(self._journal) from exc
        raise DaemonStopped("the daemon has stopped")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()


def _silent(journal: Path) -> NoDaemon:
    return NoDaemon(
        f"the daemon that writes {journal} does not answer",
        hint="see its log; restart it if it hangs",
    )
