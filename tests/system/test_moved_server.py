"""A server that was moved to PostgreSQL and a shared directory: its PCs notice nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.postgres import Postgres
from tests.support.project import Project, run


@pytest.mark.long
def test_nothing_is_sent_or_fetched_again(tmp_path: Path, postgres: Postgres) -> None:
    old = EmbeddedServer(tmp_path / "old")
    old.start()
    project = Project(tmp_path / "p", old.url)
    expected = project.write_some(30)
    assert project.pushed()["uploaded"] == 30
    old.stop()

    url, files = postgres.database(), str(tmp_path / "files")
    to = ("--to-data", tmp_path / "new", "--to-database", url, "--to-files", files)
    moved = run("serve", "migrate", "--data", tmp_path / "old", *to)
    assert moved.exit_code == 0, moved.text

    new = EmbeddedServer(tmp_path / "new", database=url, more=("--files", files))
    new._port = old._port
    with new:
        again = project.pushed()
        assert (again["uploaded"], again["unchanged"]) == (0, 30)
        assert project.run("status").exit_code == 0
        project.write("0.csv", "another version")
        assert project.pushed()["uploaded"] == 1
        assert project.remote() == expected | {"0.csv": b"another version"}
        project.close()
