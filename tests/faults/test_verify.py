"""``aqsync verify``: every difference between disk, manifest and server is one line."""

from __future__ import annotations

import gzip
import json
import os
import platform
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.errors import ExitCode, ServerFailed, ServerUnreachable
from aqsync.layout.names import remote_name
from tests.faults.test_free import Planted, the_manifest
from tests.support.embedded import EmbeddedServer
from tests.support.permissions import bound_by_permissions
from tests.support.project import Project

A, B = "run-1/a.csv", "run-1/b.csv"


@pytest.fixture
def pushed(project: Project) -> Project:
    project.write(A, "the content of a")
    project.write(B, "the content of b")
    project.pushed()
    return project


def verified(project: Project, *arguments: str, differs: bool = True) -> dict[str, Any]:
    ran = project.run("verify", *arguments, "--json")
    assert ran.exit_code == differs, ran.text
    return ran.json


def codes(project: Project, *arguments: str) -> dict[str, str]:
    """By name on the server, what differs."""
    found = verified(project, *arguments)["differences"]
    assert len(found) == len({each["name"] for each in found})
    return {each["name"]: each["code"] for each in found}


def test_all_is_equal(pushed: Project) -> None:
    ran = pushed.run("verify")
    assert ran.exit_code == 0, ran.text
    assert ran.out == (
        "all mappings: all equal; 2 files on the server, 32 B, by lists, times and sizes\n"
    )
    answer = verified(pushed, "--deep", differs=False)
    assert (answer["files"], answer["bytes"], len(answer["read"])) == (2, 32, 2)


@pytest.mark.parametrize("target", ["main", "EID", "DIR"])
def test_it_is_asked_about_a_part(pushed: Project, target: str) -> None:
    pushed.write("run-2/c.csv", "not sent")
    where = {"EID": pushed.eid, "DIR": str(pushed.root / "run-1")}.get(target, target)
    ran = pushed.run("verify", where)
    assert ran.exit_code == (target != "DIR"), ran.text
    if target != "DIR":
        assert f"differs: {pushed.root}/run-2/c.csv: " in ran.out


DIFFERENCES = {
    "on_disk": ("changed", False),
    "on_server": ("other-bytes-on-server", True),
    "replaced_on_server": ("other-version-listed", False),
    "removed_on_server": ("removed-on-server", False),
    "not_in_manifest": ("not-in-manifest", False),
    "other_digest_in_manifest": ("manifest-differs", False),
    "other_size_in_manifest": ("manifest-differs", False),
    "other_time_in_manifest": ("not-in-manifest", False),
}


@pytest.mark.parametrize("planted", DIFFERENCES)
def test_each_difference_has_its_code(
    pushed: Project, embedded_server: EmbeddedServer, planted: str
) -> None:
    code, needs_deep = DIFFERENCES[planted]
    getattr(Planted(pushed, embedded_server), planted)()
    if needs_deep:
        verified(pushed, differs=False)
    assert codes(pushed, "--deep") == {remote_name(A): code}


def test_what_it_advises_mends_a_copy_on_the_server(
    pushed: Project, embedded_server: EmbeddedServer
) -> None:
    Planted(pushed, embedded_server).on_server()
    [found] = verified(pushed, "--deep")["differences"]
    assert f"aqsync files remove {pushed.eid} '{remote_name(A)}'" in found["hint"]
    pushed.server.remove_files(pushed.experiment.uuid, [remote_name(A)])
    pushed.push()
    assert pushed.run("retry", pushed.root / A).exit_code == 0
    pushed.push()
    verified(pushed, "--deep", differs=False)


def test_a_byte_here_that_no_time_shows_is_found_by_reading(pushed: Project) -> None:
    place = pushed.write(A, "the content of A")
    status = place.stat()
    with closing(sqlite3.connect(pushed.journal)) as journal, journal:
        journal.execute(
            "UPDATE file SET mtime_ns = ?1, ctime_ns = ?2, inode = ?3, synced_mtime_ns = ?1,"
            " synced_ctime_ns = ?2, synced_inode = ?3 WHERE name = 'a.csv'",
            (status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
        )
    verified(pushed, differs=False)
    assert codes(pushed, "--deep") == {remote_name(A): "other-bytes-here"}


def test_what_another_pc_put_there_is_compared_too(pushed: Project) -> None:
    name = the_manifest(pushed)
    lines = [json.loads(line) for line in gzip.decompress(pushed.read(name)).splitlines()]
    listed = pushed.server.list_files([pushed.experiment.uuid])
    assert listed is not None
    others = [
        line | {"path": f"other/{number}", "name": f"other~{number}"}
        for number, line in enumerate(lines[1:])
    ]
    content = b"".join(json.dumps(line).encode() + b"\n" for line in [lines[0], *others])
    pushed.put(name.replace(name.split(".")[-3], "0" * 12), gzip.compress(content))
    found = codes(pushed, pushed.eid)
    assert found == {"other~0": "removed-on-server", "other~1": "removed-on-server"}


def test_files_of_others_are_counted_and_no_difference(pushed: Project) -> None:
    pushed.put("notes.txt", "by hand")
    assert verified(pushed, differs=False)["others"] == 1


def test_a_broken_manifest_is_a_difference(pushed: Project) -> None:
    name = the_manifest(pushed).rsplit(".", 3)[0] + ".000000000000.jsonl.gz"
    pushed.put(name, "no manifest")
    assert codes(pushed) == {name: "manifest-unreadable"}


def test_an_experiment_that_is_not_there_is_said(pushed: Project) -> None:
    ran = pushed.run("verify", "20000101-1")
    assert ran.exit_code == 1
    assert "20000101-1" in ran.err
    assert "Traceback" not in ran.err


def test_a_mapping_whose_experiment_is_gone_differs(pushed: Project) -> None:
    pushed.configure(experiment="20000101-1")
    assert verified(pushed)["differences"]


@pytest.mark.parametrize("trouble", ["missing", "another", "unreadable"])
def test_what_could_not_be_looked_at_differs(pushed: Project, trouble: str) -> None:
    """Nothing is known of it now, so it is equal to nothing."""
    folder = pushed.root / "run-1"
    if trouble == "unreadable":
        folder.chmod(0)
    else:
        pushed.root.rename(pushed.folder / "moved")
        if trouble == "another":
            pushed.root.mkdir()
    with bound_by_permissions():
        found = verified(pushed)["differences"]
        verified(pushed, pushed.eid)
        if trouble == "unreadable":
            folder.chmod(0o700)
    place = folder if trouble == "unreadable" else pushed.root
    assert ("not-looked-at", str(place)) in {(each["code"], each["place"]) for each in found}


def test_what_is_never_sent_is_counted(pushed: Project) -> None:
    (pushed.root / "link").symlink_to("run-1")
    assert verified(pushed, differs=False)["left_out"] == 1
    assert "1 here that are never sent" in pushed.run("verify").out


def test_what_is_no_target_is_said(pushed: Project) -> None:
    ran = pushed.run("verify", "nonsense")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "the mappings are: main" in ran.err


@pytest.mark.parametrize("suffix", [".json", ".html"])
def test_a_report_is_kept(pushed: Project, tmp_path: Path, suffix: str) -> None:
    pushed.write("run-2/<b>.csv", "not sent")
    place = tmp_path / f"report{suffix}"
    verified(pushed, "--deep", "--report", str(place))
    text = place.read_text()
    assert "run-1~a.csv" in text
    if suffix == ".json":
        assert json.loads(text)["equal"] is False
    else:
        assert "&lt;b&gt;.csv" in text
        assert "<b>.csv" not in text


def test_what_is_deleted_here_and_kept_there_is_counted(pushed: Project) -> None:
    (pushed.root / A).unlink()
    ran = pushed.run("verify")
    assert ran.exit_code == 0
    assert "of them 1 deleted here and kept there" in ran.out
    found = pushed.run("verify", "--json").json
    assert (found["gone"], found["host"]) == (1, platform.node())


def test_a_report_has_a_known_form(pushed: Project) -> None:
    ran = pushed.run("verify", "--report", "report.txt")
    assert ran.exit_code == 2
    assert not os.path.lexists("report.txt")


def test_a_report_that_cannot_be_written_is_said_before_anything_is_read(
    pushed: Project, tmp_path: Path
) -> None:
    for place in (tmp_path / "none" / "r.json", tmp_path / "pipe.json"):
        if place.parent == tmp_path:
            os.mkfifo(place)
        ran = pushed.run("verify", "--report", str(place))
        assert (ran.exit_code, ran.out) == (1, "")
        assert str(place) in ran.err


def refused(*_: object, **__: object) -> NoReturn:
    raise ServerUnreachable("it is away")


def test_an_earlier_report_stays_until_the_next_is_whole(
    pushed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "reports" / "r.json"
    place.parent.mkdir()
    place.write_text("earlier")
    monkeypatch.setattr(Client, "list_files", refused)
    assert pushed.run("verify", "--report", str(place)).exit_code == ExitCode.SERVER
    assert [*place.parent.iterdir()] == [place]
    assert place.read_text() == "earlier"


def test_a_folder_with_the_name_of_an_experiment_hides_it_not(
    pushed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pushed.folder)
    Path(pushed.eid).mkdir()
    assert pushed.run("verify", pushed.eid).exit_code == 0
    assert pushed.run("verify", f"./{pushed.eid}").exit_code == 2


def test_a_file_that_the_server_does_not_give_stops_no_other(
    pushed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Client.download

    def download(self: Client, experiment: UUID, name: str) -> AbstractContextManager[Download]:
        if name == remote_name(A):
            raise ServerFailed("it failed")
        return real(self, experiment, name)

    monkeypatch.setattr(Client, "download", download)
    answer = verified(pushed, "--deep")
    assert [each["code"] for each in answer["differences"]] == ["unreadable-on-server"]
    assert [each["name"] for each in answer["read"]] == [remote_name(B)]
