"""Whoever misuses the Unix socket of a daemon keeps it neither from its work nor from others."""

from __future__ import annotations

import contextlib
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from aqsync.service.web.local_socket import connect, socket_path
from aqsync.trust import trusted_users
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.project import Project

MANY = 300
JUNK = (
    b"",
    b"\n",
    b"{" * 5000,
    b"GET /status HTTP/1.1\r\n",
    b"POST /pause HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{",
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    bytes(4000),
)


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def crowd(project: Project) -> None:
    """Hundreds connect, say something that is no request, stay for a while, and go."""
    with ExitStack() as held:
        for number in range(MANY):
            peer = connect(socket_path(project.journal), trusted_users())
            assert isinstance(peer, socket.socket)
            held.enter_context(peer)
            with contextlib.suppress(OSError):  # one too many is refused, and may be gone
                peer.sendall(JUNK[number % len(JUNK)])


def test_a_crowd_at_the_socket(tmp_path: Path, embedded_server: EmbeddedServer) -> None:
    project = Project(tmp_path / "p", embedded_server.url)
    with Daemon(project, {"aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2}) as daemon:
        daemon.start()
        crowd(project)
        before, files = resident(daemon.pid), open_files(daemon.pid)
        for number in range(3):
            crowd(project)
            project.write(f"{number}.csv", f"{number}")
        daemon.wait_for_remote({f"{number}.csv": f"{number}".encode() for number in range(3)})
        daemon.wait(lambda: project.run("pause").exit_code == 0, "commands are served")
        daemon.wait(lambda: project.run("resume").exit_code == 0, "commands are served")
        daemon.wait(lambda: open_files(daemon.pid) <= files, "all connections are closed")
        assert resident(daemon.pid) - before < 24 << 20
        assert daemon.stop() == 0
    project.close()
