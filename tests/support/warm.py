"""Processes of aqsync that begin warm: to start Python and import the program takes a second.

For each worker of pytest one process has imported everything (`tests/support/nursery.py`). It
forks, and the fork becomes what was asked for: with arguments, environment, directory and files of
its own, its own main module, and Python's own way to an end.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, AnyStr

from tests.support.patience import HANG_S
from tests.support.permissions import BOUND_BY_PERMISSIONS

_COLD = ("preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
_COUNT_AT_THE_START = ("PYTHON", "LC_", "LANG", "MALLOC_", "LD_")
"""So begin the names of variables that count when a program starts, and not later."""
_DO_NOT_COUNT = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED"}
"""But not these: the nursery has imported all that there is, and opens the streams itself."""
_SERVER = ("aqsync.server.run",)
"""The server alone imports nothing of the rest, which would set up a log for it."""
_COMMANDS = ("aqsync.cli.main", "aqsync.cli.commands.push", "aqsync.cli.commands.run")
_SIGNATURE = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]


class Popen(subprocess.Popen[AnyStr]):
    """Like `subprocess.Popen`, but what this Python is to run with ``-c`` or ``-m`` begins warm.

    Anything else begins as always, and so does what asks for another start of Python itself.
    """

    _end: int | None = None
    """Where the nursery writes how the process has ended; None for one that began as always."""

    def _execute_child(self, *positional: Any, **named: Any) -> None:
        given = _SIGNATURE.bind(self, *positional, **named).arguments
        environment = dict(given["env"] or os.environ)
        is_line = isinstance(given["args"], str | bytes)
        words = [] if is_line else list(map(os.fsdecode, given["args"]))
        before = len(BOUND_BY_PERMISSIONS)
        bound = before > 0 and tuple(words[:before]) == BOUND_BY_PERMISSIONS
        if bound:
            words = words[before:]
        if not _can_be_warm(words, given, environment):
            super()._execute_child(*positional, **named)  # type: ignore[misc]
            return
        files: list[int] = [
            own if file == -1 else file
            for own, file in enumerate((given["p2cread"], given["c2pwrite"], given["errwrite"]))
        ]
        self._end, ended = os.pipe()
        order = {
            "arguments": words[1:],
            "environment": environment,
            "directory": os.path.abspath(given["cwd"] or "."),  # noqa: PTH100 - it may be a link
            "session": given["start_new_session"],
            "bound": bound,
        }
        is_server = any("aqsync.server" in each for each in order["arguments"][1:2])
        self.pid = _nursery(_SERVER if is_server else _COMMANDS).fork(order, [*files, ended])
        self._child_created = True
        os.close(ended)
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[end] for end in ends))  # type: ignore[attr-defined]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()  # a test that has failed waits for nothing
        super().__exit__(kind, value, trace)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._end is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc,no-any-return]
        if not select.select([self._end], [], [], 0 if wait_flags & os.WNOHANG else None)[0]:
            return 0, 0
        status = int(os.read(self._end, 100))
        os.close(self._end)
        return self.pid, status

    def _internal_poll(self, *positional: Any, **named: Any) -> int | None:
        if self._end is None:
            return super()._internal_poll(*positional, **named)  # type: ignore[misc,no-any-return]
        lock: threading.Lock = self._waitpid_lock  # type: ignore[attr-defined]
        if lock.acquire(blocking=False):  # else somebody waits for it
            try:
                pid = status = 0
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                lock.release()
        return self.returncode


def run(
    arguments: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Like `subprocess.run`: to its end, with what it says."""
    with Popen(
        arguments, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        out, err = process.communicate(timeout=HANG_S)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def _can_be_warm(
    words: Sequence[str], given: Mapping[str, Any], environment: Mapping[str, str]
) -> bool:
    if words[:2] not in ([sys.executable, "-c"], [sys.executable, "-m"]):
        return False
    differing = _at_the_start(environment).items() ^ AT_THE_START.items()
    return {name for name, _ in differing} <= _DO_NOT_COUNT and not any(map(given.get, _COLD))


def _at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: value for n, value in environment.items() if n.startswith(_COUNT_AT_THE_START)}


AT_THE_START = _at_the_start(os.environ)
"""The variables that a warm process must have just so."""


class _Nursery:
    def __init__(self, modules: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.support.nursery", str(theirs.fileno())]
            command += modules
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        atexit.register(self._close)

    def _close(self) -> None:
        self._ours.close()
        self._process.wait()

    def fork(self, order: Mapping[str, object], files: Iterable[int]) -> int:
        """Let a process begin; returns its number."""
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(order).encode()], list(files))
            return int(self._ours.recv(100))


@cache
def _nursery(modules: tuple[str, ...]) -> _Nursery:
    return _Nursery(modules)
