"""A user of the commands that work on what is on the server."""

from __future__ import annotations

import json
import os
import pty
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from aqsync.aqueduct.client import Client
from tests.support import warm
from tests.support.patience import HANG_S
from tests.support.project import COMMAND, Ran, run


class Remote:
    """One experiment on a server, and the commands with that server's URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.server = Client(url)
        self.experiment = self.server.create_experiment("command line", "")
        self.eid = self.experiment.eid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def run(self, *arguments: str | Path) -> Ran:
        return run(*arguments, "--url", self.url)

    def did(self, *arguments: str | Path) -> str:
        """Run a command that must succeed; give what it printed."""
        ran = self.run(*arguments)
        assert ran.exit_code == 0, ran.text
        return ran.out

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed; give its JSON."""
        return json.loads(self.did(*arguments, "--json"))

    def refused(self, exit_code: int, *arguments: str | Path) -> str:
        """Run a command that must end with this exit code; give its complaint."""
        ran = self.run(*arguments)
        assert ran.exit_code == exit_code, ran.text
        assert ran.out == ""
        assert "Traceback" not in ran.err
        return ran.err

    def put(self, name: str, content: bytes = b"content") -> None:
        self.server.upload(self.experiment.uuid, name, [content], len(content))

    def read(self, name: str) -> bytes:
        with self.server.download(self.experiment.uuid, name) as coming:
            return b"".join(coming.chunks())

    def names(self) -> set[str]:
        answer = self.server.list_files([self.experiment.uuid])
        assert answer is not None
        return {file.name for file in answer.files[self.experiment.uuid] or ()}


def on_terminal(
    arguments: Sequence[str | Path],
    *,
    see: str = "",
    then: str | signal.Signals = "",
    talk: Sequence[tuple[str, str]] = (),
    columns: int = 120,
    encoding: str = "utf-8",
) -> tuple[int, str]:
    """Run a command in a process on a terminal; return its exit code and all that was shown.

    Args:
        arguments: The command line.
        see: What to wait for.
        then: What to type when that is shown, or the signal to send.
        talk: More than one of these, in their order.
        columns: The terminal's width.
        encoding: Its letters.
    """
    ours, theirs = pty.openpty()
    with warm.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"},
    ) as process:
        os.close(theirs)
        watchdog = threading.Timer(HANG_S, process.kill)
        watchdog.start()
        shown = ""
        waiting: list[tuple[str, str | signal.Signals]] = [*talk] or [(see, then)] * bool(see)
        answered = 0
        while chunk := _read(ours, encoding):
            shown += chunk
            if waiting and waiting[0][0] in shown[answered:]:
                _, answer = waiting.pop(0)
                answered = len(shown)
                if isinstance(answer, signal.Signals):
                    process.send_signal(answer)
                else:
                    os.write(ours, answer.encode())
        watchdog.cancel()
        os.close(ours)
        assert not waiting, shown
        return process.wait(), shown.replace("\r\n", "\n")


def _read(terminal: int, encoding: str) -> str:
    try:
        return os.read(terminal, 65536).decode(encoding, errors="replace")
    except OSError:  # the last that had it open has gone
        return ""
