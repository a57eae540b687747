"""The daemon's Unix socket: it stands beside the journal, in a folder that only its user may enter.

On a system without such sockets commands cannot reach a daemon. What depends on the system is here.
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
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync.errors import ConfigError, NoDaemon
from aqsync.trust import distrust

SUPPORTED = hasattr(socket, "AF_UNIX")

_LONGEST_ADDRESS = 107
"""Bytes that the address of a Unix socket may have."""
_CONNECT_S = 5.0
_NOBODY_THERE = {
    errno.EACCES,
    errno.ECONNREFUSED,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENOTSOCK,
}


def socket_path(journal: Path) -> Path:
    """Where the daemon that writes a journal listens."""
    return journal.with_name(journal.name + ".control") / "socket"


def listen(path: Path) -> socket.socket:
    """Bind a socket in a folder that is made for it; what a killed daemon left is replaced.

    Only the process that holds the journal's lock may call this: nobody else can be listening then.

    Raises:
        ConfigError: The system has no such sockets, the path is too long, or something else
            is in the way.
        OSError: The socket cannot be made.
    """
    if not SUPPORTED:
        raise ConfigError(
            "this system has no local sockets",
            hint="commands cannot reach the daemon; stop it before you use them",
        )
    _make_private(path.parent)
    _remove_old(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            listener.bind(address)
            os.chmod(address, 0o600)  # noqa: PTH101 - the address leads through a descriptor
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def connect(path: Path, users: Collection[int]) -> socket.socket | None:
    """Connect to the process that listens at a path; None if there is none.

    Args:
        path: Of the socket.
        users: Whose the process may be.

    Raises:
        NoDaemon: Another user put a socket there.
        OSError: A process listens, but takes no connection.
    """
    if not SUPPORTED:
        return None
    try:
        if not path.is_socket():
            return None
        why = distrust(path.parent, users) or distrust(path, users)
    except OSError as exc:
        if exc.errno in _NOBODY_THERE:
            return None
        raise
    if why is not None:
        raise _planted(path, why)
    connection = _connect(path)
    if connection is not None and not is_trusted(connection, users):
        connection.close()
        raise _planted(path, "another user listens there")
    return connection


def _connect(path: Path) -> socket.socket | None:
    with contextlib.suppress(ConfigError), _address(path) as address:
        give_up_at = time.monotonic() + _CONNECT_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(_CONNECT_S)
            try:
                connection.connect(address)
            except BlockingIOError:  # the queue of connections that wait is full
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


def is_trusted(connection: socket.socket, users: Collection[int]) -> bool:
    """Whether the other end is one of some users, as far as the system tells.

    Where it does not tell, the mode of the folder alone keeps others out.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = struct.Struct("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    _pid, uid, _gid = credentials.unpack(raw)
    return uid in users


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """What to bind or connect to: the path, or a short way to it through its open directory."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    if sys.platform != "linux":
        raise ConfigError(
            f"the path of the daemon's socket is too long: {path}",
            hint="give `journal` in the configuration a shorter path",
        )
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise ConfigError(f"{path.parent} cannot be opened: {exc.strerror}") from exc
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _make_private(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    # Root may work in another user's folder: then it is that user's, as the one around it.
    owners = {os.geteuid(), folder.parent.stat().st_uid} if os.geteuid() == 0 else {os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise _in_the_way(folder)
    folder.chmod(0o700)


def _remove_old(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise _in_the_way(path)
    path.unlink()


def _planted(path: Path, why: str) -> NoDaemon:
    return NoDaemon(
        f"{path} is not used, as it may not be the daemon's: {why}",
        hint="stop the daemon, remove that folder, and start the daemon again",
    )


def _in_the_way(path: Path) -> ConfigError:
    return ConfigError(f"{path} is in the way: the daemon listens there", hint="move it elsewhere")
