"""A small user of aqsync: a root, an experiment, a configuration, and the real commands."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from aqsync.aqueduct.client import Client
from aqsync.cli.main import main
from aqsync.layout.manifest import is_manifest_name
from tests.support import warm

Arrange = Callable[[Callable[[], object]], None]
"""Takes what a test wants to be done at a certain moment."""
COMMAND = (sys.executable, "-c", "from aqsync.cli.main import main; main()")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    exit_code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    def problems(self) -> dict[str, dict[str, str]]:
        """Of a JSON answer: the problems, by path."""
        return {problem["path"]: problem for problem in self.json["problems"]}


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Ran:
    """Run a command of aqsync in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["aqsync", *map(str, arguments)]
    exit_code: object = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", argv),
        mock.patch.dict(os.environ, environment or {}),
    ):
        try:
            main()
        except SystemExit as exc:
            exit_code = exc.code
    assert isinstance(exit_code, int), exit_code
    return Ran(int(exit_code), out.getvalue(), err.getvalue())


class Project:
    """One user's things in a folder of their own.

    Args:
        folder: For all of it.
        url: The server; commands may be sent by another way with `configure`.
        token: What the server wants.

    Attributes:
        root: The mapped directory.
        eid: The experiment made for it.
    """

    def __init__(self, folder: Path, url: str, *, token: str | None = None) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.config = folder / "aqsync.yaml"
        self.journal = folder / "state" / "journal.db"
        self.url = url
        self.server = Client(url, token)
        self.experiment = self.server.create_experiment("faults", "")
        self.eid = self.experiment.eid
        self.configure()

    def close(self) -> None:
        self.server.close()

    def configure(
        self,
        *others: dict[str, Any],
        server: dict[str, Any] | None = None,
        transfer: dict[str, Any] | None = None,
        name: str = "main",
        **mapping: Any,
    ) -> None:
        """Write the configuration: the mapping `main` with these keys, and other mappings."""
        first = {"name": name, "directory": str(self.root), "experiment": self.eid} | mapping
        text = yaml.safe_dump(
            {
                "server": {"url": self.url} | (server or {}),
                "journal": str(self.journal),
                "transfer": transfer or {},
                "status": {"listen": None},  # several daemons run at once
                "defaults": {"settle": "0s"},
                "mappings": [first, *others],
            }
        )
        self.config.write_text(text)

    def write(self, path: str, content: str | bytes = "data", *, under: Path | None = None) -> Path:
        """Write a file below the root."""
        file = (under or self.root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def write_some(self, count: int) -> dict[str, bytes]:
        """Write so many small files; returns their contents by name."""
        contents = {f"{number}.csv": f"content {number}".encode() for number in range(count)}
        for name, content in contents.items():
            self.write(name, content)
        return contents

    def run(self, command: str, *arguments: str | Path) -> Ran:
        return run(command, "--config", self.config, *arguments)

    def push(self, *arguments: str | Path) -> Ran:
        """Push and give the JSON answer."""
        return self.run("push", "--json", *arguments)

    def pushed(self, *arguments: str | Path) -> dict[str, Any]:
        """Push; everything must be in sync."""
        ran = self.push(*arguments)
        assert ran.exit_code == 0, ran.text
        assert ran.json["problems"] == []
        return ran.json

    def command(self, command: str, *arguments: str | Path) -> list[str]:
        """How a process of its own runs a command."""
        return [*COMMAND, command, "--config", str(self.config), *map(str, arguments)]

    def start(
        self, command: str, *arguments: str | Path, before: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        return warm.Popen(
            [*before, *self.command(command, *arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def process(self, command: str, *arguments: str | Path, before: Sequence[str] = ()) -> Ran:
        """Run a command in a process of its own."""
        done = warm.run([*before, *self.command(command, *arguments)])
        return Ran(done.returncode, done.stdout, done.stderr)

    def remote(self) -> dict[str, bytes]:
        """Every file of the experiment, read back."""
        return {name: self.read(name) for name in self.remote_names()}

    def remote_names(self) -> set[str]:
        """The names of all files but the manifests."""
        answer = self.server.list_files([self.experiment.uuid])
        assert answer is not None
        files = answer.files[self.experiment.uuid]
        assert files is not None
        return {name for name, _ in files if not is_manifest_name(name)}

    def read(self, name: str) -> bytes:
        with self.server.download(self.experiment.uuid, name) as found:
            return b"".join(found.chunks())

    def put(self, name: str, content: str | bytes) -> None:
        """Somebody else stores a file on the server."""
        data = content.encode() if isinstance(content, str) else content
        self.server.upload(self.experiment.uuid, name, [data], len(data))

    def remove(self, *names: str) -> None:
        """Somebody else removes files from the server."""
        self.server.remove_files(self.experiment.uuid, names)

    def tags(self) -> set[str]:
        found = self.server.experiment(self.experiment.uuid)
        return set(found.tags)

    def file_rows(self) -> list[tuple[Any, ...]]:
        """The journal's table of files, whole."""
        with closing(sqlite3.connect(self.journal)) as connection:
            return connection.execute("SELECT * FROM file ORDER BY id").fetchall()

    def disk(self) -> dict[str, str]:
        """Every regular file below the root, by path, with its digest."""
        return {
            file.relative_to(self.root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in self.root.rglob("*")
            if file.is_file() and not file.is_symlink()
        }
