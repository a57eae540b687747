"""The embedded server as a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support import warm
from tests.support.patience import HANG_S


class EmbeddedServer:
    """A server process on a free loopback port.

    Args:
        data: Its data directory; it outlives the server.
        token: What clients must send; none lets all in.
        max_file_bytes: The largest file to accept; the server's default if left out.
        extensions: The directory with its extensions; none if left out.
        max_tasks: How many tasks run at once; the server's default if left out.
        quota: How many bytes all files may have; no limit if left out.
        database: The URL of its PostgreSQL database; none: a file in the data directory.
        files: Where it keeps files; none: in the data directory.
        without_data: Whether it gets no data directory; it needs `database` and `files` then.
        tls: The files of its certificate and key; plain HTTP if left out.
        more: Further words of its command line.

    Attributes:
        url: Its base URL; the same after a restart.
        token: The token.
    """

    def __init__(
        self,
        data: Path,
        *,
        token: str | None = None,
        max_file_bytes: int | None = None,
        extensions: Path | None = None,
        max_tasks: int | None = None,
        quota: int | None = None,
        database: str | None = None,
        files: str | None = None,
        without_data: bool = False,
        tls: tuple[Path, Path] | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self.data = data
        self.token = token
        self.url = ""
        self._max_file_bytes = max_file_bytes
        self._extensions = extensions
        self._max_tasks = max_tasks
        self._quota = quota
        self._database = database
        self.files = files
        self._without_data = without_data
        self._tls = tls
        self._more = more
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What all runs so far wrote to stderr."""
        return self._log_path.read_text()

    @property
    def _log_path(self) -> Path:
        return self.data.with_name(self.data.name + ".log")

    def command(self) -> list[str]:
        command = [sys.executable, "-m", "aqsync.server"]
        if not self._without_data:
            command += ["--data", str(self.data)]
        command += ["--port", str(self._port)]
        if self.token is not None:
            token_file = self.data.with_name(self.data.name + ".token")
            token_file.write_text(self.token)
            token_file.chmod(0o600)
            command += ["--token-file", str(token_file)]
        if self._max_file_bytes is not None:
            command += ["--max-file-bytes", str(self._max_file_bytes)]
        if self._extensions is not None:
            command += ["--extensions", str(self._extensions)]
        if self._max_tasks is not None:
            command += ["--max-tasks", str(self._max_tasks)]
        if self._quota is not None:
            command += ["--quota", str(self._quota)]
        if self._database is not None:
            command += ["--database", self._database]
        if self.files is not None:
            command += ["--files", self.files]
        if self._tls is not None:
            certificate, key = map(str, self._tls)
            command += ["--tls-certificate", certificate, "--tls-key", key]
        return [*command, *self._more]

    def start(self) -> None:
        assert self._process is None, "the server is running already"
        with self._log_path.open("a") as log:
            self._process = warm.Popen(
                self.command(), stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            self._process.wait()
            self._close()
            raise RuntimeError(f"the embedded server did not start:\n{line}{self.log}")
        self.url = line.removeprefix("listening on ").strip()
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        assert self._process is not None, "the server is not running"
        self._process.kill()
        self._process.wait()
        self._close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end by a signal; return the exit status."""
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)
        status = self._process.wait(HANG_S)
        self._close()
        return status

    def restart(self) -> None:
        """Start again on the same port, after a stop if it still runs."""
        if self._process is not None:
            self.stop()
        self.start()

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
