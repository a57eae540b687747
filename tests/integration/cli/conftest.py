from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.remote import Remote


@pytest.fixture
def remote(
    embedded_server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    """A user with an experiment on the embedded server, in an empty folder."""
    for name in ("AQSYNC_URL", "AQSYNC_CONFIG", "AQSYNC_API_TOKEN", "API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with Remote(embedded_server.url) as made:
        yield made
