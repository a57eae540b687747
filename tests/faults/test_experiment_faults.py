"""Experiments that the server does not know, or no longer."""

from __future__ import annotations

from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.project import Project


def test_an_experiment_that_does_not_exist_is_one_line(project: Project) -> None:
    other_root = project.folder / "other"
    for number in range(30):
        project.write(f"{number}.csv", under=other_root)
    project.write("fine.csv", "fine")
    other = {"name": "other", "directory": str(other_root), "experiment": "19990101-77"}
    project.configure(other)
    ran = project.run("push")
    assert ran.exit_code == 1
    lines = [line for line in ran.text.splitlines() if "19990101-77" in line]
    assert len(lines) == 1
    assert "the server knows no experiment 19990101-77; files held: 30" in lines[0]
    assert "hint: create it on the server" in ran.out
    assert project.remote() == {"fine.csv": b"fine"}
    answer = project.push().json
    assert answer["held"] == 30
    assert len(answer["problems"]) == 1
    assert project.run("check", "--online").exit_code == 2
    assert "no experiment 19990101-77" in project.run("why", other_root / "3.csv").out


def test_why_says_when_an_experiment_is_looked_for_next(project: Project) -> None:
    file = project.write("a.csv")
    project.configure(experiment="19990101-77")
    assert project.push().json["held"] == 1
    told = project.run("why", file, "--json").json
    assert told["state"] == "held"
    assert told["reason"] == "the server knows no experiment 19990101-77"
    assert told["next"].startswith("what holds it is looked into again")


def test_an_experiment_that_is_made_later_is_found_by_the_next_push(project: Project) -> None:
    """Each run asks, however long the pause of a daemon would be."""
    file = project.write("a.csv")
    day, number = project.eid.split("-")
    project.configure(experiment=f"{day}-{int(number) + 1}")
    for _ in range(4):
        assert project.push().json["held"] == 1
    made = project.server.create_experiment("made later", "")
    assert made.eid == f"{day}-{int(number) + 1}"
    assert project.pushed()["uploaded"] == 1
    assert project.run("why", file).exit_code == 0


def test_an_experiment_removed_between_two_pushes(project: Project) -> None:
    project.write_some(3)
    project.pushed()
    project.server.remove_experiment(project.experiment.uuid)
    project.write("new.csv")
    ran = project.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert f"no experiment {project.eid}; files held: 4" in problem["reason"]

    project.experiment = project.server.create_experiment("again", "")
    project.eid = project.experiment.eid
    project.configure()
    assert project.pushed()["uploaded"] == 4
    assert len(project.remote_names()) == 4


def test_an_experiment_removed_during_a_push(project: Project, proxy: InterceptingProxy) -> None:
    project.write_some(20)

    def remove_it(exchange: Exchange) -> bool:
        project.server.remove_experiment(project.experiment.uuid)
        return exchange.pass_on()

    proxy.on(UPLOAD, remove_it, times=1)
    ran = project.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert "files held: 20" in problem["reason"]
    assert project.eid in problem["reason"]
