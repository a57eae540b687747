"""What was freed stays told by the manifest, whatever the configuration says afterwards."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from aqsync.layout.names import remote_name
from tests.faults.test_free import freed, the_manifest
from tests.support.project import Project

LONG = "run-1/" + "y" * 250


def freed_names(project: Project) -> set[str]:
    told = gzip.decompress(project.read(the_manifest(project))).splitlines()
    lines: list[dict[str, Any]] = [json.loads(line) for line in told]
    return {line["name"] for line in lines if "freed_at" in line}


@pytest.mark.parametrize("change", ["prefix", "manifest", "experiment"])
def test_the_manifest_goes_on_telling_it(project: Project, change: str) -> None:
    project.configure(prefix="main")
    project.write("run-1/a.csv", "the content of a")
    project.write(LONG, "a name that is cut")
    project.pushed()
    freed(project, "--delete")
    told = freed_names(project)
    assert told == {remote_name("run-1/a.csv", "main"), remote_name(LONG, "main")}
    other = project.folder / "other"
    project.write("c.csv", bytes(100_000), under=other)
    beside = {"name": "o", "directory": str(other), "experiment": project.eid, "prefix": "o"}
    changes: dict[str, dict[str, Any]] = {
        "prefix": {"prefix": "new"},
        "manifest": {"prefix": "main", "manifest": False},
        "experiment": {
            "prefix": "main",
            "experiment": project.server.create_experiment("another", "").eid,
        },
    }
    project.configure(beside, **changes[change])
    project.pushed()
    written = gzip.decompress(project.read(the_manifest(project)))
    assert b'"o~c.csv"' in written
    assert freed_names(project) == told


@pytest.mark.parametrize("change", ["experiment", "folders"])
def test_a_copy_that_is_lost_in_another_experiment_is_loud(project: Project, change: str) -> None:
    """Its list is asked for, though no file here goes there any more."""
    folder = f"{project.eid}/" if change == "folders" else "run/"
    if change == "folders":
        project.configure(experiment="{eid}", path="{eid}/**")
    project.write(f"{folder}a.csv", "the content of a")
    project.pushed()
    freed(project, "--delete")
    if change == "experiment":
        project.configure(experiment=project.server.create_experiment("another", "").eid)
    project.pushed()
    [name] = project.remote_names()
    project.remove(name)
    assert project.push().exit_code == 1
    assert "no copy is known" in project.run("status").out
    assert project.run("verify").exit_code == 1


def test_a_root_that_was_freed_whole_is_not_in_doubt(project: Project) -> None:
    project.write("a.csv", "the content of a")
    project.pushed()
    freed(project, "--delete")
    assert list(project.root.iterdir()) == []
    project.pushed()
    status = project.run("status")
    assert status.exit_code == 0, status.text
    project.write("b.csv", "the next one")
    assert project.pushed()["uploaded"] == 1
