"""Folders that belong together, by the real commands: what waits, what is told, what is sent."""

from __future__ import annotations

from tests.support.project import Project

DAY = "2026-11-30"


def configure(project: Project, send: str = "when_complete") -> None:
    complete = {"sentinel": ["done.tag"]}
    section = {"folder": "{date}/{run}/", "complete": complete, "send": send, "last": ["*.json"]}
    project.configure(measurement=section)


def test_every_command_tells_of_measurements(project: Project) -> None:
    configure(project)
    for run in (1, 2):
        project.write(f"{DAY}/run_{run}/iq.csv")
        project.write(f"{DAY}/run_{run}/node.json")
    project.write(f"{DAY}/run_1/done.tag")
    project.write(f"{DAY}/notes.txt")

    told = project.run("status").out
    assert "  measurements: 1 complete and on its way, 1 still being taken\n" in told
    assert f"    {DAY}/run_2: still being taken (no file done.tag is there); 2 of 2 files" in told

    pushed = project.run("push")
    assert pushed.exit_code == 1
    assert f"its measurement {DAY}/run_2 is still being taken" in pushed.out
    sent = [f"run_1~{name}" for name in ("iq.csv", "node.json", "done.tag")] + ["notes.txt"]
    assert project.remote_names() == {f"{DAY}~{name}" for name in sent}

    told = project.run("status").out
    assert "  measurements: 1 complete and on the server, 1 still being taken\n" in told
    found = project.run("status", "--json").json["mappings"]["main"]["measurements"]
    assert [each["state"] for each in found] == ["complete and on the server", "still being taken"]
    assert [each["not_there"] for each in found] == [0, 2]

    listed = project.run("ls", "--measurements").out.splitlines()
    assert len(listed) == 3
    assert listed[1].startswith("complete and on the server  3")
    assert str(project.root / DAY / "run_1") in listed[1]
    same = project.run("ls", "--measurements", "--json").json["measurements"]
    assert [each["code"] for each in same] == ["measurement-complete", "measurement-incomplete"]
    for other in ("--differs", "--each"):
        assert project.run("ls", "--measurements", other).exit_code == 2

    waits = project.run("why", project.root / DAY / "run_2/iq.csv")
    assert waits.exit_code == 1
    assert f"belongs to: {DAY}/run_2, still being taken (no file done.tag is there)" in waits.out
    asked = project.run("why", project.root / DAY / "run_2", "--json").json["measurement"]
    assert asked["state"] == "still being taken"
    told = project.run("why", project.root / DAY / "run_1").out
    assert f"measurement {DAY}/run_1: complete and on the server" in told
    apart = project.run("why", project.root / DAY / "notes.txt", "--json").json
    assert apart["measurement"] is None

    kinds = ("measurement-complete", "measurement-on-server")
    events = project.run("history", "--json", *(f"--kind={kind}" for kind in kinds)).json["events"]
    assert [event["what"] for event in events] == ["measurement on server"]
    assert events[0]["path"] == str(project.root / DAY / "run_1")


def test_what_is_there_can_be_sent_all_the_same(project: Project) -> None:
    configure(project)
    for name in ("iq.csv", "node.json"):
        project.write(f"{DAY}/run_1/{name}")
    assert project.run("push", "--now").exit_code == 1
    run = project.root / DAY / "run_1"
    assert "files" in project.run("retry", run).out
    assert project.run("push").exit_code == 0
    assert len(project.remote_names()) == 2
    assert "still being taken" in project.run("ls", "--measurements").out


def test_what_a_command_has_just_asked_the_system_counts(project: Project) -> None:
    project.configure(measurement={"folder": "{run}/", "complete": {"closed": True}})
    project.write("run_1/iq.csv")
    for command in (["status"], ["why", project.root / "run_1"], ["ls", "--measurements"]):
        told = project.run(*command).out
        assert "complete and on its way" in told
        assert "none of its files is open" in told or command == ["status"]


def test_without_measurements_nothing_is_told(project: Project) -> None:
    project.write("run/iq.csv")
    assert "measurements:" not in project.run("status").out
    assert project.run("ls", "--measurements").out.startswith("no measurements:")
    assert project.run("why", project.root / "run", "--json").json["measurement"] is None
