"""A manifest that cannot be written is said, and one that a kill cut off is made good."""

from __future__ import annotations

import gzip
import json
import subprocess
from queue import SimpleQueue

import pytest

from aqsync.layout.manifest import is_manifest_name
from tests.support.intercepting_proxy import (
    UPLOAD,
    Exchange,
    InterceptingProxy,
    Reaction,
    answering,
)
from tests.support.patience import HANG_S
from tests.support.project import Project


def manifests(project: Project) -> dict[str, list[dict[str, object]]]:
    """By name, the lines of the experiment's manifests, without their headers."""
    listed = project.server.list_files([project.experiment.uuid])
    assert listed is not None
    names = [file.name for file in listed.files[project.experiment.uuid] or ()]
    return {
        name: [json.loads(line) for line in gzip.decompress(project.read(name)).splitlines()[1:]]
        for name in names
        if is_manifest_name(name)
    }


def paths(project: Project) -> set[object]:
    [lines] = manifests(project).values()
    return {line["path"] for line in lines}


def on_manifests(proxy: InterceptingProxy, reaction: Reaction) -> None:
    """Let a reaction have the uploads of manifests."""

    def react(exchange: Exchange) -> bool | None:
        mine = is_manifest_name(exchange.file_name)
        return reaction(exchange) if mine else exchange.pass_on()

    proxy.on(UPLOAD, react)


def test_a_refused_manifest_is_said_and_costs_no_file(
    project: Project, proxy: InterceptingProxy
) -> None:
    on_manifests(proxy, answering("400 Bad Request", b'{"detail": "no room"}'))
    project.write("a.csv")
    assert project.push().exit_code == 0
    assert project.remote_names() == {"a.csv"}
    assert manifests(project) == {}
    assert f"the manifest of {project.eid} could not be written" in project.run("status").out
    proxy.hands_off()
    assert project.push().exit_code == 0
    assert paths(project) == {"a.csv"}
    assert "could not be written" not in project.run("status").out


@pytest.mark.parametrize("answered", [True, False])
def test_a_push_that_is_killed_with_its_manifest(
    project: Project, proxy: InterceptingProxy, *, answered: bool
) -> None:
    """Whether the server has it or not, the next push knows it as its own."""
    killed = SimpleQueue[subprocess.Popen[str]]()

    def kill(exchange: Exchange) -> bool:
        if answered:
            exchange.forward()
        process = killed.get(timeout=HANG_S)
        process.kill()
        process.wait()
        return False

    on_manifests(proxy, kill)
    project.write("a.csv")
    with project.start("push") as process:
        killed.put(process)
        process.wait(HANG_S)
    assert len(manifests(project)) == answered
    before = manifests(project).keys()
    proxy.hands_off()
    project.write("b.csv")
    assert project.pushed()["adopted"] == 0
    assert paths(project) == {"a.csv", "b.csv"}
    assert manifests(project).keys() >= before


def test_a_lost_journal_downloads_nothing(project: Project, proxy: InterceptingProxy) -> None:
    downloads: list[bytes] = []

    def look(exchange: Exchange) -> bool:
        downloads.append(exchange.head.split(b" ")[1])
        return exchange.pass_on()

    for number in range(5):
        project.write(f"{number}.csv", b"content of %d" % number)
    project.push()
    for part in project.journal.parent.iterdir():
        part.unlink()
    proxy.on(b"GET /api/files/", look)
    answer = project.pushed()
    assert (answer["adopted"], answer["uploaded"]) == (5, 0)
    assert [each for each in downloads if b"manifest" not in each] == []
    said = project.run("why", project.root / "1.csv").out
    assert "as a manifest there says" in said
