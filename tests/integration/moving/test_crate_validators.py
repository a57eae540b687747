"""What is exported is an RO-Crate, as validators of that say, and what notebooks read."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm
from tests.support.project import Project, run

CHECKOUT = Path(__file__).parents[3]
PYTHON = CHECKOUT / os.environ.get("CRATES_VENV", ".venv-crates") / "bin" / "python"
VALIDATOR = CHECKOUT / "tests" / "support" / "crate_validator.py"


def export(tree: Project, target: Path) -> None:
    ran = run("serve", "export", "--data", tree.folder / "data", target)
    assert ran.exit_code == 0, ran.text


def judged(place: Path) -> str:
    done = warm.run([str(PYTHON), "-W", "ignore", str(VALIDATOR), str(place)])
    assert done.returncode == 0, done.stderr
    assert "entities" in done.stderr
    return str(done.stdout)


@pytest.mark.long
@pytest.mark.skipif(not PYTHON.exists(), reason="what judges RO-Crates: not installed")
def test_validators_find_no_fault(tree: Project, tmp_path: Path) -> None:
    export(tree, tmp_path / "crate")
    assert judged(tmp_path / "crate") == ""
    export(tree, tmp_path / "notebook.eln")
    with zipfile.ZipFile(tmp_path / "notebook.eln") as archive:
        archive.extractall(tmp_path)
    assert judged(tmp_path / "notebook") == ""


@pytest.mark.long
@pytest.mark.skipif(not PYTHON.exists(), reason="what judges RO-Crates: not installed")
def test_they_find_a_planted_one(tree: Project, tmp_path: Path) -> None:
    export(tree, tmp_path / "crate")
    (tmp_path / "crate" / tree.eid / "a~b.csv").unlink()
    assert "a~b.csv" in judged(tmp_path / "crate")


def test_notebooks_find_what_they_ask_for(tree: Project, tmp_path: Path) -> None:
    """As the checks of The ELN Consortium do, its schema among them."""
    export(tree, tmp_path / "notebook.eln")
    with zipfile.ZipFile(tmp_path / "notebook.eln") as archive:
        entities = json.loads(archive.read("notebook/ro-crate-metadata.json"))["@graph"]
    by_id: dict[str, dict[str, Any]] = {each["@id"]: each for each in entities}
    assert {"version", "sdPublisher", "about"} <= by_id["ro-crate-metadata.json"].keys()
    for each in entities:
        assert all(str(value).strip() for value in each.values()), each
        assert isinstance(each.get("author", {}), dict)
        assert isinstance(each.get("identifier", ""), str)
        assert isinstance(each.get("keywords", ""), str)
        assert isinstance(each.get("hasPart", []), list)
        if each["@type"] in {"Dataset", "File"}:
            assert each["name"]
        for part in each.get("hasPart", []):
            assert part["@id"] in by_id
