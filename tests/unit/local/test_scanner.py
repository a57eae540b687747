"""What the scanner finds, and what it makes of it."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from aqsync.local.disk import Seen, _ByHandles
from aqsync.model import EntryKind, Hold, Signature, State, Uploaded, Wait
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions

OTHER = "20261123-2"


def known(lab: Lab) -> set[str]:
    """The paths of what the journal takes to be here."""
    found = lab.journal.observations.targets(lab.mapping_id)
    return {t.path for t in found if lab.record(t.path).local is not None}


def sync(lab: Lab, *paths: str) -> None:
    """Scan, and note the files as uploaded."""
    lab.scan()
    for path in paths:
        file = lab.record(path)
        assert file.local is not None
        lab.journal.outcomes.record(
            file, Uploaded(file.local, b"\1" * 32, None), lab.clock.now_ns()
        )


# What is there


def test_everything_new_is_noted_once(lab: Lab) -> None:
    for path in ("a.csv", "run/b.csv", "run/deep/c.csv", "empty"):
        lab.write(path, b"" if path == "empty" else b"content")
    (lab.root / "no files" / "at all").mkdir(parents=True)
    report = lab.scan()
    assert (report.entries, report.changed, report.gone, report.troubles) == (4, 4, 0, {})
    again = lab.scan()
    assert (again.entries, again.changed, again.gone) == (4, 0, 0)
    file = lab.record("run/deep/c.csv")
    status = (lab.root / "run/deep/c.csv").stat()
    assert file.local == Signature(7, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert (file.eid, file.remote_name) == (EID, "run~deep~c.csv")


def test_a_scan_without_changes_writes_no_file_row(lab: Lab) -> None:
    lab.write("a.csv")
    lab.scan()
    with lab.journal._database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER no_writes BEFORE UPDATE ON file"
            " BEGIN SELECT raise(ABORT, 'a file row was written'); END"
        )
    lab.scan()


@pytest.mark.parametrize(
    "name",
    [
        "µ.csv",
        "温度.csv",
        "a#b%c?.csv",
        "new\nline",
        " blank ",
        "~",
        "=41",
        os.fsdecode(b"bad-\xff\xfe.csv"),
        "n" * 255,
        "-rf",
        "CON",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("below", ["", "dir", os.fsdecode(b"d\xffr")], ids=ascii)
def test_any_name(lab: Lab, name: str, below: str) -> None:
    path = f"{below}/{name}" if below else name
    lab.write(path)
    lab.scan()
    assert known(lab) == {path}
    assert lab.scan().changed == 0
    (lab.root / path).unlink()
    assert lab.scan().gone == 1 or lab.troubles()


def test_deep_paths(lab: Lab) -> None:
    path = "/".join(["deep-directory-name"] * 100) + "/file.csv"
    lab.write(path)
    lab.scan()
    assert known(lab) == {path}
    assert len(lab.record(path).remote_name.encode()) <= 255


def test_many_files_in_one_directory(lab: Lab) -> None:
    folder = lab.root / "many"
    folder.mkdir()
    for number in range(2500):
        (folder / f"{number}.csv").touch()
    report = lab.scan()
    assert report.changed == report.entries == 2500
    assert lab.scan().changed == 0


def test_links_and_special_files_are_noted_and_not_followed(lab: Lab, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("x")
    lab.write("real/a.csv")
    (lab.root / "to-file").symlink_to("real/a.csv")
    (lab.root / "to-directory").symlink_to(outside)
    (lab.root / "loop").symlink_to("loop")
    (lab.root / "real/up").symlink_to("..")
    (lab.root / "dangling").symlink_to("nowhere")
    os.mkfifo(lab.root / "fifo")
    lab.scan()
    links = {"to-file", "to-directory", "loop", "real/up", "dangling"}
    assert known(lab) == {"real/a.csv", "fifo", *links}
    for path in links:
        step = lab.decision(path)
        assert isinstance(step, Hold)
        assert (step.state, step.message) == (State.SKIPPED, "symbolic link, not followed")
    assert lab.record("fifo").kind is EntryKind.SPECIAL
    assert lab.decision("fifo").state is State.SKIPPED


def test_a_socket(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    lab.scan()
    assert lab.decision("socket").state is State.SKIPPED


def test_a_link_that_is_replaced_by_a_file_is_uploaded(lab: Lab) -> None:
    (lab.root / "latest.csv").symlink_to("nowhere")
    lab.scan()
    (lab.root / "latest.csv").unlink()
    lab.write("latest.csv")
    lab.scan()
    file = lab.record("latest.csv")
    assert (file.kind, file.eid, file.remote_name) == (EntryKind.FILE, EID, "latest.csv")


def test_a_file_becomes_a_directory_and_back(lab: Lab) -> None:
    lab.write("x")
    sync(lab, "x")
    (lab.root / "x").unlink()
    lab.write("x/inside")
    lab.scan()
    assert known(lab) == {"x/inside"}
    assert lab.record("x").local is None
    shutil.rmtree(lab.root / "x")
    lab.write("x")
    lab.scan()
    assert known(lab) == {"x"}
    assert lab.record("x").synced is not None


# What changes


def test_a_change_is_seen(lab: Lab) -> None:
    lab.write("a.csv", b"one")
    sync(lab, "a.csv")
    lab.write("a.csv", b"three", age_s=0)
    report = lab.scan()
    assert report.changed == 1
    file = lab.record("a.csv")
    assert file.local is not None
    assert file.synced is not None
    assert (file.local.size, file.synced.signature.size) == (5, 3)


def test_a_rewrite_of_the_same_size_with_its_time_put_back_is_seen(lab: Lab) -> None:
    place = lab.write("a.csv", b"one")
    before = place.stat()
    sync(lab, "a.csv")
    place.write_bytes(b"two")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_mtime_ns == before.st_mtime_ns
    assert lab.scan().changed == 1
    assert lab.decision("a.csv").state is State.PENDING


def test_a_replacement_of_the_same_size_and_time_is_seen(lab: Lab) -> None:
    place = lab.write("a.csv", b"one")
    sync(lab, "a.csv")
    copy = lab.write("b.tmp", b"two")
    shutil.copystat(place, copy)
    copy.replace(place)
    assert lab.scan().changed == 1


def test_a_hard_link_is_a_file_of_its_own(lab: Lab) -> None:
    place = lab.write("a.csv")
    sync(lab, "a.csv")
    os.link(place, lab.root / "b.csv")
    lab.scan()
    assert known(lab) == {"a.csv", "b.csv"}
    assert lab.decision("b.csv").state is not State.IN_SYNC


# What is gone


def test_gone_files(lab: Lab) -> None:
    for path in ("new.csv", "synced.csv", "stays.csv"):
        lab.write(path)
    sync(lab, "synced.csv")
    for path in ("new.csv", "synced.csv"):
        (lab.root / path).unlink()
    report = lab.scan()
    assert report.gone == 2
    assert lab.find("new.csv") is None
    gone = lab.record("synced.csv")
    assert (gone.local, gone.since_ns) == (None, lab.clock.now_ns())
    assert lab.scan().gone == 0


def test_a_directory_that_is_gone_takes_its_files_along(lab: Lab) -> None:
    for path in ("run/a", "run/deep/b", "running/c"):
        lab.write(path)
    sync(lab, "run/a", "run/deep/b", "running/c")
    shutil.rmtree(lab.root / "run")
    assert lab.scan().gone == 2
    assert known(lab) == {"running/c"}


def test_a_renamed_directory(lab: Lab) -> None:
    for path in ("run/a", "run/deep/b", "other"):
        lab.write(path)
    sync(lab, "run/a", "run/deep/b")
    (lab.root / "run").rename(lab.root / "run-done")
    report = lab.scan()
    assert (report.changed, report.gone) == (2, 2)
    assert known(lab) == {"run-done/a", "run-done/deep/b", "other"}
    assert lab.decision("run-done/a").state is not State.IN_SYNC


def test_a_file_that_comes_back_as_it_was_is_as_it_was(lab: Lab, tmp_path: Path) -> None:
    lab.write("stays")
    place = lab.write("run/a")
    sync(lab, "run/a")
    synced = lab.record("run/a").synced
    (lab.root / "run").rename(tmp_path / "away")
    lab.scan()
    assert lab.record("run/a").local is None
    (tmp_path / "away").rename(lab.root / "run")
    lab.scan()
    assert lab.record("run/a").synced == synced
    assert place.exists()
    file = lab.record("run/a")
    assert file.synced is not None
    assert file.local == file.synced.signature


# Time


def test_what_was_written_long_ago_is_settled_at_once(lab: Lab, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_text("x")
    lab.set_age(elsewhere / "a", 3600)
    elsewhere.rename(lab.root / "moved-in")
    lab.scan()
    assert lab.record("moved-in/a").since_ns == lab.clock.now_ns() - 3600 * SECOND_NS
    lab.journal.remote.found({EID: str(lab.server.of(EID).uuid)})
    lab.journal.remote.listed({EID: []}, (["x"], b""), 1, 1)
    assert lab.decision("moved-in/a").state is State.PENDING


@pytest.mark.parametrize("age_s", [0.0, 4.9, -1.0, -3600.0, -10 * 365 * 86_400.0])
def test_young_files_and_files_of_the_future_wait_one_settle_time(lab: Lab, age_s: float) -> None:
    lab.write("a", age_s=age_s)
    lab.scan()
    assert lab.record("a").since_ns == lab.clock.now_ns()
    lab.clock.advance(3)
    lab.scan()
    assert lab.record("a").since_ns == lab.clock.now_ns() - 3 * SECOND_NS


def test_a_change_starts_the_wait_anew(lab: Lab) -> None:
    lab.write("a", b"1", age_s=0)
    lab.scan()
    lab.clock.advance(4)
    lab.write("a", b"12", age_s=0)
    lab.scan()
    assert lab.record("a").since_ns == lab.clock.now_ns()


def test_a_clock_set_back_delays_by_one_settle_time_at_most(lab: Lab) -> None:
    lab.write("a", age_s=0)
    lab.scan()
    lab.clock.set_back(86_400)
    lab.scan()
    lab.journal.remote.found({EID: str(lab.server.of(EID).uuid)})
    lab.journal.remote.listed({EID: []}, (["x"], b""), 1, 1)
    step = lab.decision("a")
    assert isinstance(step, Wait)
    assert step.until_ns == lab.clock.now_ns() + 5 * SECOND_NS
    lab.clock.advance(5)
    lab.scan()
    assert lab.decision("a").state is State.PENDING


@pytest.mark.parametrize("year", [1902, 1969, 2300, 2440])
def test_times_that_no_64_bits_of_nanoseconds_hold(lab: Lab, year: int) -> None:
    place = lab.write("a")
    at_ns = (year - 1970) * 31_556_952 * SECOND_NS
    os.utime(place, ns=(at_ns, at_ns))
    assert place.stat().st_mtime_ns == at_ns, "this file system cannot keep such a time"
    lab.scan()
    assert known(lab) == {"a"}
    assert lab.scan().changed == 0
    lab.clock.advance(5)
    lab.journal.remote.found({EID: str(lab.server.of(EID).uuid)})
    lab.journal.remote.listed({EID: []}, (["x"], b""), 1, 1)
    assert lab.decision("a").state is State.PENDING


# What cannot be looked at


def test_an_unreadable_directory_keeps_its_files_known(lab: Lab) -> None:
    for path in ("open/a", "open/stays", "locked/b", "locked/deep/c"):
        lab.write(path)
    sync(lab, "open/a", "locked/b", "locked/deep/c")
    (lab.root / "locked").chmod(0)
    (lab.root / "open/a").unlink()
    with bound_by_permissions():
        report = lab.scan()
    assert report.gone == 1
    assert known(lab) == {"open/stays", "locked/b", "locked/deep/c"}
    place = lab.root / "locked"
    assert lab.troubles() == {"locked": f"{place} cannot be looked at: Permission denied"}
    place.chmod(0o700)
    lab.scan()
    assert lab.troubles() == {}


def test_a_directory_whose_entries_may_not_be_looked_at(lab: Lab) -> None:
    for path in ("listed/a", "listed/deep/b"):
        lab.write(path)
    sync(lab, "listed/a", "listed/deep/b")
    (lab.root / "listed").chmod(0o400)
    with bound_by_permissions():
        report = lab.scan()
    assert report.gone == 0
    assert known(lab) == {"listed/a", "listed/deep/b"}
    assert "listed" in lab.troubles()
    (lab.root / "listed").chmod(0o700)


def test_trouble_keeps_its_age(lab: Lab) -> None:
    lab.write("locked/b")
    (lab.root / "locked").chmod(0)
    began = lab.clock.now_ns()
    with bound_by_permissions():
        lab.scan()
        lab.clock.advance(60)
        lab.scan()
    assert lab.journal.mappings.troubles(lab.mapping_id)["locked"].since_ns == began
    (lab.root / "locked").chmod(0o700)


def test_an_unreadable_directory_of_any_name(lab: Lab) -> None:
    name = os.fsdecode(b"l\xffcked")
    lab.write(f"{name}/a")
    (lab.root / name).chmod(0)
    with bound_by_permissions():
        lab.scan()
    assert set(lab.troubles()) == {name}
    (lab.root / name).chmod(0o700)


# The root


def test_a_missing_root_reads_as_nothing(lab: Lab, tmp_path: Path) -> None:
    lab.write("a")
    sync(lab, "a")
    lab.root.rename(tmp_path / "away")
    lab.scan()
    assert lab.troubles() == {"": f"the directory {lab.root} does not exist"}
    assert known(lab) == {"a"}
    (tmp_path / "away").rename(lab.root)
    lab.scan()
    assert lab.troubles() == {}


def test_a_root_that_is_a_file(lab: Lab, tmp_path: Path) -> None:
    lab.write("a")
    sync(lab, "a")
    lab.root.rename(tmp_path / "away")
    lab.root.write_text("")
    lab.scan()
    assert lab.troubles() == {"": f"{lab.root} is not a directory"}
    assert known(lab) == {"a"}


def test_an_unreadable_root(lab: Lab) -> None:
    lab.write("a")
    sync(lab, "a")
    lab.root.chmod(0)
    with bound_by_permissions():
        lab.scan()
    lab.root.chmod(0o700)
    assert list(lab.troubles()) == [""]
    assert known(lab) == {"a"}


def test_an_empty_root_reads_as_nothing(lab: Lab) -> None:
    lab.write("run/a")
    sync(lab, "run/a")
    shutil.rmtree(lab.root / "run")
    lab.scan()
    expected = f"the directory {lab.root} is empty and lacks 1 known file"
    assert lab.troubles() == {
        "": f"{expected}; none of them counts as deleted, and nothing is sent"
    }
    assert known(lab) == {"run/a"}


def test_a_root_with_none_but_ignored_files_counts_as_empty(lab: Lab) -> None:
    lab.write("a")
    sync(lab, "a")
    (lab.root / "a").unlink()
    lab.write("x.tmp")
    lab.scan()
    assert list(lab.troubles()) == [""]
    assert known(lab) == {"a"}


def replace_root(lab: Lab, tmp_path: Path, *kept: str) -> None:
    """Another directory takes the root's place, as when a disk is not mounted."""
    lab.root.rename(tmp_path / "away")
    lab.root.mkdir()
    for path in kept:
        (lab.root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tmp_path / "away" / path, lab.root / path)


def test_a_replaced_root_that_lacks_files_reads_as_nothing(lab: Lab, tmp_path: Path) -> None:
    for path in ("a", "b"):
        lab.write(path)
    sync(lab, "a", "b")
    replace_root(lab, tmp_path, "a")
    for _ in range(2):
        lab.scan()
        assert "is not the one known before, and lacks 1 known file" in lab.troubles()[""]
        assert known(lab) == {"a", "b"}
    shutil.copy2(tmp_path / "away/b", lab.root / "b")
    lab.scan()
    assert lab.troubles() == {}, "nothing is missing: it is the same data on another disk"
    (lab.root / "b").unlink()
    lab.scan()
    assert known(lab) == {"a"}, "and from now on this is the root"


def put_root_back(lab: Lab, tmp_path: Path) -> None:
    lab.root.rename(tmp_path / "another")
    (tmp_path / "away").rename(lab.root)


def test_nothing_of_another_root_is_taken_for_what_is_known(lab: Lab, tmp_path: Path) -> None:
    """Neither what is new in it, nor what it lacks: the journal stays as it was."""
    for path in ("a", "c"):
        lab.write(path)
    sync(lab, "a", "c")
    lab.write("never sent")
    lab.scan()
    replace_root(lab, tmp_path)
    lab.write("b")
    lab.write("a", b"of another disk")
    before = lab.record("a")
    for _ in range(2):
        lab.scan()
        assert list(lab.troubles()) == [""]
        assert known(lab) == {"a", "c", "never sent"}
        assert lab.record("a") == before
        assert isinstance(lab.decision("never sent"), Hold)
    (tmp_path / "away/c").unlink()
    put_root_back(lab, tmp_path)
    lab.scan()
    assert lab.troubles() == {}
    assert lab.find("b") is None
    assert lab.record("c").local is None, "this was deleted on the right disk"
    assert known(lab) == {"a", "never sent"}
    assert not isinstance(lab.decision("never sent"), Hold)


def test_a_look_at_some_paths_does_not_accept_a_replaced_root(lab: Lab, tmp_path: Path) -> None:
    for path in ("a", "b"):
        lab.write(path)
    sync(lab, "a", "b")
    replace_root(lab, tmp_path)
    lab.write("new")
    for within in (["new"], [], ["new", "b"], []):
        lab.scan(*within)
        assert list(lab.troubles()) == [""], within
        assert {"a", "b"} <= known(lab), within


def test_a_look_at_some_paths_of_an_empty_root_does_not_hide_that_it_is_empty(lab: Lab) -> None:
    lab.write("run/a")
    sync(lab, "run/a")
    shutil.rmtree(lab.root / "run")
    lab.scan()
    for within in ("run/a", "run", "another"):
        lab.scan(within)
        assert list(lab.troubles()) == [""]
        assert known(lab) == {"run/a"}


def test_a_person_can_accept_the_root_as_it_is(lab: Lab) -> None:
    lab.write("a")
    sync(lab, "a")
    (lab.root / "a").unlink()
    lab.scan()
    lab.accept()
    lab.scan()
    assert lab.troubles() == {}
    assert lab.record("a").local is None


def test_a_root_behind_a_link_is_the_directory_that_the_link_leads_to(
    lab: Lab, tmp_path: Path
) -> None:
    real = tmp_path / "real"
    lab.root.rename(real)
    lab.root.symlink_to(real)
    lab.write("a")
    sync(lab, "a")
    other = tmp_path / "other"
    other.mkdir()
    lab.root.unlink()
    lab.root.symlink_to(other)
    lab.scan()
    assert list(lab.troubles()) == [""]
    assert known(lab) == {"a"}


# Looking at some paths


def test_a_look_at_some_paths_sees_what_is_at_and_below_them(lab: Lab) -> None:
    for path in ("a", "run/b", "run/deep/c", "other/d"):
        lab.write(path)
    report = lab.scan("run", "a")
    assert (report.entries, report.changed) == (3, 3)
    assert known(lab) == {"a", "run/b", "run/deep/c"}
    shutil.rmtree(lab.root / "run")
    lab.write("run-new/e")
    assert lab.scan("run").gone == 3 - 1
    assert known(lab) == {"a"}


def test_a_look_at_a_path_that_is_gone(lab: Lab) -> None:
    for path in ("a", "run/b", "run/deep/c"):
        lab.write(path)
    sync(lab, "a", "run/b", "run/deep/c")
    (lab.root / "a").unlink()
    shutil.rmtree(lab.root / "run/deep")
    assert lab.scan("run/deep/c", "never/was", "a").gone == 2
    assert known(lab) == {"run/b"}


def test_a_look_at_the_root_itself_is_a_look_at_everything_below(lab: Lab) -> None:
    lab.write("run/a")
    lab.write("b")
    lab.scan("")
    assert known(lab) == {"run/a", "b"}


def test_a_look_at_some_paths_keeps_the_troubles_of_the_others(lab: Lab) -> None:
    for path in ("a", "locked/b", "closed/c"):
        lab.write(path)
    (lab.root / "locked").chmod(0)
    (lab.root / "closed").chmod(0)
    with bound_by_permissions():
        lab.scan()
        assert set(lab.troubles()) == {"locked", "closed"}
        lab.scan("a")
        assert set(lab.troubles()) == {"locked", "closed"}
        (lab.root / "closed").chmod(0o700)
        lab.scan("closed")
        assert set(lab.troubles()) == {"locked"}
        lab.scan("locked/b")
        assert set(lab.troubles()) >= {"locked"}
    (lab.root / "locked").chmod(0o700)
    lab.scan()
    assert lab.troubles() == {}


def test_a_look_does_not_go_through_a_link(lab: Lab, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "a").write_text("secret")
    (outside / "deep/b").write_text("secret")
    (lab.root / "link").symlink_to(outside)
    (lab.root / "in").mkdir()
    (lab.root / "in/link").symlink_to(outside)
    for within in ("link/a", "link/deep", "link/deep/b", "in/link/a", "link/none"):
        lab.scan(within)
        assert known(lab) == set(), within
    lab.scan()
    assert known(lab) == {"link", "in/link"}


def test_a_directory_that_became_a_link_has_lost_its_files(lab: Lab, tmp_path: Path) -> None:
    lab.write("run/deep/a")
    lab.write("b")
    sync(lab, "run/deep/a", "b")
    (lab.root / "run").rename(tmp_path / "moved")
    (lab.root / "run").symlink_to(tmp_path / "moved")
    for within in (["run/deep/a"], []):
        lab.scan(*within)
        assert lab.record("run/deep/a").local is None


# Rules


def test_ignored_and_included_files(lab: Lab) -> None:
    lab.configure(include=("*.csv",), ignore=("skip/", "bad-*"))
    for path in ("a.csv", "b.txt", "skip/c.csv", "bad-d.csv", "run/e.csv", "run/skip/f.csv"):
        lab.write(path)
    lab.scan()
    assert known(lab) == {"a.csv", "run/e.csv"}


def test_other_rules_forget_what_they_leave_out(lab: Lab) -> None:
    for path in ("a.csv", "b.txt", "skip/c.csv", "gone.txt"):
        lab.write(path)
    sync(lab, "a.csv", "b.txt", "skip/c.csv", "gone.txt")
    (lab.root / "gone.txt").unlink()
    lab.scan()
    lab.configure(ignore=("*.txt", "skip/"))
    report = lab.scan()
    assert report.gone == 0
    paths = {t.path for t in lab.journal.observations.targets(lab.mapping_id)}
    assert paths == {"a.csv"}, "nothing of the others is known any more, least of all as gone"
    lab.configure()
    lab.scan()
    assert known(lab) == {"a.csv", "b.txt", "skip/c.csv"}
    assert lab.record("b.txt").synced is None


def test_the_ignore_file_of_the_root_counts_and_is_not_taken(lab: Lab) -> None:
    lab.write("a.csv")
    lab.write("b.log")
    lab.scan()
    lab.write(".aqsyncignore", b"*.log\n")
    lab.scan()
    assert known(lab) == {"a.csv"}
    (lab.root / ".aqsyncignore").unlink()
    lab.scan()
    assert known(lab) == {"a.csv", "b.log"}


def test_rules_reach_what_could_not_be_looked_at_when_they_came(lab: Lab) -> None:
    for path in ("a", "locked/b", "locked/c.txt"):
        lab.write(path)
    sync(lab, "a", "locked/b", "locked/c.txt")
    (lab.root / "locked").chmod(0)
    lab.configure(ignore=("*.txt", "locked/b"))
    with bound_by_permissions():
        lab.scan()
    (lab.root / "locked").chmod(0o700)
    report = lab.scan()
    assert report.gone == 0, "left out is not deleted"
    assert lab.find("locked/b") is None
    assert lab.find("locked/c.txt") is None


@pytest.mark.parametrize(
    "what", ["pattern", "patterns", "directory", "fifo", "socket", "locked", "large", "link"]
)
def test_an_ignore_file_that_makes_no_sense_stops_the_mapping(
    lab: Lab, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a")
    sync(lab, "a")
    place = lab.root / ".aqsyncignore"
    if what == "pattern":
        place.write_text("fine\n[z-a]\n")
    elif what == "patterns":
        place.write_text("a\n" * 1001)
    elif what == "large":
        place.write_text("a" * 65537)
    elif what == "link":
        (lab.root.parent / "secret").write_text("b[z-a]\n")
        place.symlink_to(lab.root.parent / "secret")
    elif what == "directory":
        place.mkdir()
    elif what == "fifo":
        os.mkfifo(place)
    elif what == "socket":
        monkeypatch.chdir(lab.root)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place.name)
    else:
        place.touch(mode=0)
    with bound_by_permissions():
        lab.scan()
    assert ".aqsyncignore" in lab.troubles()[""]
    assert "z-a]" not in lab.troubles()[""], "what it holds is told to nobody"
    assert lab.journal.mappings.troubles(lab.mapping_id)[""].hint
    assert known(lab) == {"a"}


def test_an_ignore_file_that_is_no_utf8(lab: Lab) -> None:
    (lab.root / ".aqsyncignore").write_bytes(b"\xef\xbb\xbfbad-\xff.csv\r\n*.log\r\n")
    for path in (os.fsdecode(b"bad-\xff.csv"), "a.log", "a.csv"):
        lab.write(path)
    lab.scan()
    assert known(lab) == {"a.csv"}


# Targets


def test_other_targets_start_anew(lab: Lab) -> None:
    lab.write("a")
    lab.write("run/b")
    sync(lab, "a", "run/b")
    lab.configure(prefix="fridge")
    report = lab.scan()
    assert report.changed == 0
    for path, name in [("a", "fridge~a"), ("run/b", "fridge~run~b")]:
        file = lab.record(path)
        assert (file.eid, file.remote_name, file.synced) == (EID, name, None)
    lab.configure(experiment=OTHER)
    lab.scan()
    assert (lab.record("a").eid, lab.record("a").remote_name) == (OTHER, "a")


def test_targets_that_stay_keep_what_is_known(lab: Lab) -> None:
    lab.write("20261123-1_x/a")
    sync(lab, "20261123-1_x/a")
    lab.configure(experiment="{eid}", path="{eid}_*/**")
    lab.scan()
    file = lab.record("20261123-1_x/a")
    assert file.eid == EID
    assert file.synced is not None


def test_a_pattern_leads_files_to_their_experiments(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}_*/**")
    for path in ("20261123-1_x/a", "20261123-2_y/deep/b", "elsewhere/c", "d"):
        lab.write(path)
    lab.scan()
    eids = {path: lab.record(path).eid for path in known(lab)}
    assert eids == {
        "20261123-1_x/a": EID,
        "20261123-2_y/deep/b": OTHER,
        "elsewhere/c": None,
        "d": None,
    }
    assert lab.record("d").remote_name == ""
    assert lab.decision("d").state is State.UNMAPPED
    lab.configure(experiment=EID)
    lab.scan()
    assert lab.record("d").eid == EID


def test_new_targets_reach_what_is_a_link_just_now(lab: Lab) -> None:
    place = lab.write("a")
    sync(lab, "a")
    place.rename(lab.root / "b")
    place.symlink_to("b")
    lab.scan()
    lab.configure(experiment=OTHER)
    lab.scan()
    place.unlink()
    lab.write("a")
    lab.scan()
    file = lab.record("a")
    assert (file.eid, file.synced) == (OTHER, None)


# What changes under the scan


def test_a_root_unmounted_under_the_scan_reads_as_nothing(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a", "run/b"):
        lab.write(path)
    sync(lab, "a", "run/b")
    real = os.scandir
    calls: list[object] = []

    def unmount(place: str | int | Path) -> object:
        if not calls:
            calls.append(place)
            lab.root.rename(tmp_path / "away")
            lab.root.mkdir()
        return real(place)

    monkeypatch.setattr(os, "scandir", unmount)
    monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, unmount})
    lab.scan()
    assert calls
    assert "was replaced or unmounted" in lab.troubles()[""]
    assert known(lab) == {"a", "run/b"}


def test_a_directory_deleted_under_the_scan(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("a", "run/b", "run/deep/c"):
        lab.write(path)
    sync(lab, "a", "run/b", "run/deep/c")
    real = os.scandir
    calls: list[object] = []

    def delete(place: str | int | Path) -> object:
        calls.append(place)
        if len(calls) == 2:
            shutil.rmtree(lab.root / "run")
        return real(place)

    monkeypatch.setattr(os, "scandir", delete)
    monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, delete})
    lab.scan()
    assert lab.troubles() == {}
    lab.scan()
    assert known(lab) == {"a"}


def test_an_append_whose_size_is_not_there_yet_is_no_rewriting(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that appends sets a file's times first."""
    place = lab.write("log", b"1", age_s=9)
    lab.scan()
    with place.open("ab") as file:
        file.write(b"2")
    lab.set_age(place, 5)
    real, looks = _ByHandles.look, list[Seen]()

    def hasty(self: _ByHandles, root: Path, path: str) -> Seen:
        seen = real(self, root, path)
        looks.append(seen if looks else (seen[0], 1, *seen[2:]))
        return looks[-1]

    monkeypatch.setattr(_ByHandles, "look", hasty)
    lab.scan("log")
    assert [seen[1] for seen in looks] == [1, 2]
    assert lab.record("log").growth.only
    lab.set_age(place, 4)
    lab.scan("log")
    assert not lab.record("log").growth.only
