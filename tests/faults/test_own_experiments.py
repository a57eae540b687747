"""Experiments that make themselves, by the real commands and the embedded server."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest

from aqsync.aqueduct.records import ExperimentRef
from aqsync.layout.identity import folder_identity, identity_tag, moved_tag
from aqsync.layout.manifest import is_manifest_name
from tests.support.intercepting_proxy import GRAPHQL, Exchange, InterceptingProxy
from tests.support.project import Project, run

FOLDER = "2026-11-24/rabi"


@pytest.fixture
def own(project: Project) -> Project:
    project.configure(experiment="new", path="{date}/{name}/**", title="{name}", tags=["x:{name}"])
    return project


def experiments(project: Project) -> list[ExperimentRef]:
    """Those of this project's folders, oldest first."""
    folders = project.run("status", "--json").json["mappings"]["main"]["experiments"]
    return [project.server.experiment_by_eid(each["experiment"]) for each in folders]


def names(project: Project, found: ExperimentRef) -> set[str]:
    lists = project.server.list_files([found.uuid])
    assert lists is not None
    return {file.name for file in lists.files[found.uuid] or ()}


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(own: Project) -> None:
    own.write(f"{FOLDER}/iq.csv")
    before = own.server.find(limit=1).total
    ran = own.run("push", "--dry-run")
    assert f"would make an experiment of {FOLDER}: rabi (aqsync:" in ran.out
    assert ", x:rabi)" in ran.out
    [made] = own.run("push", "--dry-run", "--json").json["would_make"]
    assert (made["folder"], made["title"]) == (FOLDER, "rabi")
    assert own.server.find(limit=1).total == before
    assert "an experiment of its own" in own.run("why", own.root / FOLDER / "iq.csv").out


def identity_of(experiment: ExperimentRef) -> str:
    """The tag that tells which folder an experiment is of; a server has its own order of tags."""
    [found] = [tag for tag in experiment.tags if tag.startswith("aqsync:")]
    return found


def test_everything_tells_the_eid_that_people_know(own: Project) -> None:
    file = own.write(f"{FOLDER}/iq.csv")
    own.pushed()
    [found] = experiments(own)
    assert set(found.tags) == {identity_of(found), "x:rabi"}
    assert own.run("why", "--json", file).json["experiment"] == found.eid
    assert own.run("ls", "--json").json["files"][0]["experiment"] == found.eid
    made, uploaded = own.run("history", "--json").json["events"]
    assert (made["what"], uploaded["what"]) == ("experiment made", "uploaded")
    assert found.eid in made["detail"]
    for command in ("status", "ls", "history", "why"):
        more = [file] if command == "why" else []
        ran = own.run(command, *more)
        assert "new:" not in ran.text


def test_what_metadata_lack_is_told(own: Project) -> None:
    file = own.write(f"{FOLDER}/node.json", b"{broken")
    own.configure(
        experiment="new",
        path="{date}/{name}/**",
        metadata={"from": "node.json", "title": "$.name"},
    )
    own.pushed()
    said = f"{file}: it is not JSON"
    assert "could not be read, of 1 folder" in own.run("status").out
    for command in (["status", "--all"], ["why", file], ["why", file.parent]):
        assert said in own.run(*command).out
    of_file = own.run("why", "--json", file).json
    assert said in of_file["own_experiment"]["cut"][0]
    assert f"experiment of {FOLDER}: {of_file['experiment']}" in own.run("why", file.parent).out


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_makes_no_second_one(
    own: Project, hurried: list[float], *, arrives: bool
) -> None:
    file = own.write(f"{FOLDER}/iq.csv")
    lost: list[str] = []

    def lose(exchange: Exchange) -> bool:
        exchange.read()
        if lost or b"createExperiment" not in exchange._body:
            return exchange.pass_on()
        lost.append("")
        if arrives:
            exchange.forward()
        return False

    with InterceptingProxy(own.url) as proxy:
        own.configure(
            server={"url": proxy.url},
            experiment="new",
            path="{date}/{name}/**",
        )
        proxy.on(GRAPHQL, lose)
        own.push()
        own.push()
    assert lost
    assert hurried or arrives
    tag = own.run("why", "--json", file).json["experiment"]
    [found] = experiments(own)
    assert found.eid == tag
    assert len(own.server.tagged([identity_of(found)])[identity_of(found)]) == 1


def test_by_hand_and_by_mapping_it_is_the_same_one(own: Project) -> None:
    file = own.write(f"{FOLDER}/raw/iq.csv", "1")
    config = ("--config", own.config)
    made = run("experiment", "new-from", own.root / FOLDER, "--title", "mine", "--json", *config)
    assert (made.json["made"], made.json["uploaded"]) == (True, ["raw/iq.csv"])
    again = run("experiment", "new-from", own.root / FOLDER, "--json", *config)
    assert (again.json["made"], again.json["was_there"]) == (False, ["raw/iq.csv"])
    assert again.json["eid"] == made.json["eid"]
    named = {"AQSYNC_URL": f"{own.url}/", "AQSYNC_CONFIG": str(own.config)}
    by_url = run("experiment", "new-from", own.root / FOLDER, "--title", "no", environment=named)
    assert f"{made.json['eid']}: found, mine" in by_url.out
    assert "keeps its title" in by_url.err
    own.pushed()
    assert own.run("why", "--json", file).json["experiment"] == made.json["eid"]
    refused = run("experiment", "new-from", file.parent, *config)
    assert "where other folders get experiments" in refused.err


def test_by_hand_and_by_mapping_it_is_the_same_one_where_another_had_the_path(own: Project) -> None:
    own.write(f"{FOLDER}/iq.csv", "1")
    own.pushed()
    (own.root / FOLDER).rename(own.root / "2026-11-24/rabi-good")
    own.pushed()
    own.write(f"{FOLDER}/iq.csv", "2")
    config = ("--config", own.config)
    made = run("experiment", "new-from", own.root / FOLDER, "--json", *config).json
    assert made["made"]
    own.pushed()
    told = own.run("why", "--json", own.root / FOLDER / "iq.csv").json
    assert told["experiment"] == made["eid"]
    assert len(experiments(own)) == 2


def test_by_hand_a_folder_gets_no_experiment_of_one_that_left_its_path(
    own: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "rabi"
    folder.mkdir()
    (folder / "iq.csv").write_text("1")
    identity = folder_identity(platform.node(), "", str(folder))
    left = own.server.create_experiment("b", "", [identity_tag(identity), moved_tag(identity)])
    new_from = ("experiment", "new-from", folder)
    environment = {"AQSYNC_URL": f"{own.url}/"}
    made = run(*new_from, "--json", environment=environment)
    assert made.json["made"]
    assert made.json["eid"] != left.eid
    double = own.server.create_experiment("double", "", [identity_tag(identity)])
    again = run(*new_from, environment=environment)
    assert f"{made.json['eid']}: found" in again.out
    assert f"aqsync experiment merge {double.eid} --into {made.json['eid']}" in again.err
    assert left.eid not in again.text


def test_a_double_is_named_and_merged_and_no_file_is_lost(own: Project) -> None:
    own.write(f"{FOLDER}/iq.csv", "1")
    own.pushed()
    [older] = experiments(own)
    younger = own.server.create_experiment("double", "", [identity_of(older)])
    for name, content in (("more.csv", b"2"), ("iq.csv", b"1"), ("other.csv", b"3")):
        own.server.upload(younger.uuid, name, [content], len(content))
    own.server.upload(older.uuid, "other.csv", [b"4"], 1)
    shutil.rmtree(own.journal.parent)
    own.push()
    assert f"{older.eid} counts, {younger.eid} is younger" in own.run("status").out
    merge = ("experiment", "merge", younger.eid, "--into", older.eid, "--config", own.config)
    assert "--yes" in run(*merge).err
    ran = run(*merge, "--yes", "--json")
    assert ran.exit_code == 1
    assert (ran.json["moved"], ran.json["was_there"]) == (["more.csv"], ["iq.csv"])
    assert list(ran.json["left"]) == ["other.csv"]
    assert names(own, younger) == {"other.csv"}
    assert names(own, older) >= {"iq.csv", "more.csv", "other.csv"}
    own.server.remove_files(older.uuid, ["other.csv"])
    assert "is empty and archived" in run(*merge, "--yes").out
    assert own.server.experiment(younger.uuid).tags == ("__archived__",)
    own.push()
    assert "younger" not in own.run("status").out
    wrong = run("experiment", "merge", older.eid, "--into", own.eid, "--config", own.config)
    assert "are not two experiments of one folder" in wrong.err


def test_verify_tells_files_of_one_name_in_several_experiments_apart(own: Project) -> None:
    changed, whole = (own.write(f"2026-11-24/{name}/iq.csv") for name in ("rabi", "ramsey"))
    own.pushed()
    changed.write_text("changed since")
    for each in experiments(own):  # of the one a person has removed the manifest
        if each.title == "ramsey":
            [manifest] = filter(is_manifest_name, names(own, each))
            own.server.remove_files(each.uuid, [manifest])
    found = own.run("verify", "--json").json["differences"]
    codes = {each["place"]: each["code"] for each in found}
    assert codes.keys() == {str(changed), str(whole)}
    assert codes[str(whole)] == "not-in-manifest"
