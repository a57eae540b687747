"""A daemon whose server loses its database again and again, and finds it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.postgres import Postgres
from tests.support.project import Project

ROUNDS = 4


@pytest.mark.long
def test_all_arrives_whenever_the_database_is_away(tmp_path: Path, postgres: Postgres) -> None:
    more = ("--files", str(tmp_path / "files"))
    with EmbeddedServer(tmp_path / "data", database=postgres.database(), more=more) as server:
        project = Project(tmp_path / "p", server.url)
        expected: dict[str, bytes] = {}

        def write(round_: int, part: str) -> None:
            for number in range(40):
                name, content = f"{round_}-{part}-{number}.csv", f"{number} of {part}" * 500
                project.write(name, content)
                expected[name] = content.encode()

        with Daemon(project, {}) as daemon:
            daemon.start()
            for round_ in range(ROUNDS):
                write(round_, "before")
                postgres.stop()
                write(round_, "while")
                daemon.wait(
                    lambda: project.run("status").exit_code != 0, "the server is seen to be away"
                )
                postgres.start()
                daemon.wait_for_remote(expected)
                project.write(f"{round_}-before-0.csv", "another version")
                expected[f"{round_}-before-0.csv"] = b"another version"
            daemon.wait_for_remote(expected)
            assert daemon.stop() == 0
        assert project.remote() == expected
        project.close()
    assert "Traceback" not in server.log
