"""What `aqsync ls` shows of both sides."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.project import Project, Ran


@pytest.fixture
def both(project: Project) -> Project:
    """One file of each kind."""
    for path in ("same.csv", "run/changed.csv", "gone.csv"):
        project.write(path)
    project.put("foreign.csv", "theirs")
    project.pushed()
    project.write("run/changed.csv", "12345")
    project.write("new\n.csv")
    (project.root / "gone.csv").unlink()
    (project.root / "link").symlink_to("same.csv")
    return project


def lines(ran: Ran) -> list[list[str]]:
    assert ran.exit_code == 0, ran.text
    return [[line[0], line[67:]] for line in ran.out.splitlines()[1:-2]]


def test_both_sides_file_by_file(both: Project) -> None:
    ran = both.run("ls")
    root, eid = both.root, both.eid
    assert lines(ran) == [
        [">", f"{root}/new\\n.csv  {eid}/new=0A.csv"],
        ["=", f"{root}/same.csv  {eid}/same.csv"],
        ["!", f"{root}/run/changed.csv  {eid}/run~changed.csv"],
        ["<", f"{eid}/foreign.csv"],
        ["<", f"{root}/gone.csv  {eid}/gone.csv"],
    ]
    heading, *_, counts, age = ran.out.splitlines()
    assert heading.split() == ["SIZE", "MODIFIED", "ON", "THE", "SERVER", "PATH"]
    assert heading.index("PATH") == 67
    assert counts == "= 1 in sync, > 1 local only, < 2 remote only, ! 1 differs"
    assert age.startswith("the server's file lists were fetched ")
    assert "4 B" in ran.out.splitlines()[2]
    assert both.remote_names() == {"same.csv", "run~changed.csv", "gone.csv", "foreign.csv"}


@pytest.mark.parametrize(
    ("option", "marks"), [("--local-only", ">"), ("--remote-only", "<<"), ("--differs", "!")]
)
def test_only_one_kind(both: Project, option: str, marks: str) -> None:
    assert "".join(mark for mark, _ in lines(both.run("ls", option))) == marks


def test_kinds_exclude_each_other(both: Project) -> None:
    assert both.run("ls", "--differs", "--local-only").exit_code == 2


def test_the_json_answer(both: Project) -> None:
    answer = both.run("ls", "--json").json
    assert datetime.fromisoformat(answer["server_lists_from"]).utcoffset() is not None
    assert answer["problems"] == []
    files = {file["remote_name"]: file for file in answer["files"]}
    assert set(files) == {"new=0A.csv", "same.csv", "run~changed.csv", "foreign.csv", "gone.csv"}
    same = files["same.csv"]
    assert datetime.fromisoformat(same.pop("modified")).utcoffset() is not None
    datetime.fromisoformat(same.pop("on_server_since"))
    assert same == {
        "state": "in sync",
        "mapping": "main",
        "path": str(both.root / "same.csv"),
        "size": 4,
        "experiment": both.eid,
        "remote_name": "same.csv",
        "sent_unfinished": None,
    }
    assert files["foreign.csv"]["mapping"] is None
    assert files["gone.csv"]["path"] == str(both.root / "gone.csv")
    assert both.run("ls", "--json", "--differs", "--no-scan").json["files"] == []


def test_the_server_is_asked_only_where_that_is_wanted(both: Project) -> None:
    both.remove("same.csv")
    both.put("later.csv", "theirs")
    assert lines(both.run("ls", "--no-scan"))[0][0] == "="
    shown = lines(both.run("ls", "--refresh"))
    assert [">", f"{both.root}/same.csv  {both.eid}/same.csv"] in shown
    assert ["<", f"{both.eid}/later.csv"] in shown
    before = lines(both.run("ls", "--no-scan"))
    assert [mark for mark, _ in before] == ["=", "=", "=", "<"], "nothing of it was written down"


def test_before_the_first_push_nothing_is_known_of_the_server(project: Project) -> None:
    project.write("a.csv")
    ran = project.run("ls")
    assert [mark for mark, _ in lines(ran)] == ["?"]
    assert "the server's file lists were never fetched" in ran.out
    assert [mark for mark, _ in lines(project.run("ls", "--refresh"))] == [">"]
    assert not project.journal.exists()


def test_what_was_not_looked_at_is_told(project: Project) -> None:
    project.write("a.csv")
    project.pushed()
    project.root.rename(project.root.with_name("away"))
    project.write("a.csv", "of another disk")
    ran = project.run("ls")
    [told] = project.run("ls", "--json").json["problems"]
    assert (told["path"], told["code"]) == (str(project.root), "root-in-doubt")
    assert told["reason"].startswith(f"the directory {project.root} is not the one known")
    line = f"{told['path']}: {told['reason']}"
    assert line in ran.err
    assert line in project.run("status").text


def test_experiments_found_by_their_folders(project: Project) -> None:
    other = project.server.create_experiment("other", "").eid
    project.configure(experiment="{eid}", path="{eid}/**")
    project.write(f"{project.eid}/a")
    project.write(f"{other}/b")
    project.write("c")
    project.push()
    shown = dict(line[::-1] for line in lines(project.run("ls", "main")))
    assert list(shown.values()) == [">", "=", "="]
    assert shown[f"{project.root}/c"] == ">"


def test_an_experiment_that_is_not_there(project: Project) -> None:
    project.configure(experiment="20200101-999")
    project.write("a.csv")
    project.push()
    ran = project.run("ls")
    assert ran.exit_code == 0
    assert "the server knows no experiment 20200101-999" in ran.err


def test_nothing_on_either_side(project: Project) -> None:
    project.pushed()
    assert project.run("ls").out.startswith("no files\n")
    nothing = "no file is known to be on both sides and not in sync\n"
    assert project.run("ls", "--differs").out.startswith(nothing), "others may be missing there"
    assert project.run("ls", "--json").json["files"] == []
    assert project.run("ls", "none").exit_code == 2


def test_a_store_is_one_line_for_each_state(project: Project) -> None:
    for name in ("zarr.json", "c/0", "c/1"):
        project.write(f"run.zarr/{name}")
    project.write("runs.csv")
    project.pushed()
    project.write("run.zarr/c/2")

    lines = project.run("ls").out.splitlines()

    store = f"{project.root}/run.zarr/"
    assert [line.split()[0] for line in lines if line.endswith(f"{store}  3 files")] == ["="]
    assert [line.split()[0] for line in lines if line.endswith(f"{store}  1 file")] == [">"]
    assert sum("run.zarr" in line for line in lines) == 2
    assert sum("/runs.csv" in line for line in lines) == 1
    assert sum("run.zarr/" in line for line in project.run("ls", "--each").out.splitlines()) == 4


def test_a_folder_with_a_thousand_files_is_one_line(project: Project) -> None:
    for number in range(1000):
        project.write(f"frames/{number}.dat")
    ran = project.run("ls")
    assert f"{project.root}/frames/  1000 files" in ran.out
    assert len(ran.out.splitlines()) < 6
