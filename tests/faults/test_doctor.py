"""``aqsync doctor`` names each fault of a set-up in one sentence, with its code and a cure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.local import watches
from aqsync.service.doctor.examination import CHECKS
from tests.support import warm
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import Exchange, InterceptingProxy
from tests.support.permissions import BOUND_BY_PERMISSIONS, bound_by_permissions
from tests.support.project import Project, Ran, run


@pytest.fixture(autouse=True)
def _no_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else runs on this machine, and watches, is no matter of these tests."""
    monkeypatch.setattr(watches, "_PROCESSES", tmp_path / "none")


Findings = dict[str, list[dict[str, str]]]


def findings(ran: Ran) -> Findings:
    by_code: Findings = {}
    for each in ran.json["findings"]:
        assert set(each) == {"code", "verdict", "message", "cure"}
        assert bool(each["cure"]) == (each["verdict"] in {"fault", "warning"}), each
        assert "\n" not in each["message"], each
        by_code.setdefault(each["code"], []).append(each)
    return by_code


def examined(project: Project, *options: str) -> Findings:
    ran = project.run("doctor", "--json", *options)
    found = findings(ran)
    faults = [each for results in found.values() for each in results if each["verdict"] == "fault"]
    assert ran.json["faults"] == len(faults)
    assert ran.exit_code == (1 if faults else 0), ran.text
    return found


def verdicts(found: Findings) -> dict[str, str]:
    """By code, the worst."""
    order = ["ok", "skipped", "warning", "fault"]
    return {
        code: max((each["verdict"] for each in results), key=order.index)
        for code, results in found.items()
    }


def the_fault(found: Findings) -> dict[str, str]:
    [fault] = [each for results in found.values() for each in results if each["verdict"] == "fault"]
    return fault


def test_a_good_set_up_has_no_fault(project: Project) -> None:
    project.write("run/1.csv")
    project.pushed()
    found = examined(project)
    assert list(found) == [check.code for check in CHECKS]
    skipped = {code for code, verdict in verdicts(found).items() if verdict == "skipped"}
    assert skipped <= {"service", "daemon"}
    assert not {"fault"} & set(verdicts(found).values())


def test_people_read_lines_with_a_cure(project: Project) -> None:
    project.configure(server={"url": "http://127.0.0.1:1"})
    ran = project.run("doctor")
    assert ran.exit_code == 1
    lines = ran.out.splitlines()
    assert not ran.err
    assert lines[-1].startswith("1 fault, ")
    [at] = [number for number, line in enumerate(lines) if line.startswith("fault: server: ")]
    assert lines[at + 1].startswith("  cure: ")


def test_nothing_is_changed(project: Project) -> None:
    project.write("run/1.csv")
    project.pushed()
    before = {path: path.lstat() for path in (project.root, *project.root.rglob("*"))}
    journal, remote = project.file_rows(), project.remote()
    examined(project)
    assert {path: path.lstat() for path in (project.root, *project.root.rglob("*"))} == before
    assert (project.file_rows(), project.remote()) == (journal, remote)


def test_before_the_first_push(project: Project) -> None:
    found = examined(project)
    assert "can be made" in found["journal"][0]["message"]
    assert not project.journal.exists()
    assert not project.journal.parent.exists()


def test_no_configuration(tmp_path: Path) -> None:
    ran = run("doctor", "--json", "--config", tmp_path / "none.yaml")
    found = findings(ran)
    assert ran.exit_code == 1
    assert the_fault(found)["code"] == "config"
    assert found.keys() == {check.code for check in CHECKS}


def test_each_problem_of_a_configuration_is_a_fault_and_the_server_is_still_asked(
    project: Project,
) -> None:
    text = project.config.read_text()
    project.config.write_text(f"{text}nonsense: 1\nmore: 2\n")
    found = examined(project)
    assert [each["verdict"] for each in found["config"]] == ["fault", "fault"]
    assert verdicts(found)["server"] == verdicts(found)["file-name-header"] == "ok"
    assert verdicts(found)["journal"] == "skipped"


@pytest.mark.parametrize("content", [b"\x00\xff", b"server: 7\n", b"- a\n", b"", b"{" * 5000])
def test_whatever_the_configuration_holds(project: Project, content: bytes) -> None:
    project.config.write_bytes(content)
    assert verdicts(examined(project))["config"] == "fault"


def test_a_token_file_that_is_missing(project: Project) -> None:
    project.configure(server={"token_file": str(project.folder / "token")})
    found = examined(project)
    assert verdicts(found)["token"] == "fault"
    assert str(project.folder / "token") in found["token"][0]["message"]


def test_a_token_that_is_refused(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", token="the-right-token") as server:
        config = tmp_path / "aqsync.yaml"
        (tmp_path / "root").mkdir()
        token = tmp_path / "token"
        token.write_text("a-wrong-token")
        token.chmod(0o600)
        config.write_text(
            f"server: {{url: '{server.url}', token_file: token}}\njournal: state/j.db\n"
            "mappings: [{name: a, directory: root, experiment: 20261123-1}]\n"
        )
        ran = run("doctor", "--json", "--config", config)
    fault = the_fault(findings(ran))
    assert fault["code"] == "access"
    assert "did not accept the token" in fault["message"]
    assert "a-wrong-token" not in ran.text


def test_a_proxy_that_drops_the_header(project: Project, proxy: InterceptingProxy) -> None:
    def drop(exchange: Exchange) -> None:
        exchange.answer("422 Unprocessable", b'{"detail": "Filename header is missing"}')

    proxy.on(b"POST /api/files/", drop)
    fault = the_fault(examined(project))
    assert fault["code"] == "file-name-header"
    assert "underscore" in fault["cure"] + fault["message"]


def test_a_server_that_is_none_of_aqueduct(project: Project, proxy: InterceptingProxy) -> None:
    proxy.on(b"", lambda exchange: exchange.answer("200 OK", b"<html>welcome</html>"))
    found = examined(project)
    assert the_fault(found)["code"] == "server"


def test_an_experiment_that_is_not_there(project: Project) -> None:
    project.configure(experiment="19990101-7")
    fault = the_fault(examined(project))
    assert (fault["code"], "19990101-7" in fault["message"]) == ("experiments", True)


def damage_middle(journal: Path) -> None:
    content = bytearray(journal.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\xa5" * 4096
    journal.write_bytes(content)


def make_a_directory_of(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()


SPOILED: dict[str, Callable[[Path], object]] = {
    "overwritten": damage_middle,
    "cut": lambda journal: os.truncate(journal, 5000),
    "zeros": lambda journal: journal.write_bytes(bytes(8192)),
    "no database": lambda journal: journal.write_text("hello"),
    "a directory": make_a_directory_of,
    "open to all": lambda journal: journal.chmod(0o666),
}


def test_a_journal_in_a_folder_that_is_open_to_all(project: Project) -> None:
    """Before: both said that it can be made, and then no push made it."""
    project.journal.parent.mkdir()
    project.journal.parent.chmod(0o777)
    fault = the_fault(examined(project, "--only", "journal"))
    for said in (fault["message"], project.run("check").err):
        assert "can be written to by every user" in said


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_journal_that_is_spoiled(project: Project, spoil: Callable[[Path], object]) -> None:
    project.write_some(20)
    project.pushed()
    spoil(project.journal)
    fault = the_fault(examined(project, "--only", "journal"))
    assert str(project.journal) in fault["message"]


def test_a_root_that_is_missing_is_one_fault(two: Project) -> None:
    (two.folder / "other").rename(two.folder / "away")
    found = examined(two)
    fault = the_fault(found)
    assert fault["code"] == "permissions"
    assert str(two.folder / "other") in fault["message"]
    assert found["permissions"][0]["verdict"] == "ok"


def test_what_may_not_be_read_below_a_root(project: Project) -> None:
    project.write("open/1.csv")
    project.write("closed/2.csv").parent.chmod(0o000)
    project.write("3.csv").chmod(0o000)
    project.write("ignored.tmp").chmod(0o000)
    project.configure(ignore=["*.tmp"])
    command = project.command("doctor", "--json", "--only", "permissions")
    ran = warm.run([*BOUND_BY_PERMISSIONS, *command])
    (project.root / "closed").chmod(0o755)
    [found] = json.loads(ran.stdout)["findings"]
    assert (ran.returncode, found["verdict"]) == (1, "fault")
    assert "and 1 more cannot be read" in found["message"]


def test_a_root_that_may_not_be_entered(project: Project) -> None:
    project.write("1.csv")
    project.root.chmod(0o444)
    with bound_by_permissions():
        fault = the_fault(examined(project, "--only", "permissions"))
    project.root.chmod(0o755)
    assert (
        fault["message"] == f"the directory {project.root} cannot be looked at: Permission denied"
    )


def test_only_what_is_asked_for(project: Project) -> None:
    assert set(examined(project, "--only", "clock", "--only", "disk")) == {"clock", "disk"}
