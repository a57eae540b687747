"""After an import the PCs need the new server's address only: nothing is sent or fetched again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import Exchange, InterceptingProxy
from tests.support.project import Project, run


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with EmbeddedServer(tmp_path / "old") as server:
        made = Project(tmp_path, server.url)
        yield made
        made.close()


@pytest.fixture
def moved(project: Project, tmp_path: Path) -> Path:
    """What was pushed to one server, imported into the storage of another one."""
    project.write_some(5)
    project.write("folder/empty", b"")
    project.pushed()
    imported = run("serve", "import", "--data", tmp_path / "moved", project.url)
    assert imported.exit_code == 0, imported.text
    return tmp_path / "moved"


def test_everything_is_in_sync_at_once(project: Project, moved: Path) -> None:
    with EmbeddedServer(moved) as server, InterceptingProxy(server.url) as proxy:
        asked: list[bytes] = []

        def note(exchange: Exchange) -> bool:
            asked.append(exchange.head)
            return exchange.pass_on()

        proxy.on(b"GET /api/files/", note)
        proxy.on(b"POST /api/files/", note)
        project.configure(server={"url": proxy.url})
        told = project.pushed()
        assert (told["uploaded"], told["unchanged"]) == (0, 6)
        assert asked == []
        status = project.run("status")
        assert status.exit_code == 0, status.text
        assert "in sync" in status.out
        assert project.run("verify").exit_code == 0


def test_the_work_goes_on_there(project: Project, moved: Path) -> None:
    with EmbeddedServer(moved) as server:
        project.configure(server={"url": server.url})
        project.write("0.csv", "changed")
        project.write("new.csv", "new")
        assert project.pushed()["uploaded"] == 2
