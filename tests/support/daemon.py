"""The daemon as a real process, as systemd would start it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Self

from tests.support import warm
from tests.support.patience import HANG_S, wait_until
from tests.support.project import Project


class Daemon:
    """``aqsync run`` of a project.

    Args:
        project: Whose configuration.
        constants: By dotted name, what shall be otherwise in the process: shorter times.
        before: Put before the command.
    """

    def __init__(
        self,
        project: Project,
        constants: dict[str, float] | None = None,
        *,
        before: Sequence[str] = (),
    ) -> None:
        self._project = project
        self._before = before
        self._log = project.folder / "daemon.log"
        self._log.touch()
        self._notified = project.folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._notified))
        self._messages: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._prelude = f"from tests.support.constants import put; put({constants or {}}); "

    def start(self, *options: str, ready: bool = True) -> Self:
        code = f"{self._prelude}from aqsync.cli.main import main; main()"
        arguments = ["run", "--config", str(self._project.config), *options]
        with self._log.open("ab") as log:
            self._process = warm.Popen(
                [*self._before, sys.executable, "-c", code, *arguments],
                stdout=log,
                stderr=log,
                env=os.environ | {"NOTIFY_SOCKET": str(self._notified)},
            )
        if ready:
            before = self.told().count("READY=1")
            self.wait(lambda: self.told().count("READY=1") > before, "READY")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def told(self) -> list[str]:
        """What systemd was told so far, an assignment each."""
        while True:
            try:
                self._messages += self._socket.recv(65_536).decode().split("\n")
            except BlockingIOError:
                return self._messages

    @property
    def log(self) -> list[str]:
        """The lines of the log so far, without their times."""
        return [re.sub(r"^\S+ ", "", line) for line in self._log.read_text().splitlines()]

    def lines(self, words: str) -> list[str]:
        return [line for line in self.log if words in line]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so; the daemon must live until then."""

        def so() -> bool:
            assert self._process is not None
            status = self._process.poll()
            assert status is None, f"it has ended with {status}:\n{self._log.read_text()}"
            return bool(condition())

        wait_until(so, lambda: f"{what}\n{self._log.read_text()}")

    def wait_for_line(self, words: str, count: int = 1) -> None:
        self.wait(lambda: len(self.lines(words)) >= count, words)

    def wait_for_remote(self, expected: dict[str, bytes] | set[str]) -> None:
        """Wait until the server has at least these files, with these contents where they are given.

        What is uploaded first may be less: a test that writes a file is no single step either.
        """
        names = set(expected)
        self.wait(lambda: names <= self._project.remote_names(), f"{len(names)} files")
        contents = expected if isinstance(expected, dict) else {}
        for name, content in contents.items():
            self.wait(lambda: self._project.read(name) == content, f"the content of {name}")  # noqa: B023 - done before the next

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def has_ended(self) -> bool:
        """Whether the process has come to its end."""
        assert self._process is not None
        return self._process.poll() is not None

    def ended(self) -> int:
        """Wait for its end; returns its status."""
        assert self._process is not None
        return self._process.wait(HANG_S)

    def stop(self) -> int:
        """Ask it to end; returns its status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        if kind is None:
            log = self._log.read_text()
            assert "Traceback" not in log, log
