"""A command's side of the daemon's Unix socket."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Self, TypeVar

from aqsync import __version__
from aqsync.errors import (
    BadRequest,
    ConfigError,
    DaemonStopped,
    Interrupted,
    NoDaemon,
)
from aqsync.journal.trusted import users_of
from aqsync.service.web.local_socket import connect, socket_path
from aqsync.service.web.models import (
    JSON,
    LONGEST_REQUEST,
    DaemonStatus,
    Failure,
    Message,
    Nothing,
    PauseRequest,
    PushRequest,
    ResumeRequest,
    RetryRequest,
    SetFree,
    encoded,
    event_from_dict,
)
from aqsync.sync.progress import Show
from aqsync.sync.report import PushReport

PATIENCE_S = 15.0
"""Seconds without a word after which the daemon counts as hung; it has one every few seconds."""

T = TypeVar("T")
Line = Mapping[str, Any]


class DaemonClient(contextlib.AbstractContextManager["DaemonClient"]):
    """A connection to the daemon that writes a journal; good for one request.

    Made by `find`.
    """

    def __init__(self, connection: socket.socket, journal: Path) -> None:
        self._socket = connection
        self._journal = journal
        self._http = HTTPConnection("aqsync")
        self._http.sock = connection
        self._http.auto_open = 0  # it would look for a host of this name
        self._asked_to_stop = False

    @classmethod
    def find(cls, journal: Path) -> Self | None:
        """Connect to the daemon that writes a journal; None if none runs.

        Raises:
            NoDaemon: There is one, but it takes no connection; or another user stands in its place.
        """
        try:
            connection = connect(socket_path(journal), users_of(journal))
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
            Interrupted: The same after `ask_to_stop`.
            NoDaemon: It does not answer.
            BadRequest: It and this command do not understand each other.
            AqsyncError: What kept it from pushing.
        """

        def told(line: Line) -> None:
            event = event_from_dict(line)
            if event is not None:
                show(event)

        try:
            report = self._ask("/push", PushReport.from_dict, request, told)
        except DaemonStopped as exc:
            if self._asked_to_stop:
                raise Interrupted("interrupted; the next push goes on from here") from exc
            raise
        if report.interrupted and not self._asked_to_stop:
            raise DaemonStopped("the daemon is stopping")
        return report

    def retry(self, request: RetryRequest) -> int:
        """Have the daemon set files free; returns how many. Raises as `push` does."""
        return self._ask("/retry", SetFree.model_validate, request).files

    def pause(self, mapping: str | None, seconds: float | None) -> Nothing:
        """Have the daemon pause a mapping or all. Raises as `push` does."""
        request = PauseRequest(mapping=mapping, seconds=seconds)
        return self._ask("/pause", Nothing.model_validate, request)

    def resume(self, mapping: str | None) -> Nothing:
        """Have the daemon end a pause, or all. Raises as `push` does."""
        return self._ask("/resume", Nothing.model_validate, ResumeRequest(mapping=mapping))

    def reload(self) -> Nothing:
        """Have the daemon read its configuration again. Raises as `push` does."""
        return self._ask("/reload", Nothing.model_validate, Nothing())

    def status(self) -> DaemonStatus:
        """What the daemon says of itself. Raises as `push` does."""
        return self._ask("/status", DaemonStatus.model_validate)

    def ask_to_stop(self) -> None:
        """Have the push end soon; called from any thread. Its report still comes."""
        self._asked_to_stop = True
        self._shut_down(socket.SHUT_WR)

    def leave(self) -> None:
        """Wait for the answer no longer; called from any thread."""
        self._shut_down(socket.SHUT_RDWR)

    def _shut_down(self, how: int) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(how)

    def _ask(
        self,
        path: str,
        read: Callable[[Any], T],
        request: Message | None = None,
        told: Callable[[Line], None] = lambda _line: None,
    ) -> T:
        """Ask, and return the answer."""
        body = None if request is None else encoded(request)
        if body is not None and len(body) > LONGEST_REQUEST:
            raise ConfigError(
                "that is more than the daemon takes at once", hint="name directories, not files"
            )
        self._socket.settimeout(PATIENCE_S)
        try:
            with contextlib.suppress(ConnectionError):  # refused or not, an answer may be there
                self._http.request("GET" if body is None else "POST", path, body)
            with self._http.getresponse() as response:
                return _answer(response, read, told)
        except (ConnectionError, HTTPException) as exc:
            raise DaemonStopped("the daemon has stopped") from exc
        except OSError as exc:
            raise _silent(self._journal) from exc

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._socket.close()


def _answer(response: HTTPResponse, read: Callable[[Any], T], told: Callable[[Line], None]) -> T:
    try:
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise Failure.model_validate(json.loads(response.read())).error()
        if response.headers.get_content_type() == JSON:
            return read(json.loads(response.read()))
        while (content := response.readline()).endswith(b"\n"):
            line = json.loads(content)
            if line["event"] == "done":
                return read(line["answer"])
            if line["event"] == "error":
                raise Failure.model_validate(line["error"]).error()
            told(line)
    except BadRequest as exc:
        exc.hint = _releases(response)
        raise
    except (KeyError, TypeError, ValueError) as exc:
        raise BadRequest(
            "the daemon gave an answer that is not understood", hint=_releases(response)
        ) from exc
    raise DaemonStopped("the daemon has stopped")


def _releases(response: HTTPResponse) -> str:
    """What to do where command and daemon do not understand each other."""
    theirs, ours = response.getheader("server", "of an unknown release"), f"aqsync/{__version__}"
    if theirs == ours:
        return "please report it"
    return f"the daemon is {theirs}, this command {ours}: restart the daemon"


def _silent(journal: Path) -> NoDaemon:
    return NoDaemon(
        f"the daemon that writes {journal} does not answer",
        hint="see its log; restart it if it hangs",
    )
