"""A real PostgreSQL, from the system's packages, with all its data in a temporary folder."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
import pytest

from tests.support.patience import HANG_S, wait_until

_TRIES = 5
MUST_BE_THERE = "AQSYNC_ALL_PARTS"
"""Set where no test may be skipped for want of a part."""
_SPEED = ("fsync=off", "full_page_writes=off", "max_connections=200")


def programs() -> Path:
    """Return the folder with PostgreSQL's own programs; skip the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    in_path = shutil.which("initdb")
    if found or in_path:
        return found[-1].parent if found else Path(str(in_path)).parent
    missing = "PostgreSQL is not installed: apt-get install postgresql"
    if os.environ.get(MUST_BE_THERE):
        pytest.fail(missing)
    pytest.skip(missing)


class Postgres:
    """A cluster of its own, on a free port of loopback and on a Unix socket.

    Everybody on this machine is let in without a password, but for the role `careful`.

    Args:
        durable: Whether it waits for the disk as a real one does.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._speed = () if durable else _SPEED
        self._bin = programs()
        # Short, for the socket's sake, and not below the tests' folders, which are root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = _free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self.folder, self._user)
        self._run(
            *("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"),
            *("--locale=C.UTF-8", "-D", str(self.folder / "data")),
        )
        hba = self.folder / "data" / "pg_hba.conf"
        hba.write_text(f"host all careful all scram-sha-256\n{hba.read_text()}")
        for _ in range(_TRIES):
            if self._started():
                return self
            self.port = _free_port()  # somebody else has taken it meanwhile
        raise AssertionError(self._log())

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        assert self._started(), self._log()

    def _started(self) -> bool:
        settings = [*self._speed, f"port={self.port}", f"unix_socket_directories={self.folder}"]
        options = [word for setting in settings for word in ("-c", setting)]
        # It must not outlive the tests, even if these are killed.
        command = ["setpriv", "--pdeathsig", "QUIT", str(self._bin / "postgres"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-D", str(self.folder / "data")], stderr=log, stdout=log, user=self._user
            )
        process = self._process
        wait_until(lambda: process.poll() is not None or self._is_ready(), "PostgreSQL")
        return process.poll() is None

    def _log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        """End it at once, as a crash would; what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(HANG_S)
            self._process = None

    def database(self, options: str = "ENCODING 'UTF8' TEMPLATE template0") -> str:
        """Make a new database, and return its URL."""
        name = f"lab{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} {options}")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def run(self, sql: str, url: str | None = None) -> list[tuple[object, ...]]:
        """Run a statement, by default in the cluster's own database, and return its rows."""
        where = url or f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def break_connections(self, url: str) -> None:
        """Break all connections to a database, as an administrator or a restart does."""
        self.run(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            f" WHERE datname = '{url.rpartition('/')[2]}'"
        )

    def _is_ready(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd="/")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
