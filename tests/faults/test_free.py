"""``aqsync free``: what goes is proved at that moment; any difference keeps exactly its file."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aqsync.layout.manifest import is_manifest_name
from aqsync.layout.names import remote_name
from aqsync.local.aside import alone, aside_name, noted
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import ANYTHING, Exchange, InterceptingProxy
from tests.support.length import long_but
from tests.support.patience import HANG_S
from tests.support.project import Project, Ran

A, B = "run-1/a.csv", "run-1/b.csv"


@pytest.fixture
def pushed(project: Project) -> Project:
    """Two files that are on the server, as a manifest says."""
    project.configure(manifest=True)
    project.write(A, "the content of a")
    project.write(B, "the content of b")
    project.pushed()
    return project


def free(project: Project, *arguments: str) -> Ran:
    return project.run("free", "main", "--older-than", "0s", "--yes", *arguments)


def freed(project: Project, *arguments: str) -> dict[str, Any]:
    ran = free(project, "--json", *arguments)
    assert ran.exit_code == 0, ran.text
    return ran.json


def here(project: Project) -> list[str]:
    return sorted(str(p.relative_to(project.root)) for p in project.root.rglob("*") if p.is_file())


def the_manifest(project: Project) -> str:
    answer = project.server.list_files([project.experiment.uuid])
    assert answer is not None
    listed = answer.files[project.experiment.uuid] or ()
    [name] = [file.name for file in listed if is_manifest_name(file.name)]
    return name


def test_they_go_to_the_trash_and_stay_on_the_server(pushed: Project) -> None:
    ran = free(pushed)
    assert ran.exit_code == 0, ran.text
    assert "2 files, 32 B; each is proved before it goes" in ran.out
    assert "is on the same disk, so nothing is freed until you empty it" in ran.out
    assert here(pushed) == []
    moved = pushed.folder.rglob("trash/main/*/run-1/a.csv")
    assert [path.read_text() for path in moved] == ["the content of a"]
    status = pushed.run("status")
    assert status.exit_code == 0, status.text
    assert "2 freed" in status.out
    events = pushed.run("history", "--kind", "freed", "--json").json["events"]
    assert [(event["path"], event["bytes"], event["experiment"]) for event in events] == [
        (str(pushed.root / path), 16, pushed.eid) for path in (A, B)
    ]
    assert pushed.pushed()["removed"] == 0
    assert pushed.read(remote_name(A)) == b"the content of a"


def test_they_are_deleted_where_that_is_asked_for(pushed: Project) -> None:
    assert freed(pushed, "--delete")["trash"] is None
    assert here(pushed) == []
    assert [*pushed.folder.rglob("trash")] == []


def test_the_manifest_says_so_before_the_file_goes(pushed: Project) -> None:
    freed(pushed, "--delete")
    lines = gzip.decompress(pushed.read(the_manifest(pushed))).splitlines()
    assert [b'"freed_at"' in line for line in lines] == [False, True, True]


def test_what_is_pulled_back_is_a_file_like_any_other(pushed: Project) -> None:
    freed(pushed, "--delete")
    assert pushed.run("pull", pushed.eid, pushed.root).exit_code == 0
    assert here(pushed) == [A, B]
    assert pushed.pushed()["uploaded"] == 0
    assert "freed" not in pushed.run("status").out


def test_young_files_and_the_last_ones_stay(pushed: Project) -> None:
    ran = pushed.run("free", "main", "--older-than", "1d", "--yes", "--json")
    assert (ran.exit_code, ran.json["freed"]) == (0, [])
    os.utime(pushed.root / A)
    pushed.pushed()
    freed(pushed, "--keep-last", "1", "--delete")
    assert here(pushed) == [A]


def test_a_file_stays_old_whose_mode_or_links_change(pushed: Project) -> None:
    for path in (A, B):
        os.utime(pushed.root / path, (1, 1))
    pushed.pushed()
    (pushed.root / A).chmod(0o600)
    os.link(pushed.root / B, pushed.folder / "another name")
    pushed.pushed()
    ran = pushed.run("free", "main", "--older-than", "1d", "--yes", "--delete")
    assert (ran.exit_code, here(pushed)) == (0, [])


def change_unseen(place: Path, content: bytes) -> None:
    """Neither the size nor the times of it show."""
    before = place.stat()
    place.write_bytes(content)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


class Planted:
    """A project, and ways to make its file a differ."""

    def __init__(self, project: Project, server: EmbeddedServer) -> None:
        self.project = project
        self._stored = server.data / "experiments" / str(project.experiment.uuid)

    def on_disk(self) -> None:
        change_unseen(self.project.root / A, b"the content of A")

    def on_server(self) -> None:
        change_unseen(self._stored / remote_name(A), b"the content of A")

    def replaced_on_server(self) -> None:
        self.project.put(remote_name(A), "the content of A")

    def removed_on_server(self) -> None:
        self.project.remove(remote_name(A))

    def not_in_manifest(self) -> None:
        self._rewrite(lambda _line: None)

    def other_digest_in_manifest(self) -> None:
        self._rewrite(lambda line: line | {"sha256": "0" * 64})

    def other_size_in_manifest(self) -> None:
        self._rewrite(lambda line: line | {"size": 17})

    def other_time_in_manifest(self) -> None:
        self._rewrite(lambda line: line | {"modified_at": "2026-11-23T10:00:00+00:00"})

    def _rewrite(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        name, told = the_manifest(self.project), []
        for line in gzip.decompress(self.project.read(name)).splitlines():
            found = json.loads(line)
            changed = change(found) if found.get("path") == A else found
            told += [json.dumps(changed).encode() + b"\n"] if changed is not None else []
        self.project.put(name, gzip.compress(b"".join(told)))


@pytest.mark.parametrize(
    "difference",
    [name for name in vars(Planted) if not name.startswith("_")],
)
def test_a_difference_keeps_its_file_and_no_other(
    pushed: Project, embedded_server: EmbeddedServer, difference: str
) -> None:
    getattr(Planted(pushed, embedded_server), difference)()
    ran = free(pushed, "--json", "--delete")
    assert ran.exit_code == 1, ran.text
    [refused] = ran.json["refused"]
    assert refused["path"] == str(pushed.root / A)
    assert here(pushed) == [A]


def test_a_file_that_a_program_writes_stays(pushed: Project) -> None:
    with (pushed.root / A).open("a"):
        ran = free(pushed, "--json", "--delete")
    assert ran.exit_code == 1
    assert ran.json["refused"][0]["reason"] == "a program has it open for writing"
    assert here(pushed) == [A]


def test_a_database_with_a_log_stays(project: Project) -> None:
    place = project.root / "a.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (x)")
        project.configure(manifest=True)
        project.pushed()
        ran = free(project, "--json", "--delete")
        assert [each["path"] for each in ran.json["refused"]] == [str(place)]
        assert place.exists()


def test_a_file_of_an_incomplete_measurement_stays(project: Project) -> None:
    complete = {"sentinel": ["done"]}
    project.configure(manifest=True, measurement={"folder": "{run}/", "complete": complete})
    project.write(A, "the content of a")
    project.write("run-2/b.csv", "the content of b")
    project.write("run-2/done", "")
    project.pushed()
    ran = free(project, "--json", "--delete")
    assert [each["path"] for each in ran.json["refused"]] == [str(project.root / A)]
    assert here(project) == [A]


def test_the_newest_measurement_is_kept_whatever_lies_beside_it(project: Project) -> None:
    complete = {"sentinel": ["done"]}
    project.configure(manifest=True, measurement={"folder": "{run}/", "complete": complete})
    for run in (1, 2):
        for name in ("a.csv", "done"):
            os.utime(project.write(f"run-{run}/{name}", f"{run}"), (run, run))
    project.write("notes.txt", "younger than both")
    project.pushed()
    freed(project, "--keep-last", "1", "--delete")
    assert here(project) == ["run-2/a.csv", "run-2/done"]


def test_a_measurement_stays_complete_when_part_of_it_is_freed(project: Project) -> None:
    complete = {"sentinel": ["done"]}
    project.configure(manifest=True, measurement={"folder": "{run}/", "complete": complete})
    project.write(A, "the content of a")
    project.write("run-1/done", "")
    project.pushed()
    with (project.root / A).open("a"):
        assert free(project, "--delete").exit_code == 1
    assert here(project) == [A]
    freed(project, "--delete")
    assert here(project) == []


def test_without_a_manifest_nothing_is_freed(pushed: Project) -> None:
    pushed.configure(manifest=False)
    ran = free(pushed)
    assert ran.exit_code == 2
    assert "manifest: off" in ran.err


@pytest.mark.parametrize("place", ["root/trash", "root"])
def test_the_trash_lies_outside_every_root(pushed: Project, place: str) -> None:
    ran = free(pushed, "--trash", str(pushed.folder / place))
    assert ran.exit_code == 2
    assert "lies in the directory of mapping main" in ran.err
    assert here(pushed) == [A, B]


def test_a_trash_whose_folder_for_the_mapping_is_the_root_is_refused(project: Project) -> None:
    project.configure(name="root", manifest=True)
    ran = project.run("free", "root", "--older-than", "0s", "--trash", project.folder)
    assert (ran.exit_code, "lies in the directory" in ran.err) == (2, True)


def test_what_a_killed_command_left_aside_is_put_back(pushed: Project) -> None:
    place = pushed.root / A
    with noted(pushed.journal, pushed.root, [A]):
        place.rename(place.with_name(aside_name(place.name)))
    ran = free(pushed, "--delete")
    assert f"{place}: it was being freed when the command ended" in ran.err
    assert here(pushed) == [A]
    pushed.pushed()
    freed(pushed, "--delete")
    assert here(pushed) == []


def test_the_question_tells_moving_from_deleting(
    pushed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def no(question: str, *, yes: bool) -> bool:
        asked.append(question)
        return yes

    monkeypatch.setattr("aqsync.cli.commands.free.confirmed", no)
    for way in ([], ["--delete"]):
        assert pushed.run("free", "--older-than", "0s", *way, "main").exit_code == 1
    assert asked == [f"{do} 2 files of {pushed.root}" for do in ("Move to the trash", "Delete")]


def test_while_everything_is_paused_nothing_goes(pushed: Project) -> None:
    pushed.run("pause")
    ran = free(pushed, "--json", "--delete")
    assert all("while everything is paused" in each["reason"] for each in ran.json["refused"])
    assert (ran.exit_code, here(pushed)) == (1, [A, B])
    pushed.run("resume")
    freed(pushed, "--delete")


def test_two_commands_do_not_free_at_once(pushed: Project) -> None:
    """One that keeps a file has the journal forget that it goes, while the other removes it."""
    with alone(pushed.journal):
        ran = free(pushed, "--delete")
    assert "another `aqsync free` is at work" in ran.err
    assert (ran.exit_code, here(pushed)) == (1, [A, B])
    freed(pushed, "--delete")


def test_unasked_nothing_goes(pushed: Project) -> None:
    ran = pushed.run("free", "main", "--older-than", "0s")
    assert ran.exit_code == 2
    assert "to be freed" in ran.out
    assert here(pushed) == [A, B]


@pytest.mark.parametrize("count", long_but(1, [7, 4, 1, 2, 3, 5, 6, 8, 9]))
@pytest.mark.parametrize("answered", [False, True])
def test_a_kill_at_any_request_loses_nothing(
    project: Project, proxy: InterceptingProxy, count: int, *, answered: bool
) -> None:
    """Whatever was noted or removed by then: no copy goes, though deletions are carried out."""
    project.configure(
        server={"url": proxy.url}, on_local_delete="remove", remove_share=1.0, recheck=False
    )
    contents = {name: f"the content of {name}".encode() for name in (A, B)}
    for name, content in contents.items():
        project.write(name, content)
    project.write("stays.csv", "young")
    project.pushed()
    seen: list[Exchange] = []

    def kill(exchange: Exchange) -> bool:
        seen.append(exchange)
        if len(seen) != count:
            return exchange.pass_on()
        goes_on = exchange.pass_on() if answered else False
        process.kill()
        return goes_on

    proxy.on(ANYTHING, kill, times=1000)
    with project.start("free", "main", "--older-than", "0s", "--yes", "--delete") as process:
        process.communicate(timeout=HANG_S)
    proxy.hands_off()
    project.push()
    project.push()
    there = project.remote()
    assert {name: there.get(remote_name(name)) for name in contents} == contents
    assert project.run("status").exit_code == 0


def test_a_copy_that_is_lost_is_loud(pushed: Project) -> None:
    freed(pushed, "--delete")
    pushed.remove(remote_name(A))
    ran = pushed.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert problem["state"] == "freed, and lost on the server"
    assert "no copy is known" in problem["reason"]
    assert pushed.run("status").exit_code == 1
