"""A terminal with a clean home, in which blocks of pages are typed one after the other."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.support import warm
from tests.support.patience import HANG_S, wait_until

_SHIM = """#!{python} -ISE
import json, os, socket, sys
terminal = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
terminal.connect({address!r})
order = {{"arguments": sys.argv[1:], "directory": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(terminal, [json.dumps(order).encode()], [0, 1, 2])
sys.exit(int(terminal.recv(10)))
"""
_MAIN = "from aqsync.cli.main import main; main()"
_SERVE = f"import aqsync.server.run; {_MAIN}"
"""Begins where the server is warm."""
_LONGEST_ORDER = 1 << 18
_PRELUDE = """
trap 'echo "$? $BASH_COMMAND" >> "$HOME/.failures"' ERR
set -o errtrace
mail() { cat; }
curl() { command curl --silent --show-error "$@"; }
"""
_STUBS = """
until_ctrl_c() { TYPED_CTRL_C=1 "$@"; }
make() { :; }
python3() { [ "$1 $2" = "-m venv" ] || command python3 "$@"; }
"""
"""What a test must not do, or has no time for, does nothing."""
_REAL = """
until_ctrl_c() {
    "$@" > "$HOME/.said" 2>&1 &
    until grep -qE 'listening on|started' "$HOME/.said"; do kill -0 $! || break; sleep 0.1; done
    kill $!
    wait $!
}
"""
"""The shell itself ends what runs in the foreground, by SIGTERM: scripts ignore Ctrl-C."""
_POSTLUDE = "\ntrap - ERR; kill $(jobs -p) 2> /dev/null; wait\n"
_WORKS = re.compile("listening on|started|in sync")
_MARK = "\036"
_FOREGROUND = re.compile(r"^(aqsync (?:serve|run|status --watch)\b[^&\n]*)$", re.MULTILINE)


class Typed(NamedTuple):
    """What came of it."""

    outputs: list[str]
    """Of each block, stdout and stderr as they came."""
    failures: set[str]
    """Each command that failed, after its exit status; a pipe counts by its last part."""


class Terminal:
    """Types into bash. ``aqsync`` is there in `bin`, and begins warm (`tests/support/warm.py`).

    What runs in the foreground until Ctrl-C gets that as soon as it says that it works.

    Args:
        home: A new folder.
        real: Whether `bin` is left empty, and ``make`` and ``python3 -m venv`` do what they do.
    """

    def __init__(self, home: Path, *, real: bool = False) -> None:
        self.home = home
        self.bin = home / "aqsync-env" / "bin"
        (home / "tmp").mkdir(parents=True)
        self._real = real
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._socket.bind(f"\0aqsync-terminal-{os.getpid()}-{id(self)}")
        self._socket.listen()
        if not self._real:
            address = self._socket.getsockname()
            self._install("aqsync", _SHIM.format(python=sys.executable, address=address))
            self._install("pip", "#!/bin/sh\n")
            thread = threading.Thread(target=self._serve, daemon=True)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(HANG_S)

    def type(self, blocks: Iterable[str], *, finds_aqsync: bool = True) -> Typed:
        """Type blocks into one shell.

        Args:
            blocks: What is typed; a foreground server or daemon is ended by Ctrl-C.
            finds_aqsync: Whether the shell finds the command at once.
        """
        path = [*([str(self.bin)] if finds_aqsync else []), "/usr/local/bin", "/usr/bin", "/bin"]
        environment = warm.AT_THE_START | {
            "HOME": str(self.home),
            "PATH": ":".join(path),
            "TERM": "dumb",
        }
        script = "".join(f"\nprintf '{_MARK}' >&2\n{_ended_by_ctrl_c(b)}" for b in blocks)
        done = subprocess.run(
            ["/bin/bash", "-c", f"{_PRELUDE}{_REAL if self._real else _STUBS}{script}{_POSTLUDE}"],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=HANG_S,
        )
        failures = self.home / ".failures"
        failures.touch()
        return Typed(done.stdout.split(_MARK)[1:], set(failures.read_text().splitlines()))

    def _install(self, name: str, text: str) -> None:
        self.bin.mkdir(parents=True, exist_ok=True)
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        """Run one command for a shim; it ends when the shim does."""
        with connection:
            message, files, _, _ = socket.recv_fds(connection, _LONGEST_ORDER, 3)
            order = json.loads(message)
            child = self._begin(order, files)
            teller = threading.Thread(target=_tell_end, args=[child, connection], daemon=True)
            teller.start()
            connection.recv(1)
            if child.poll() is None:
                child.terminate()
            teller.join()

    def _begin(self, order: dict[str, Any], files: list[int]) -> warm.Popen[str]:
        said = self.home / ".said"
        environment = order["environment"]
        ctrl_c = environment.pop("TYPED_CTRL_C", None)
        main = _SERVE if order["arguments"][:1] == ["serve"] else _MAIN
        said.unlink(missing_ok=True)
        with said.open("w") as file:
            child: warm.Popen[str] = warm.Popen(
                [sys.executable, "-c", main, *order["arguments"]],
                cwd=order["directory"],
                env=environment,
                stdin=files[0],
                stdout=file if ctrl_c else files[1],
                stderr=file if ctrl_c else files[2],
                text=True,
            )
        if ctrl_c:
            wait_until(
                lambda: _WORKS.search(said.read_text()) or child.poll() is not None, "it works"
            )
            child.send_signal(signal.SIGINT)
            child.wait(HANG_S)
            os.write(files[1], said.read_bytes())
        for each in files:
            os.close(each)
        return child


def _ended_by_ctrl_c(block: str) -> str:
    return _FOREGROUND.sub(r"until_ctrl_c \1", block)


def _tell_end(child: warm.Popen[str], connection: socket.socket) -> None:
    status = child.wait()
    try:
        connection.send(str(status if status >= 0 else 128 - status).encode())
    except OSError:  # the shim was ended
        return
