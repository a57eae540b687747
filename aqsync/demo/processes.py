"""The commands that the demo runs, as a user would, and their certain end."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aqsync.errors import ServeFailed

_PATIENCE_S = 3.0
"""How long a process may take to end after each signal."""


def shown(arguments: Sequence[str]) -> str:
    """A command as a user would type it."""
    return shlex.join(["aqsync", *arguments])


def run(arguments: Sequence[str]) -> int:
    """Run ``aqsync`` with these arguments, let it print, and return its exit status."""
    with _started(arguments) as process:
        return process.wait()


def serve_arguments(data: Path, token_file: Path) -> list[str]:
    """What follows ``aqsync`` to run the embedded server on a free port."""
    return ["serve", "--data", str(data), "--port", "0", "--token-file", str(token_file)]


@contextmanager
def running_server(arguments: Sequence[str]) -> Iterator[str]:
    """Run the embedded server, give the URL that it listens on, and stop it at the end.

    Raises:
        ServeFailed: It did not start; it has said why on the error stream.
    """
    with _started(arguments, apart=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("listening on "):
            raise ServeFailed("the embedded server did not start", hint="see what it says above")
        yield line.removeprefix("listening on ").strip()


@contextmanager
def _started(arguments: Sequence[str], *, apart: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that has certainly ended afterwards.

    Args:
        arguments: What follows ``aqsync``.
        apart: Read what it prints, and keep a Ctrl-C on the terminal from it.
    """
    # -P: files in the user's working directory must not stand in for modules.
    command = [sys.executable, "-P", "-m", "aqsync", *arguments]
    stdout = subprocess.PIPE if apart else None
    with subprocess.Popen(  # noqa: S603 - our own command
        command, text=True, stdout=stdout, start_new_session=apart
    ) as process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process that may have ended: by asking, by insisting, by force."""
    for signal_it in (process.terminate, process.terminate, process.kill):
        if process.poll() is not None:
            return
        signal_it()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue
