"""A daemon that cannot begin says so where its log goes, in the log's own way."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.project import COMMAND


def start(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return warm.run([*COMMAND, "run", "--config", config, *options])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "aqsync.yaml"
    file.write_text("server: {}\nnonsense: 1\n")
    return file


def test_as_a_line_of_the_log(config: Path) -> None:
    ran = start(config)
    assert ran.returncode == 2
    [line] = ran.stderr.splitlines()
    assert " error the daemon cannot run error=" in line
    assert "nonsense: unknown key" in line
    assert "server.url: missing" in line


def test_as_json(config: Path) -> None:
    ran = start(config, "--log-json")
    assert ran.returncode == 2
    record = json.loads(ran.stderr)
    assert (record["level"], record["message"]) == ("error", "the daemon cannot run")
    assert "nonsense" in record["fields"]["error"]
