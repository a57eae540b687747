"""A real file system that hangs when a test wants it to: FUSE, spoken without any library.

It has one directory with files of which only the content counts. The test's own process must not
look at it, for it would wait for itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR = 25, 26, 27, 28, 29
_FORGET, _INTERRUPT, _BATCH_FORGET = 2, 36, 42
_NO_ANSWER = {_FORGET, _INTERRUPT, _BATCH_FORGET}
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ROOT = 1
_FORCE, _DETACH = 1, 2
_ASYNC_READ = 1
"""As all real ones have it: whoever waits for such a read can be killed."""
_BUFFER = 1 << 20


class HangingDisk:
    """What answers for the mount; made by `mounted_hanging_disk`."""

    def __init__(self, descriptor: int) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[int] = []
        """The kinds of all requests so far."""
        self._fd = descriptor
        self._lock = threading.Lock()
        self._hanging: frozenset[int] = frozenset()
        self._only: str | None = None
        self._kept: list[tuple[int, bytes]] = []
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._began_ns = time.time_ns() - 3600 * 10**9
        threading.Thread(target=self._serve, name="hanging disk", daemon=True).start()

    def hang(self, *kinds: int, only: str | None = None) -> None:
        """From now on these requests are not answered, or only those that concern one file."""
        with self._lock:
            self._hanging, self._only = frozenset(kinds), only

    def stop(self) -> None:
        """From now on nothing is even taken, as by a program that is stopped.

        What the kernel has handed out cannot be given up, not even by a kill; this can.
        """
        self._goes_on.clear()

    def answer(self) -> None:
        """Answer all that was kept, and whatever comes."""
        self._goes_on.set()
        with self._lock:
            self._hanging = frozenset()
            kept, self._kept = self._kept, []
        for unique, answer in kept:
            self._reply(unique, 0, answer)

    @property
    def kept(self) -> int:
        """How many requests wait for their answers."""
        with self._lock:
            return len(self._kept)

    def _serve(self) -> None:
        polling = select.poll()
        polling.register(self._fd, select.POLLIN)
        while True:
            polling.poll()
            self._goes_on.wait()
            try:
                request = os.read(self._fd, _BUFFER)
            except OSError as exc:
                if exc.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                    continue
                return  # it was unmounted
            if not request:
                return
            _, kind, unique, node, *_ = _IN.unpack_from(request)
            if kind in _NO_ANSWER:
                continue
            self.asked.append(kind)
            try:
                answer = self._answer(kind, node, request[_IN.size :])
            except OSError as exc:
                self._reply(unique, exc.errno or errno.EIO, b"")
                continue
            with self._lock:
                hangs = kind in self._hanging and self._only in {None, self._name(node)}
                if hangs:
                    self._kept.append((unique, answer))
            if not hangs:
                self._reply(unique, 0, answer)

    def _reply(self, unique: int, error: int, answer: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody waits for it any longer
            os.write(self._fd, _OUT.pack(_OUT.size + len(answer), -error, unique) + answer)

    def _answer(self, kind: int, node: int, body: bytes) -> bytes:
        if kind == INIT:
            major, minor, readahead, _flags = struct.unpack_from("<IIII", body)
            assert major == 7
            return struct.pack(
                "<IIIIHHIIHHI28x",
                7,
                min(minor, 31),
                readahead,
                _ASYNC_READ,
                12,
                9,
                1 << 17,
                1,
                0,
                0,
                0,
            )
        if kind == LOOKUP:
            name = body.rstrip(b"\0").decode()
            if name not in self.files:
                raise OSError(errno.ENOENT, name)
            node = list(self.files).index(name) + 2
            return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self._attributes(node)
        if kind == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
        if kind in {OPEN, OPENDIR}:
            return struct.pack("<QIi", 0, 0, 0)
        if kind == READ:
            _handle, offset, size = struct.unpack_from("<QQI", body)
            return self.files[self._name(node)][offset : offset + size]
        if kind == READDIR:
            _handle, offset, size = struct.unpack_from("<QQI", body)
            return self._entries(offset, size)
        if kind == STATFS:
            return struct.pack("<QQQQQIIII24x", 1000, 500, 500, 100, 50, 4096, 255, 4096, 0)
        if kind in {FLUSH, RELEASE, RELEASEDIR}:
            return b""
        raise OSError(errno.ENOSYS, "")

    def _name(self, node: int) -> str:
        return "" if node == _ROOT else list(self.files)[node - 2]

    def _attributes(self, node: int) -> bytes:
        mode, size = (stat.S_IFDIR | 0o755, 0)
        if node != _ROOT:
            mode, size = stat.S_IFREG | 0o644, len(self.files[self._name(node)])
        seconds, rest = divmod(self._began_ns, 10**9)
        times = (seconds,) * 3 + (rest,) * 3
        return struct.pack(
            "<QQQQQQIIIIIIIIII", node, size, -(-size // 512), *times, mode, 1, 0, 0, 0, 4096, 0
        )

    def _entries(self, offset: int, size: int) -> bytes:
        found = b""
        for number, name in enumerate(list(self.files)[offset:], start=offset + 1):
            encoded = name.encode()
            entry = struct.pack("<QQII", number + 1, number, len(encoded), stat.S_IFREG >> 12)
            entry += encoded
            entry += b"\0" * (-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found


@contextmanager
def mounted_hanging_disk(place: Path) -> Iterator[HangingDisk]:
    """Mount one; the test is skipped where that is not possible."""
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR)
    except OSError as exc:
        pytest.skip(f"/dev/fuse cannot be used here: {exc.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={descriptor},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}"
    options += ",allow_other,default_permissions"
    done = libc.mount(b"aqsync-test", bytes(place), b"fuse.hanging", 0, options.encode())
    if done != 0:
        os.close(descriptor)
        pytest.skip(f"a FUSE file system cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    disk = HangingDisk(descriptor)
    try:
        yield disk
    finally:
        disk.answer()
        libc.umount2(bytes(place), _FORCE)
        libc.umount2(bytes(place), _DETACH)
        os.close(descriptor)
