"""What the journal knows of one server says nothing about another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.aqueduct.address import server_address
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.project import Project

NOWHERE = "http://127.0.0.1:9"


def test_nothing_is_in_sync_with_a_server_that_was_never_asked(project: Project) -> None:
    project.write("a.csv")
    project.pushed()
    assert project.run("status").exit_code == 0
    project.configure(server={"url": NOWHERE})
    ran = project.run("status")
    assert ran.exit_code == 1
    assert "in sync" not in ran.out
    assert NOWHERE in ran.out
    assert str(project.config) in ran.out
    assert "lists were never fetched" in ran.out
    assert "last complete sync never" in ran.out
    assert project.run("why", project.root / "a.csv").exit_code == 1
    assert "= " not in project.run("ls").out


def test_the_same_server_at_another_address_is_believed_once_it_was_asked(
    project: Project, proxy: InterceptingProxy
) -> None:
    project.configure()
    project.write("a.csv")
    project.pushed()
    project.configure(server={"url": proxy.url})
    assert project.run("status").exit_code == 1
    assert project.pushed()["unchanged"] == 1, "its experiment has the same UUID"
    assert project.run("status").exit_code == 0


def test_another_server_with_the_same_eid_gets_its_own_copy(
    project: Project, tmp_path: Path
) -> None:
    project.write("a.csv")
    project.pushed()
    with EmbeddedServer(tmp_path / "second server") as second:
        other = Project(tmp_path / "second", second.url)
        try:
            eid, there = project.eid, other.server
            while other.eid != eid:
                other.eid = there.create_experiment("again", "").eid
            project.configure(server={"url": second.url})
            assert project.run("status").exit_code == 1
            assert project.pushed()["uploaded"] == 1
            assert project.run("status").exit_code == 0
        finally:
            other.close()
    project.configure()
    assert project.run("status").exit_code == 1
    assert project.pushed()["uploaded"] == 0, "it is there already"
    assert project.run("status").exit_code == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://lab:8000", "http://lab:8000/", True),
        ("http://lab", "https://LAB", True),
        ("http://lab:80", "https://lab:443", True),
        ("http://lab:8000/aqueduct", "http://lab:8000", False),
        ("http://lab:8000", "http://lab:8001", False),
        ("http://lab", "http://lab2", False),
    ],
)
def test_what_tells_two_servers_apart(one: str, other: str, *, same: bool) -> None:
    assert (server_address(one) == server_address(other)) is same
