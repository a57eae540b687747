"""What `tests/support/warm.py` forks from: ``python -m tests.support.nursery SOCKET MODULE...``."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Never

from tests.support.permissions import be_bound_by_permissions

LONGEST_ORDER = 1 << 20
FILES = 4


def main(orders: socket.socket, modules: Iterable[str]) -> Callable[[], object]:
    """Fork for each order, until nobody can give one any more.

    Returns:
        In each fork: what it is to do.
    """
    for module in modules:
        importlib.import_module(module)
    gc.freeze()
    assert threading.active_count() == 1, "a fork would lack the others"
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal it is meant for the tests
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    ends: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([orders, woken], [], [])
        if woken in readable:
            woken.recv(1000)
            _tell(ends)
        if orders in readable:
            order, files, _, _ = socket.recv_fds(orders, LONGEST_ORDER, FILES)
            if not order:
                sys.exit()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                for each in (orders, woken, waker):
                    each.close()
                for end in (*ends.values(), files.pop()):
                    os.close(end)
                return _become(json.loads(order), files)
            ends[pid] = files.pop()
            for file in files:
                os.close(file)
            orders.send(str(pid).encode())


def _tell(ends: dict[int, int]) -> None:
    """Say of each process that has ended how it did."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            end = ends.pop(pid)
            with suppress(BrokenPipeError):  # nobody wants to know
                os.write(end, str(status).encode())
            os.close(end)


def _become(order: dict[str, Any], files: list[int]) -> Callable[[], object]:
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    if order["session"]:
        os.setsid()
    if order["bound"]:
        be_bound_by_permissions()
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc] # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        errors = "backslashreplace" if name == "stderr" else "strict"
        lines = -1 if name == "stdout" and not os.isatty(number) else 1
        stream = open(number, "w", lines, errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    how, what, *arguments = order["arguments"]
    sys.argv = ["-c" if how == "-c" else what, *arguments]
    if how == "-m":
        return lambda: runpy.run_module(what, run_name="__main__", alter_sys=True)
    return lambda: exec(what, {"__name__": "__main__"})


def _do_and_end(what: Callable[[], object]) -> Never:
    """Do it, and end as Python would, but leave the taking apart of all modules to the kernel.

    That would cost five times what a fork costs. Any end but the two plain ones is left to Python.
    """
    status = 0
    try:
        what()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(status)
    os._exit(status & 0xFF)


if __name__ == "__main__":
    _do_and_end(main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]))
