"""A root that is not what it was must never read as "all deleted"."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.permissions import BOUND_BY_PERMISSIONS
from tests.support.project import Arrange, Project, Ran

DELETE_POLICIES = pytest.mark.parametrize("on_local_delete", ["keep", "remove"])


def trouble(ran: Ran, place: Path) -> dict[str, str]:
    """The one problem that a push found, with the root itself."""
    assert ran.exit_code == 1, ran.text
    [problem] = ran.json["problems"]
    assert problem["path"] == str(place)
    assert problem["state"] == "failed"
    assert problem["hint"]
    assert "\n" not in problem["reason"]
    found: dict[str, str] = problem
    return found


@pytest.fixture
def filled(project: Project) -> Project:
    """Ten files that are in sync; what is deleted here shall be removed there."""
    project.configure(on_local_delete="remove")
    for number in range(10):
        project.write(f"run/{number}.csv", f"content {number}")
    assert project.pushed()["uploaded"] == 10
    return project


def test_a_root_that_does_not_exist_stops_no_other_mapping(project: Project) -> None:
    project.write("here.csv")
    missing = project.folder / "missing"
    other = {"name": "other", "directory": str(missing), "experiment": project.eid, "prefix": "o"}
    project.configure(other, prefix="m")
    ran = project.push()
    assert "does not exist" in trouble(ran, missing)["reason"]
    assert ran.json["uploaded"] == 1
    assert project.remote_names() == {"m~here.csv"}


def test_a_root_that_is_a_file(project: Project) -> None:
    project.root.rmdir()
    project.root.write_text("not a directory")
    assert "is not a directory" in trouble(project.push(), project.root)["reason"]


def test_a_root_swapped_for_a_link_of_others_is_not_used(filled: Project) -> None:
    secrets = filled.folder / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text("secret")
    (secrets / "run").mkdir()
    (secrets / "run" / "0.csv").write_text("other content")
    filled.root.rename(filled.folder / "aside")
    filled.root.symlink_to(secrets)
    before = filled.remote()
    shared = filled.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    link = shared / "root"
    filled.root.rename(link)
    filled.configure(directory=str(link), on_local_delete="remove")
    problem = trouble(filled.push(), link)
    assert problem["code"] == "root-behind-link"
    assert f"{shared} can be written to by every user" in problem["reason"]
    assert filled.remote() == before


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o600])
def test_a_root_that_may_not_be_read(filled: Project, mode: int) -> None:
    filled.root.chmod(mode)
    ran = filled.process("push", "--json", before=BOUND_BY_PERMISSIONS)
    filled.root.chmod(0o700)
    problem = trouble(ran, filled.root) if mode != 0o600 else next(iter(ran.problems().values()))
    assert "Permission denied" in problem["reason"]
    assert ran.exit_code == 1
    assert len(filled.remote_names()) == 10
    assert filled.pushed()["unchanged"] == 10


@DELETE_POLICIES
def test_a_root_that_vanished(filled: Project, on_local_delete: str) -> None:
    filled.configure(on_local_delete=on_local_delete)
    aside = filled.root.rename(filled.folder / "aside")
    assert "does not exist" in trouble(filled.push(), filled.root)["reason"]
    assert len(filled.remote_names()) == 10
    aside.rename(filled.root)
    assert filled.pushed()["uploaded"] == 0


@DELETE_POLICIES
def test_a_root_that_is_empty_now(filled: Project, on_local_delete: str) -> None:
    filled.configure(on_local_delete=on_local_delete)
    run = filled.root / "run"
    aside = run.rename(filled.folder / "aside")
    problem = trouble(filled.push(), filled.root)
    assert "is empty and lacks 10 known files" in problem["reason"]
    assert "aqsync retry --mapping main" in problem["hint"]
    assert len(filled.remote_names()) == 10
    aside.rename(run)
    assert filled.pushed()["uploaded"] == 0


@DELETE_POLICIES
@pytest.mark.parametrize("other", [{}, {"new.csv": "new"}, {"run/1.csv": "content 1"}])
def test_a_root_replaced_by_another_directory(
    filled: Project, on_local_delete: str, other: dict[str, str]
) -> None:
    filled.configure(on_local_delete=on_local_delete)
    aside = filled.root.rename(filled.folder / "aside")
    filled.root.mkdir()
    for path, content in other.items():
        filled.write(path, content)
    problem = trouble(filled.push(), filled.root)
    assert "is not the one known before" in problem["reason"]
    assert {f"run~{number}.csv" for number in range(10)} <= filled.remote_names()

    for file in filled.root.rglob("*.csv"):
        file.unlink()
    filled.root.rename(filled.folder / "wrong")
    aside.rename(filled.root)
    ran = filled.push()
    assert len([n for n in filled.remote_names() if n.startswith("run~")]) == 10
    assert ran.json["unchanged"] >= 9


def test_a_wrong_disk_replaces_nothing_on_the_server(filled: Project) -> None:
    """It holds a file of the same name with other content, and lacks the rest."""
    before = filled.remote()
    aside = filled.root.rename(filled.folder / "aside")
    filled.write("run/1.csv", "another experiment altogether")
    ran = filled.push()
    trouble(ran, filled.root)
    assert filled.remote() == before
    for path in ("run/1.csv", "run/2.csv", "run/new.csv"):
        why = filled.run("why", str(filled.root / path))
        assert "is not the one known before" in why.out
        assert why.exit_code == 1
    filled.root.rename(filled.folder / "wrong")
    aside.rename(filled.root)
    assert filled.pushed()["unchanged"] == 10


def test_one_path_of_a_replaced_root(filled: Project) -> None:
    """Neither the path that it lacks nor the one that it has makes it the right one."""
    aside = filled.root.rename(filled.folder / "aside")
    filled.write("run/1.csv", "content 1")
    for path in ("run/0.csv", "run/1.csv"):
        ran = filled.push(filled.root / path)
        assert ran.exit_code == 1
        assert "is not the one known before" in ran.problems()[str(filled.root)]["reason"]
        assert ran.json["removed"] == 0
    trouble(filled.push(), filled.root)
    assert len(filled.remote_names()) == 10
    (filled.root / "run/1.csv").unlink()
    (filled.root / "run").rmdir()
    aside.replace(filled.root)
    assert filled.pushed()["removed"] == 0


def test_a_root_that_was_replaced_can_be_accepted(filled: Project) -> None:
    filled.root.rename(filled.folder / "aside")
    filled.root.mkdir()
    for number in range(8):
        filled.write(f"run/{number}.csv", f"content {number}")
    trouble(filled.push(), filled.root)
    assert filled.run("retry", "--mapping", "main").exit_code == 0
    answer = filled.pushed()
    assert answer["removed"] == 2
    assert answer["uploaded"] == 0
    assert filled.remote_names() == {f"run~{number}.csv" for number in range(8)}


def test_a_root_restored_as_a_whole_needs_no_one(filled: Project) -> None:
    aside = filled.root.rename(filled.folder / "aside")
    subprocess.run(["cp", "-a", aside, filled.root], check=True)
    answer = filled.pushed()
    assert (answer["uploaded"], answer["removed"]) == (0, 0)


class Mount:
    """A directory mounted on another."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.mounted = False

    def mount(self, source: Path) -> None:
        done = subprocess.run(["mount", "--bind", source, self.place], check=False)
        if done.returncode:
            pytest.skip("only root may mount")
        self.mounted = True

    def unmount(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.place], check=True)
            self.mounted = False


@pytest.fixture
def mount(project: Project) -> Iterator[Mount]:
    made = Mount(project.root)
    yield made
    made.unmount()


@DELETE_POLICIES
def test_a_disk_that_is_unmounted_and_mounted_again(
    project: Project, mount: Mount, on_local_delete: str
) -> None:
    project.configure(on_local_delete=on_local_delete)
    disk = project.folder / "disk"
    for number in range(3):
        project.write(f"{number}.csv", f"{number}", under=disk)
    mount.mount(disk)
    assert project.pushed()["uploaded"] == 3

    mount.unmount()
    assert "none of them counts as deleted" in trouble(project.push(), project.root)["reason"]
    assert len(project.remote_names()) == 3

    project.write("3.csv", "written while it was away", under=disk)
    mount.mount(disk)
    answer = project.pushed()
    assert (answer["uploaded"], answer["removed"], answer["unchanged"]) == (1, 0, 3)


def test_a_disk_that_is_unmounted_after_the_scan(
    project: Project, mount: Mount, before_sending: Arrange
) -> None:
    project.configure(on_local_delete="remove")
    disk = project.folder / "disk"
    for number in range(4):
        project.write(f"{number}.csv", f"{number}", under=disk)
    mount.mount(disk)
    assert project.pushed()["uploaded"] == 4
    (disk / "0.csv").unlink()
    before_sending(mount.unmount)
    ran = project.push()
    assert ran.exit_code == 1
    assert "is not the one known before" in trouble(ran, project.root)["reason"]
    assert (ran.json["held"], ran.json["removed"]) == (1, 0)
    assert len(project.remote_names()) == 4


def test_too_many_deletions_at_once_wait_for_a_person(filled: Project) -> None:
    for number in range(6):
        (filled.root / f"run/{number}.csv").unlink()
    ran = filled.push()
    assert ran.exit_code == 1
    assert ran.json["held"] == 6
    assert ran.json["removed"] == 0
    for problem in ran.json["problems"]:
        assert "6 of 10 files are gone at once" in problem["reason"]
        assert "aqsync retry PATH" in problem["hint"]
    assert len(filled.remote_names()) == 10

    assert filled.run("retry").exit_code == 0
    assert filled.push().json["removed"] == 0, "nobody named the deleted files"
    assert filled.run("retry", filled.root / "run").exit_code == 0
    assert filled.pushed()["removed"] == 6
    assert filled.remote_names() == {f"run~{number}.csv" for number in range(6, 10)}


def test_a_few_deletions_are_carried_out_where_the_config_says_so(filled: Project) -> None:
    (filled.root / "run/1.csv").unlink()
    dry = filled.run("push", "--dry-run")
    assert f"would remove: {filled.root}/run/1.csv" in dry.out
    assert len(filled.remote_names()) == 10
    assert filled.pushed()["removed"] == 1
    assert "run~1.csv" not in filled.remote_names()

    filled.configure(on_local_delete="keep")
    (filled.root / "run/2.csv").unlink()
    assert filled.pushed()["removed"] == 0
    assert "run~2.csv" in filled.remote_names()


def test_only_what_is_ours_is_removed(filled: Project) -> None:
    filled.put("foreign.csv", "not ours")
    filled.put("run~1.csv", "changed by others")
    (filled.root / "run/1.csv").unlink()
    assert filled.pushed()["removed"] == 0
    assert filled.read("run~1.csv") == b"changed by others"
    assert filled.read("foreign.csv") == b"not ours"
