"""The seam to the operating system: a socket beside the journal that only this user may use.

A system without such sockets has no control of a running daemon; all that differs stands here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync.errors import ConfigError

SUPPORTED = hasattr(socket, "AF_UNIX")

_LONGEST_ADDRESS = 107
"""Bytes that an address may have."""
_BACKLOG = 16
_CONNECT_S = 5.0
_NOBODY_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED, errno.EACCES, errno.ENOTSOCK}


def socket_path(journal: Path) -> Path:
    """Where the daemon that writes a journal listens."""
    return journal.with_name(journal.name + ".socket")


def listen(path: Path) -> socket.socket:
    """Listen at a path; what a dead daemon left there is replaced.

    Only who holds the journal's lock may call this: then nobody else can be listening.

    Raises:
        ConfigError: The system has no such sockets, the path is too long, or something else
            stands there.
        OSError: The socket cannot be made.
    """
    if not SUPPORTED:
        raise ConfigError(
            "this system has no local sockets",
            hint="commands cannot reach the daemon; stop it before you use them",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            _clear(path)
            listener.bind(address)
            os.chmod(address, 0o600)  # noqa: PTH101 - the address leads through a descriptor
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def connect(path: Path) -> socket.socket | None:
    """Connect to whoever listens at a path; None if nobody does.

    Raises:
        OSError: Somebody listens, but takes no connection.
    """
    if not SUPPORTED:
        return None
    with contextlib.suppress(ConfigError), _address(path) as address:
        give_up_at = time.monotonic() + _CONNECT_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(_CONNECT_S)
            try:
                connection.connect(address)
            except BlockingIOError:  # so many are waiting that no more may
                connection.close()
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.05)
            except OSError as exc:
                connection.close()
                if exc.errno in _NOBODY_THERE:
                    return None
                raise
            else:
                return connection
    return None


def is_trusted(connection: socket.socket) -> bool:
    """Whether the other end is this user or root, as far as the system tells.

    Where it does not tell, the mode of the socket's file alone keeps others out.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = struct.Struct("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    _pid, uid, _gid = credentials.unpack(raw)
    return uid in {0, os.geteuid()}


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """What to bind or connect to: the path, or a short way to it through its open directory."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    too_long = ConfigError(
        f"the path of the daemon's socket is too long: {path}",
        hint="give `journal` in the configuration a shorter path",
    )
    if sys.platform != "linux":
        raise too_long
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise too_long from exc
    try:
        address = f"/proc/self/fd/{directory}/{path.name}"
        if len(os.fsencode(address)) > _LONGEST_ADDRESS:
            raise too_long
        yield address
    finally:
        os.close(directory)


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(
            f"{path} is in the way: the daemon listens there", hint="move it elsewhere"
        )
    path.unlink()
