"""Entries that are no plain readable files: never opened, never followed, never a nuisance."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from tests.support.permissions import BOUND_BY_PERMISSIONS
from tests.support.project import Arrange, Project


def secret_outside(project: Project) -> Path:
    outside = project.folder / "outside"
    project.write("secret.csv", "must not leave", under=outside)
    return outside


def test_a_file_that_may_not_be_read(project: Project) -> None:
    locked = project.write("locked.csv", "locked")
    project.write("open.csv", "open")
    locked.chmod(0)
    ran = project.process("push", "--json", before=BOUND_BY_PERMISSIONS)
    assert ran.exit_code == 1
    problem = ran.problems()[str(locked)]
    assert problem["reason"] == f"{locked} cannot be read: Permission denied"
    assert "let the user that aqsync runs as read it" in problem["hint"]
    assert problem["state"] == "failed"
    assert project.remote() == {"open.csv": b"open"}
    locked.chmod(0o600)
    again = project.process("push", "--json", before=BOUND_BY_PERMISSIONS)
    assert again.exit_code == 0, again.text
    assert project.read("locked.csv") == b"locked"


def test_a_directory_that_may_not_be_read(project: Project) -> None:
    project.configure(on_local_delete="remove", remove_share="100%")
    for path in ("locked/deep/1.csv", "locked/2.csv", "open/3.csv", "4.csv"):
        project.write(path, path)
    project.pushed()
    locked = project.root / "locked"
    (project.root / "open/3.csv").unlink()
    locked.chmod(0)
    ran = project.process("push", "--json", before=BOUND_BY_PERMISSIONS)
    locked.chmod(0o700)
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert problem["path"] == str(locked)
    assert "cannot be looked at: Permission denied" in problem["reason"]
    assert problem["hint"]
    assert ran.json["removed"] == 1, "what is open is looked after"
    assert project.remote_names() == {"locked~deep~1.csv", "locked~2.csv", "4.csv"}
    assert project.pushed()["uploaded"] == 0


def test_why_names_the_reason_for_a_file_in_a_directory_that_may_not_be_entered(
    project: Project,
) -> None:
    file = project.write("locked/1.csv")
    file.parent.chmod(0)
    ran = project.process("why", file, before=BOUND_BY_PERMISSIONS)
    file.parent.chmod(0o700)
    assert ran.exit_code == 1
    assert "  state:      not looked at\n" in ran.out
    assert f"{file.parent} cannot be looked at: Permission denied" in ran.out
    assert "let the user that aqsync runs as read and enter it" in ran.out
    assert ran.err == ""


def test_why_tells_what_the_last_try_came_to_when_the_next_is_due(project: Project) -> None:
    locked = project.write("locked.csv")
    locked.chmod(0)
    ran = project.process("push", "--no-wait", before=BOUND_BY_PERMISSIONS)
    assert ran.exit_code == 1
    told = project.process("why", locked, "--json", before=BOUND_BY_PERMISSIONS).json
    assert told["last_failure"] == f"{locked} cannot be read: Permission denied"


def test_a_rehearsal_names_what_cannot_be_looked_at(project: Project) -> None:
    project.root.rename(project.folder / "elsewhere")
    ran = project.run("push", "--dry-run")
    assert ran.exit_code == 1
    assert f"failed: {project.root}: the directory {project.root} does not exist\n" in ran.out
    assert "  hint: is its disk mounted?" in ran.out


def test_symbolic_links_are_not_followed(project: Project) -> None:
    outside = secret_outside(project)
    project.write("real/file.csv", "real")
    links = {
        "to-file": outside / "secret.csv",
        "to-directory": outside,
        "to-file-inside": Path("real/file.csv"),
        "to-directory-inside": Path("real"),
        "loop-one": Path("loop-two"),
        "loop-two": Path("loop-one"),
        "real/up": Path(".."),
        "dangling": Path("nowhere"),
        "itself": Path("itself"),
    }
    for name, target in links.items():
        (project.root / name).symlink_to(target)
    ran = project.push()
    assert ran.exit_code == 0
    assert ran.json["uploaded"] == 1
    assert ran.json["skipped"] == len(links)
    problems = ran.problems()
    for name in links:
        problem = problems[str(project.root / name)]
        assert problem["reason"] == "symbolic link, not followed"
        assert problem["state"] == "skipped"
        assert problem["hint"]
    assert project.remote() == {"real~file.csv": b"real"}


def test_a_root_reached_by_a_link_is_fine(project: Project) -> None:
    project.write("a.csv", "a")
    link = project.folder / "link"
    link.symlink_to(project.root)
    project.configure(directory=str(link))
    assert project.pushed(link / "a.csv")["uploaded"] == 1
    assert project.pushed(project.root / "a.csv")["unchanged"] == 1


def test_fifos_and_sockets_are_not_opened(project: Project) -> None:
    os.mkfifo(project.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(project.root)  # a socket's path must be short
        listener.bind("socket")
        os.chdir(here)
        listener.listen()
        project.write("a.csv", "a")
        ran = project.push()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert ran.exit_code == 0
    assert ran.json["skipped"] == 2
    assert {problem["reason"] for problem in ran.json["problems"]} == {
        "FIFO, socket or device, never opened"
    }
    assert project.remote() == {"a.csv": b"a"}


def test_a_file_that_became_a_fifo_after_the_scan(
    project: Project, before_sending: Arrange
) -> None:
    file = project.write("a.csv", "a")
    project.write("b.csv", "b")

    def swap() -> None:
        file.unlink()
        os.mkfifo(file)

    def release() -> None:
        os.close(os.open(file, os.O_RDWR))

    before_sending(swap)
    rescue = threading.Timer(20, release)  # whoever opened it would wait for ever
    rescue.start()
    ran = project.push()
    assert not rescue.finished.is_set(), "the FIFO was opened"
    rescue.cancel()
    assert ran.exit_code == 0, ran.text
    assert ran.json["skipped"] == 1
    assert project.remote() == {"b.csv": b"b"}


def test_a_file_that_became_a_link_after_the_scan(
    project: Project, before_sending: Arrange
) -> None:
    outside = secret_outside(project)
    file = project.write("secret.csv", "mine")

    def swap() -> None:
        file.unlink()
        file.symlink_to(outside / "secret.csv")

    before_sending(swap)
    assert project.push().json["skipped"] == 1
    assert project.remote() == {}


@pytest.mark.parametrize("target", ["the same directory", "another"])
def test_a_parent_that_became_a_link_after_the_scan(
    project: Project, before_sending: Arrange, target: str
) -> None:
    """Even where the very same file is reached by the link, it is outside now."""
    outside = secret_outside(project)
    project.write("deep/folder/secret.csv", "mine")
    folder = project.root / "deep/folder"

    def swap() -> None:
        moved = folder.rename(project.folder / "moved")
        folder.symlink_to(outside if target == "another" else moved)

    before_sending(swap)
    ran = project.push()
    assert ran.json["uploaded"] == 0
    assert project.remote() == {}
    assert project.push().json["uploaded"] == 0


def test_a_directory_that_became_a_file_and_back(project: Project) -> None:
    project.write("x/1.csv", "one")
    project.pushed()
    shutil.rmtree(project.root / "x")
    project.write("x", "a file now")
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"x~1.csv": b"one", "x": b"a file now"}
    (project.root / "x").unlink()
    project.write("x/1.csv", "two")
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"x~1.csv": b"two", "x": b"a file now"}


def test_a_hard_link_is_a_file_of_its_own(project: Project) -> None:
    os.link(project.write("a.csv", "same"), project.root / "b.csv")
    assert project.pushed()["uploaded"] == 2
    (project.root / "b.csv").unlink()
    project.pushed()
    assert project.remote() == {"a.csv": b"same", "b.csv": b"same"}


def test_nothing_in_the_root_is_touched(project: Project) -> None:
    for path in ("a.csv", "b/c.csv", "empty"):
        file = project.write(path, "" if path == "empty" else path)
        os.utime(file, (1_600_000_000, 1_600_000_000))
    before = {p: p.stat() for p in [project.root, *project.root.rglob("*")]}
    project.pushed()
    project.pushed()
    after = {p: p.stat() for p in [project.root, *project.root.rglob("*")]}
    assert before.keys() == after.keys()
    for place, status in before.items():
        assert status.st_mtime_ns == after[place].st_mtime_ns
        assert status.st_ctime_ns == after[place].st_ctime_ns
