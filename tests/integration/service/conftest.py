from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fake_systemd import FakeSystemd


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    made = FakeSystemd(tmp_path / "systemd")
    for name, value in made.environment(os.environ["PATH"]).items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    file = tmp_path / "aqsync.yaml"
    file.write_text(
        "server: {url: 'http://127.0.0.1:1'}\n"
        f"mappings: [{{name: a, directory: {tmp_path}/data, experiment: 20261123-1}}]\n"
    )
    return file
