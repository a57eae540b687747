"""A server with a database and a store of files elsewhere needs no directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.tasks import EXTENSIONS
from tests.support.embedded import EmbeddedServer
from tests.support.postgres import Postgres
from tests.support.visit import Visit

pytestmark = pytest.mark.long


def test_it_serves_and_leaves_nothing(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    server = EmbeddedServer(
        tmp_path / "unused",
        database=postgres.database(),
        files=str(tmp_path / "files"),
        extensions=EXTENSIONS,
        without_data=True,
    )
    with server, Visit(server.url) as visit:
        uuid = visit.create()["uuid"]
        visit.put(uuid, "f", b"content")
        assert visit.get(uuid, "f") == b"content"
        assert len(list(temporary.iterdir())) == 1
        server.restart()
        assert visit.get(uuid, "f") == b"content"
    assert list(temporary.iterdir()) == []
    assert not server.data.exists()
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert {line["log"] for line in lines} == {"access", "audit"}
    (stored,) = (line for line in lines if line["log"] == "audit" and line["what"] == "upload")
    assert stored["files"] == ["f"]


@pytest.mark.parametrize("option", ["--database", "--files"])
def test_one_of_both_is_not_enough(tmp_path: Path, option: str) -> None:
    command = [sys.executable, "-m", "aqsync.server", option, str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert "Traceback" not in done.stderr
