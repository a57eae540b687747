"""Exports have all that there is: an archive comes back as it was, a crate is the original tree."""

from __future__ import annotations

import hashlib
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest

from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage
from tests.support.project import Project, run

THEN = datetime(2026, 11, 23, 10, 11, 45, 826756, tzinfo=UTC)
ODD, TASK = UUID(int=1), UUID(int=2)


def exported(tree: Project, target: Path, *options: str) -> dict[str, Any]:
    data = tree.folder / "data"
    ran = run("serve", "export", "--data", data, target, "--json", *options)
    assert ran.exit_code == 0, ran.text
    return ran.json


def graph(text: str | bytes) -> dict[str, dict[str, Any]]:
    entities = json.loads(text)["@graph"]
    found = {each["@id"]: each for each in entities}
    assert len(found) == len(entities)
    return found


def test_a_directory_is_the_original_tree(tree: Project, tmp_path: Path) -> None:
    target = tmp_path / "crate"
    assert exported(tree, target)["experiments"] == 2
    for file in (path for path in tree.root.rglob("*") if path.is_file()):
        copy = target / tree.eid / file.relative_to(tree.root)
        assert copy.read_bytes() == file.read_bytes()
        assert copy.stat().st_mtime == pytest.approx(file.stat().st_mtime, abs=1e-5)
    entities = graph((target / "ro-crate-metadata.json").read_text())
    files = [each for each in entities.values() if each["@type"] == "File"]
    stand = [path for path in target.rglob("*") if path.is_file()]
    assert len(files) == len(stand) - 1
    for each in files:
        content = (target / unquote(each["@id"])).read_bytes()
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
        assert each["contentSize"] == str(len(content))
    flat = entities[f"./{tree.eid}/a~b.csv"]
    assert (flat["name"], flat["encodingFormat"]) == ("a~b.csv", "text/csv")
    assert flat["alternateName"] == "a=7Eb.csv"


def test_an_experiment_says_what_it_is(tree: Project, tmp_path: Path) -> None:
    exported(tree, tmp_path / "crate", "--tag", "paper")
    entities = graph((tmp_path / "crate" / "ro-crate-metadata.json").read_text())
    assert entities["./"]["hasPart"] == [{"@id": "./20261123-1/"}]
    dataset = entities["./20261123-1/"]
    assert dataset["name"] == "Odd & <old>"
    assert dataset["identifier"] == "20261123-1"
    assert dataset["keywords"] == "__archived__, Paper"
    assert dataset["dateCreated"] == THEN.isoformat()
    assert entities[dataset["author"]["@id"]]["name"] == "ada b"
    names = {unquote(each["@id"]) for each in dataset["hasPart"]}
    assert names == {f"./20261123-1/{name}" for name in NAMES}
    told = json.loads((tmp_path / "crate" / "20261123-1" / "tasks (3).json").read_text())
    assert (told[0]["uuid"], told[0]["std_out"]) == (str(TASK), "out")


NAMES = ("TASKS.json", "tasks (2).json", "tasks (3).json")


def test_a_notebook_file_has_one_folder(tree: Project, tmp_path: Path) -> None:
    exported(tree, tmp_path / "paper.eln", "--eid", tree.eid)
    with zipfile.ZipFile(tmp_path / "paper.eln") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert all(name.startswith("paper/") for name in names)
        entities = graph(archive.read("paper/ro-crate-metadata.json"))
        assert archive.read(f"paper/{tree.eid}/run 7/iq.csv") == b"i,q\n"
    assert entities[f"./{tree.eid}/run%207/iq.csv"]["name"] == "iq.csv"


def test_a_zip_archive_is_the_crate_itself(tree: Project, tmp_path: Path) -> None:
    exported(tree, tmp_path / "crate.zip")
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        assert "ro-crate-metadata.json" in archive.namelist()


def test_an_archive_comes_back_as_it_was(tree: Project, tmp_path: Path) -> None:
    told = exported(tree, tmp_path / "all.tar.gz")
    ran = run("serve", "import", "--data", tmp_path / "data", tmp_path / "all.tar.gz", "--json")
    assert ran.exit_code == 0, ran.text
    assert ran.json["experiments_new"] == told["experiments"] == 2
    assert (ran.json["files"], ran.json["tasks"]) == (told["files"], 1)
    before, after = (
        Storage(StorageSettings(tree.folder / "data")),
        Storage(StorageSettings(tmp_path / "data")),
    )
    for uuid in before.catalog.uuids():
        assert after.catalog.by_uuid(uuid) == before.catalog.by_uuid(uuid)
        assert after.files.listing(uuid).columns() == before.files.listing(uuid).columns()
    assert after.tasks.find(TASK) == before.tasks.find(TASK)
    before.close()
    after.close()


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ([], 2),
        (["--title", "odd &"], 1),
        (["--tag", "PAPER"], 1),
        (["--since", "2026-11-24"], 1),
        (["--eid", "20261123-1"], 1),
    ],
)
def test_a_choice_is_what_fits_all_of_it(
    tree: Project, tmp_path: Path, options: list[str], number: int
) -> None:
    assert exported(tree, tmp_path / "some.tar.gz", *options)["experiments"] == number


def test_what_is_not_there_is_named_and_nothing_written(tree: Project, tmp_path: Path) -> None:
    data, target = tree.folder / "data", tmp_path / "some.eln"
    ran = run("serve", "export", "--data", data, target, "--eid", "20200101-1")
    assert (ran.exit_code, "20200101-1" in ran.err) == (1, True)
    ran = run("serve", "export", "--data", data, target, "--tag", "none")
    assert (ran.exit_code, "no experiment" in ran.err) == (1, True)
    assert not target.exists()
    target.write_text("mine")
    ran = run("serve", "export", "--data", data, target)
    assert (ran.exit_code, target.read_text()) == (1, "mine")
