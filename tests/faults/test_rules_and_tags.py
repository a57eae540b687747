"""Which files go where, and with which tags, also when the rules change between pushes."""

from __future__ import annotations

from typing import Any

from aqsync.layout.manifest import is_manifest_name
from tests.support.intercepting_proxy import GRAPHQL, Exchange, InterceptingProxy
from tests.support.project import Project


def test_the_ignore_file_of_a_root(project: Project) -> None:
    project.write(".aqsyncignore", "*.log\nscratch/\n!keep.log\n")
    for path in ("a.csv", "b.log", "keep.log", "scratch/c.csv"):
        project.write(path)
    assert project.pushed()["uploaded"] == 2
    assert project.remote_names() == {"a.csv", "keep.log"}
    project.write(".aqsyncignore", "scratch/\n")
    assert project.pushed()["uploaded"] == 1
    assert project.remote_names() == {"a.csv", "keep.log", "b.log"}


def test_an_ignore_file_that_makes_no_sense_stops_its_mapping_only(two: Project) -> None:
    two.write(".aqsyncignore", "fine\n[z-a]\n")
    ran = two.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert ".aqsyncignore, line 2" in problem["reason"]
    assert problem["hint"] == f"correct {two.root}/.aqsyncignore"
    assert two.remote_names() == {"o~run~1.csv", "o~run-2~2.csv"}


def test_rules_that_change_between_pushes(project: Project) -> None:
    """What is no longer selected is forgotten; on the server it stays."""
    project.configure(include=["*.csv", "*.txt"], on_local_delete="remove")
    for path in ("a.csv", "b.txt", "c.dat", "deep/d.csv"):
        project.write(path, path)
    assert project.pushed()["uploaded"] == 3
    project.configure(include=["*.csv"], ignore=["deep/"], on_local_delete="remove")
    answer = project.pushed()
    assert (answer["uploaded"], answer["unchanged"], answer["removed"]) == (0, 1, 0)
    assert project.remote_names() == {"a.csv", "b.txt", "deep~d.csv"}
    project.configure(on_local_delete="remove")
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"], answer["unchanged"]) == (1, 2, 1)
    assert project.remote_names() == {"a.csv", "b.txt", "c.dat", "deep~d.csv"}


def test_a_prefix_that_changes_sends_under_the_new_names(project: Project) -> None:
    project.write("a.csv", "a")
    project.configure(prefix="pc-1")
    project.pushed()
    assert project.remote_names() == {"pc-1~a.csv"}
    project.configure(prefix="pc-2")
    assert project.pushed()["uploaded"] == 1
    assert project.remote_names() == {"pc-1~a.csv", "pc-2~a.csv"}
    assert project.pushed()["uploaded"] == 0


def test_experiments_by_folder(project: Project) -> None:
    second = project.server.create_experiment("second", "")
    project.configure(experiment="{eid}", path="{eid}_*/**")
    project.write(f"{project.eid}_rabi/iq.csv", "one")
    project.write(f"{second.eid}_t1/deep/iq.csv", "two")
    stray = [project.write("stray.csv"), project.write("notes/readme.txt")]
    ran = project.push()
    assert ran.exit_code == 0, "what nobody mapped is shown, but nothing is wrong"
    assert (ran.json["uploaded"], ran.json["unmapped"]) == (2, 2)
    problems = ran.problems()
    assert problems.keys() == set(map(str, stray))
    for problem in problems.values():
        assert problem["state"] == "unmapped"
        assert problem["reason"] == "no pattern leads this path to an experiment"
    assert project.remote() == {f"{project.eid}_rabi~iq.csv": b"one"}
    lists = project.server.list_files([second.uuid])
    assert lists is not None
    names = [file.name for file in lists.files[second.uuid] or ()]
    assert [name for name in names if not is_manifest_name(name)] == [
        f"{second.eid}_t1~deep~iq.csv"
    ]
    assert "unmapped: " in project.run("push").out
    assert "2 unmapped" in project.run("status").out


def test_a_folder_of_an_experiment_that_does_not_exist(project: Project) -> None:
    project.configure(experiment="{eid}", path="{eid}_*/**")
    project.write(f"{project.eid}_rabi/iq.csv", "one")
    for number in range(3):
        project.write(f"19990101-5_lost/{number}.csv")
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["held"]) == (1, 3)
    [problem] = ran.json["problems"]
    assert "no experiment 19990101-5; files held: 3" in problem["reason"]


# Tags


def test_tags_follow_their_files(project: Project) -> None:
    rules = [
        {"match": "cooldown-*/**", "add": ["cooldown"]},
        {"match": "{qubit}/t1_*.csv", "add": ["qubit:{qubit}"]},
    ]
    project.configure(tags=rules)
    project.write("cooldown-3/a.csv")
    project.write("q1/t1_a.csv")
    project.write("q 2é/t1_a.csv")
    project.write("q3/t2_a.csv")
    assert project.pushed()["tags"] == 3
    assert project.tags() == {"cooldown", "qubit:q1", "qubit:q-2-"}
    assert project.pushed()["tags"] == 0

    project.configure(tags=[*rules, {"match": "*.csv", "add": ["csv"]}])
    ran = project.run("push")
    assert "unchanged, 1 tag: " in ran.out, "a rule added later works for older files"
    assert "csv" in project.tags()


def test_a_tag_that_a_person_removed_stays_removed(project: Project) -> None:
    project.configure(tags=[{"match": "*.csv", "add": ["data"]}])
    project.write("a.csv")
    project.pushed()
    project.server.remove_tag(project.experiment.uuid, "data")
    project.write("a.csv", "changed")
    project.write("b.csv")
    assert project.pushed()["tags"] == 0
    assert project.tags() == set()


def test_a_held_file_earns_no_tag(project: Project) -> None:
    project.configure(tags=[{"match": "*.csv", "add": ["data"]}])
    project.write("a.csv", "ours")
    project.put("a.csv", "theirs")
    assert project.push().json["held"] == 1
    assert project.tags() == set()
    project.pushed("--overwrite")
    assert project.tags() == {"data"}


def test_tags_of_adopted_files(project: Project) -> None:
    project.configure(tags=[{"match": "*.csv", "add": ["data"]}])
    project.write("a.csv", "same")
    project.put("a.csv", "same")
    assert project.pushed()["adopted"] == 1
    assert project.tags() == {"data"}


def test_what_is_taken_out_of_the_configuration_is_not_asked_for(
    project: Project, proxy: InterceptingProxy
) -> None:
    other_root = project.folder / "other"
    second = project.server.create_experiment("second", "")
    other = {"name": "other", "directory": str(other_root), "experiment": second.eid}
    both: dict[str, Any] = {"server": {"url": proxy.url}}
    project.configure(other, **both)
    project.write("a.csv")
    project.write("b.csv", under=other_root)
    project.pushed()
    asked: list[bytes] = []

    def note(exchange: Exchange) -> bool:
        exchange.read()
        asked.append(exchange._body)
        return exchange.pass_on()

    proxy.on(GRAPHQL, note)
    project.configure(**both)
    project.write("c.csv")
    project.pushed()
    third = project.server.create_experiment("third", "")
    project.configure(**both, experiment=third.eid)
    asked_before = len(asked)
    project.pushed()
    taken_out = [second.eid, str(second.uuid)]
    for question in asked:
        assert not any(word.encode() in question for word in taken_out)
    for question in asked[asked_before:]:
        assert str(project.experiment.uuid).encode() not in question

    project.configure(other, **both)
    proxy.uploads.clear()
    project.pushed()
    assert proxy.uploads == [], "nothing of them was lost"
