"""Running a program with all its children, until it ends or is stopped."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OUTPUT_LIMIT = 1024 * 1024
"""Bytes of stdout, and as many of stderr, that are kept: the last ones."""

_TICK_SECONDS = 0.05
_ORPHAN_SECONDS = 1.0
"""How long children have after each signal once their parent has ended: a shell lets them ignore
interrupts."""

_READ = 64 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class StopRequest:
    """Asks one program to end. Any thread may call."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._patience = 0.0

    def ask(self, patience: float) -> None:
        """Ask it to end with SIGINT; then, each after a while, with SIGTERM and SIGKILL.

        Args:
            patience: How long to wait after each signal, in seconds; the last one asked for
                counts.
        """
        self._patience = patience
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Tell whether it was asked to end."""
        return self._asked.is_set()

    @property
    def patience(self) -> float:
        """How long to wait after each signal, in seconds."""
        return self._patience


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        code: Its exit code; the number of the signal that ended it, negative.
        out: The end of what it wrote to stdout.
        err: The end of what it wrote to stderr.
        stopped: It did not end by itself: it was sent a signal on request.
    """

    code: int
    out: str
    err: str
    stopped: bool


def run(
    command: Sequence[str | bytes | Path],
    *,
    folder: Path,
    variables: Mapping[bytes, bytes],
    stop: StopRequest,
) -> Outcome:
    """Run a program until it and everything that shares its output has ended.

    It leads a process group of its own. Of that group nothing is alive on return.

    Args:
        command: The program and its arguments.
        folder: Its working directory.
        variables: Its whole environment.
        stop: Ends it early.

    Raises:
        OSError: It cannot be started.
    """
    with subprocess.Popen(  # noqa: S603 - what the server's owner installed
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is piped
        assert process.stderr is not None  # noqa: S101 - the same
        out, err = _Tail(), _Tail()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ, out)
                selector.register(process.stderr, selectors.EVENT_READ, err)
                stopped = _read_until_ended(process.pid, selector, stop)
        finally:
            # Before the leader is reaped: until then no other group can get its number.
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        return Outcome(process.returncode, out.text(), err.text(), stopped)


def _read_until_ended(leader: int, selector: selectors.BaseSelector, stop: StopRequest) -> bool:
    """Read what is written until all has ended; tell whether it was stopped."""
    ended = False
    signals = iter(_SIGNALS)
    sent_at: float | None = None
    while not ended or selector.get_map():
        for key, _ in selector.select(_TICK_SECONDS):
            chunk = os.read(key.fd, _READ)
            if chunk:
                key.data.add(chunk)
            else:
                selector.unregister(key.fileobj)
        ended = ended or _has_ended(leader)
        if not stop.asked or (ended and not selector.get_map()):
            continue
        patience = min(stop.patience, _ORPHAN_SECONDS) if ended else stop.patience
        if sent_at is None or time.monotonic() >= sent_at + patience:
            number = next(signals, None)
            if number is None:
                break  # what still holds the output has left the group
            _signal_group(leader, number)
            sent_at = time.monotonic()
    return sent_at is not None


def _has_ended(leader: int) -> bool:
    """Look without reaping it."""
    return os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(leader: int, number: signal.Signals) -> None:
    # What has ended, or has become another user's, cannot be signalled.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


class _Tail:
    """The end of a stream of bytes."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._cut = 0

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > 2 * OUTPUT_LIMIT:
            self._trim()

    def _trim(self) -> None:
        surplus = max(0, len(self._kept) - OUTPUT_LIMIT)
        del self._kept[:surplus]
        self._cut += surplus

    def text(self) -> str:
        self._trim()
        text = self._kept.decode(errors="replace")
        return f"[{self._cut} bytes before this are not kept]\n{text}" if self._cut else text


def marked(variable: str) -> set[str]:
    """Return what a variable says in the environments of this user's programs.

    Without ``/proc`` none is found.
    """
    prefix = f"{variable}=".encode()
    return {
        setting.removeprefix(prefix).decode(errors="replace")
        for _, settings in _environments()
        for setting in settings
        if setting.startswith(prefix)
    }


def kill_marked(variable: str, values: Iterable[str]) -> None:
    """Kill what a crashed server left running; without ``/proc`` this does nothing.

    Args:
        variable: A variable that these programs, and no others, have in their environment.
        values: What it may say.
    """
    marks = {f"{variable}={value}".encode() for value in values}
    if not marks:
        return
    for process, settings in _environments():
        if not marks.isdisjoint(settings):
            with suppress(OSError):  # it has just ended
                os.kill(process, signal.SIGKILL)


def _environments() -> Iterator[tuple[int, list[bytes]]]:
    for process in Path("/proc").glob("[0-9]*"):
        # It may have just ended, or be another user's.
        with suppress(OSError):
            yield int(process.name), (process / "environ").read_bytes().split(b"\0")
