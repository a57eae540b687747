"""A file that its writer has not closed, as a person sees it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.support.project import Project

OPEN = (Path(__file__).parents[1] / "unit/local/formats/real/unflushed-3.open.h5").read_bytes()


def test_it_waits_with_a_reason_and_goes_marked_in_the_end(
    project: Project, tmp_path: Path
) -> None:
    place = project.write("run.h5", OPEN)
    project.write("a.csv", "1,2")
    pushed = project.push("--max-wait", "1h")  # it would wait so long for files that may settle
    assert pushed.exit_code == 1
    [problem] = pushed.json["problems"]
    assert (problem["state"], problem["code"]) == ("waiting", "being-written")
    assert project.remote_names() == {"a.csv"}

    why = project.run("why", place)
    assert why.exit_code == 1
    assert "reason:     its writer has not closed it, as its format (HDF5) shows" in why.out
    assert "next:       it is looked at again in" in why.out
    [line] = project.run("status", "--waiting").out.splitlines()
    assert line.endswith("run.h5: its writer has not closed it, as its format (HDF5) shows")

    older = project.write("older", OPEN, under=tmp_path)
    long_ago = time.time() - 7200
    os.utime(older, (long_ago, long_ago))
    older.replace(place)
    assert project.push().exit_code == 0
    assert project.read("run.h5") == OPEN
    said = "sent unfinished, as its writer had not closed it: run.h5 (HDF5)"
    assert f"  {said}" in project.run("status").out.splitlines()
    found = project.run("status", "--json").json["mappings"]["main"]["sent_unfinished"]
    assert found == [{"path": str(place), "format": "HDF5"}]
    assert "unfinished: its writer had not closed it then (HDF5)" in project.run("why", place).out
    assert project.run("why", "--json", place).json["sent_unfinished"] == "HDF5"
    listed = {
        Path(file["path"]).name: file["sent_unfinished"]
        for file in project.run("ls", "--json").json["files"]
    }
    assert listed == {"a.csv": None, "run.h5": "HDF5"}
    [line] = [line for line in project.run("ls").out.splitlines() if "run.h5" in line]
    assert line.endswith("(sent unfinished: HDF5)")
    assert "its writer had not closed it (HDF5)" in project.run("history").out


def test_retry_of_the_file_sends_it_as_it_is(project: Project) -> None:
    place = project.write("run.h5", OPEN)
    assert project.push().exit_code == 1
    assert "nothing to retry" in project.run("retry").out
    assert project.run("retry", place).out.startswith("1 file set free")
    assert project.push().exit_code == 0
    assert project.remote_names() == {"run.h5"}
