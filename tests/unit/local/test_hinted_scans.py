"""A scan of some paths finds what a scan of everything would have found at and below them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from aqsync.local import walk
from aqsync.model import EntryKind, Signature, Uploaded
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import Lab
from tests.support.patience import HANG_S
from tests.support.permissions import bound_by_permissions

MANY = walk.FEW + 10


def known(lab: Lab) -> set[str]:
    found = lab.journal.observations.targets(lab.mapping_id)
    return {t.path for t in found if lab.record(t.path).local is not None}


def sync(lab: Lab, *paths: str) -> None:
    lab.scan()
    for path in paths:
        file = lab.record(path)
        assert file.local is not None
        outcome = Uploaded(file.local, b"\1" * 32, None)
        lab.journal.outcomes.record(file, outcome, lab.clock.now_ns())


def names(count: int, below: str = "run") -> list[str]:
    return [f"{below}/{number:03d}.csv" for number in range(count)]


@pytest.fixture(params=[3, MANY], ids=["few", "many"])
def asked(request: pytest.FixtureRequest) -> list[str]:
    """Paths in one directory, few or so many that the directory is compared as a whole."""
    return names(request.param)


def test_new_changed_and_gone_files(lab: Lab, asked: list[str]) -> None:
    for path in asked[1:]:
        lab.write(path)
    sync(lab, *asked[1:])
    lab.write(asked[0])
    lab.write(asked[1], b"another size")
    (lab.root / asked[2]).unlink()
    report = lab.scan(*asked)
    assert (report.changed, report.gone, report.troubles) == (2, 1, {})
    assert sorted(report.changed_paths or ()) == asked[:3]
    assert known(lab) == {*asked} - {asked[2]}
    again = lab.scan(*asked)
    assert (again.changed, again.gone, again.changed_paths) == (0, 0, [])


def test_files_that_became_directories(lab: Lab, asked: list[str]) -> None:
    for path in asked:
        lab.write(path)
    sync(lab, *asked)
    for path in asked:
        (lab.root / path).unlink()
        lab.write(f"{path}/inside")
    report = lab.scan(*asked)
    assert (report.changed, report.gone) == (len(asked), len(asked))
    assert known(lab) == {f"{path}/inside" for path in asked}


def test_directories_that_became_files(lab: Lab, asked: list[str]) -> None:
    for path in asked:
        lab.write(f"{path}/deep/inside")
    sync(lab, *(f"{path}/deep/inside" for path in asked))
    for path in asked:
        shutil.rmtree(lab.root / path)
        lab.write(path)
    report = lab.scan(*asked)
    assert (report.changed, report.gone) == (len(asked), len(asked))
    assert known(lab) == {*asked}


def test_there_and_back_again(lab: Lab, asked: list[str]) -> None:
    """A path that was a file, a directory, a file, and is nothing now."""
    for path in asked:
        lab.write(path)
    sync(lab, *asked)
    for path in asked:
        (lab.root / path).unlink()
        lab.write(f"{path}/inside")
    sync(lab, *(f"{path}/inside" for path in asked))
    for path in asked:
        shutil.rmtree(lab.root / path)
    assert lab.scan(*asked).gone == len(asked)
    assert known(lab) == set()


def test_directories_that_are_gone(lab: Lab, asked: list[str]) -> None:
    lab.write("run/stays/a")
    for path in asked:
        lab.write(f"{path}/deep/inside")
    sync(lab, *(f"{path}/deep/inside" for path in asked))
    for path in asked:
        shutil.rmtree(lab.root / path)
    assert lab.scan(*asked).gone == len(asked)
    assert known(lab) == {"run/stays/a"}


def test_directories_that_came(lab: Lab, asked: list[str], tmp_path: Path) -> None:
    lab.write("run/other")
    for path in asked:
        (tmp_path / "away" / path / "deep").mkdir(parents=True)
        (tmp_path / "away" / path / "deep/inside").touch()
        (tmp_path / "away" / path).rename(lab.root / path)
    report = lab.scan(*asked)
    expected = {f"{path}/deep/inside" for path in asked}
    assert known(lab) - {"run/other"} == expected
    assert report.directories >= 2 * len(asked)


def test_the_directory_itself_is_gone(lab: Lab, asked: list[str]) -> None:
    for path in asked:
        lab.write(path)
    lab.write("other")
    sync(lab, *asked)
    shutil.rmtree(lab.root / "run")
    assert lab.scan(*asked).gone == len(asked)
    assert known(lab) == {"other"}


def test_the_directory_itself_became_a_link(lab: Lab, asked: list[str], tmp_path: Path) -> None:
    for path in asked:
        lab.write(path)
    lab.write("other")
    sync(lab, *asked)
    (lab.root / "run").rename(tmp_path / "moved")
    (lab.root / "run").symlink_to(tmp_path / "moved")
    for path in asked:
        (tmp_path / "moved" / Path(path).name).write_text("not ours any more")
    report = lab.scan(*asked)
    assert (report.changed, report.gone) == (0, len(asked))


def test_a_directory_that_may_not_be_entered_is_one_trouble(lab: Lab, asked: list[str]) -> None:
    for path in asked:
        lab.write(path)
    sync(lab, *asked)
    for path in asked:
        (lab.root / path).unlink()
    (lab.root / "run").chmod(0)
    with bound_by_permissions():
        report = lab.scan(*asked)
    (lab.root / "run").chmod(0o700)
    assert list(report.troubles) == ["run"]
    assert report.gone == 0
    assert known(lab) == {*asked}


def test_an_ignored_directory_is_not_looked_into(lab: Lab, asked: list[str]) -> None:
    lab.configure(ignore=("run/",))
    for path in asked:
        lab.write(path)
    report = lab.scan(*asked)
    assert (report.entries, report.changed, report.directories) == (0, 0, 0)


def test_paths_below_others_are_looked_at_once(lab: Lab) -> None:
    for path in ("run/a", "run/deep/b"):
        lab.write(path)
    report = lab.scan("run/deep/b", "run", "run/a", "run", "run/deep")
    assert (report.entries, report.changed) == (2, 2)


def test_many_in_one_directory_do_not_reach_into_others(lab: Lab) -> None:
    for path in [*names(MANY), "run/deep/b", "other/c"]:
        lab.write(path)
    lab.scan(*names(MANY))
    assert known(lab) == {*names(MANY)}


def test_a_root_that_vanishes_in_the_middle(lab: Lab, tmp_path: Path, asked: list[str]) -> None:
    lab.write("before/a")
    for path in asked:
        lab.write(path)
    sync(lab, "before/a", *asked)

    def vanish(steps: list[None]) -> None:
        steps.append(None)
        if len(steps) == 2:
            lab.root.rename(tmp_path / "away")

    steps: list[None] = []
    report = lab.scanner.scan(["before/a", *asked], beat=lambda: vanish(steps))
    assert len(steps) == 2
    assert report.gone == 0
    assert list(lab.troubles()) == [""]
    assert known(lab) == {"before/a", *asked}


# What a report says


def test_the_report_of_a_whole_scan(lab: Lab) -> None:
    for path in ("a", "run/b", "run/deep/c"):
        lab.write(path)
    report = lab.scan()
    folders = [lab.root, lab.root / "run", lab.root / "run/deep"]
    assert report.whole
    assert report.directories == 3
    assert report.directory_inodes == {folder.stat().st_ino for folder in folders}
    assert sorted(report.changed_paths or ()) == ["a", "run/b", "run/deep/c"]


def test_the_report_of_a_look_at_some_paths(lab: Lab) -> None:
    lab.write("run/a")
    report = lab.scan("run")
    assert not report.whole
    assert (report.directories, report.directory_inodes) == (1, set())
    assert report.changed_paths == ["run/a"]


def test_too_many_changes_are_not_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.local.walk.MOST_CHANGED", 3)
    monkeypatch.setattr("aqsync.local.scanner.MOST_CHANGED", 3)
    for path in names(3):
        lab.write(path)
    assert sorted(lab.scan().changed_paths or ()) == names(3)
    for path in names(2):
        lab.write(path, b"another size")
    (lab.root / names(3)[2]).unlink()
    assert len(lab.scan().changed_paths or ()) == 3
    for path in names(4):
        lab.write(path, b"a third size")
    report = lab.scan()
    assert (report.changed, report.changed_paths) == (4, None)


# A scan in the daemon


def test_a_beat_for_each_directory(lab: Lab) -> None:
    for path in ("a", "run/b", "run/deep/c"):
        lab.write(path)
    beats: list[None] = []
    lab.scanner.scan(beat=lambda: beats.append(None))
    assert len(beats) == 3


@pytest.mark.parametrize("within", [(), ("run", "other", "gone-with-it")], ids=["whole", "some"])
def test_a_scan_that_is_stopped_calls_nothing_gone(lab: Lab, within: tuple[str, ...]) -> None:
    for path in ("run/a", "run/deep/b", "other/c", "stays"):
        lab.write(path)
    sync(lab, "run/a", "run/deep/b", "other/c", "stays")
    scanned_at = lab.journal.mappings.get("lab").scanned_at_ns
    shutil.rmtree(lab.root / "other")
    (lab.root / "run/a").unlink()
    lab.clock.advance(60)
    for allowed in range(3):
        rest = iter(range(allowed))
        report = lab.scanner.scan(within, stop=lambda rest=rest: next(rest, None) is None)  # type: ignore[misc]  # bound now, asked later
        assert not report.whole
        assert report.gone == 0
        assert known(lab) == {"run/a", "run/deep/b", "other/c", "stays"}
        assert lab.journal.mappings.get("lab").scanned_at_ns == scanned_at
    assert lab.scan().gone == 2


def test_a_scan_that_is_stopped_keeps_what_it_saw_and_the_troubles(lab: Lab) -> None:
    lab.write("a")
    lab.write("locked/b")
    (lab.root / "locked").chmod(0)
    with bound_by_permissions():
        lab.scan()
        lab.write("new")
        rest = iter(range(1))
        lab.scanner.scan(stop=lambda: next(rest, None) is None)
    (lab.root / "locked").chmod(0o700)
    assert known(lab) == {"a", "new"}
    assert set(lab.troubles()) == {"locked"}


def test_two_scans_take_turns(lab: Lab) -> None:
    for path in ("a", "run/b"):
        lab.write(path)
    inside, order = threading.Event(), list[str]()

    def slow() -> None:
        if not inside.is_set():
            inside.set()
            other.join(0.05)
        order.append("first")

    def scan() -> None:
        inside.wait(HANG_S)
        lab.scanner.scan(beat=lambda: order.append("second"))

    other = threading.Thread(target=scan)
    other.start()
    lab.scanner.scan(beat=slow)
    other.join(HANG_S)
    assert order == ["first"] * 2 + ["second"] * 2


# How old a state is


@pytest.mark.parametrize(
    ("mtime_s", "ctime_s", "since_s"),
    [
        (-3600, -3600, -3600),
        (-3600, -1, -3600),  # moved in, linked, or its time put back
        (-3600, 3600, -3600),
        (-5.5, -5.5, -5.5),
        (-5, -5, -5),
        (-3, -3, -3),  # an event told us three seconds late
        (-3, -1, -1),
        (-3, -9, -3),  # Windows: made nine seconds ago, written three seconds ago
        (-3, 3600, 0),  # the clock was set back since
        (0, 0, 0),
        (3600, 3600, 0),
        (3600, -3600, 0),
    ],
)
def test_since_when_a_file_has_been_in_its_state(
    lab: Lab, mtime_s: float, ctime_s: float, since_s: float
) -> None:
    now_ns = lab.clock.now_ns()
    times = (now_ns + int(mtime_s * SECOND_NS), now_ns + int(ctime_s * SECOND_NS))
    seen = lab.scanner.observed("a", EntryKind.FILE, Signature(1, *times, 7))
    assert seen.since_ns == now_ns + int(since_s * SECOND_NS)


def test_a_file_whose_mtime_is_set_back_after_each_write_has_not_settled(lab: Lab) -> None:
    def times(content: bytes) -> tuple[int, int, int]:
        """mtime, ctime and since when, as seen a second after a write."""
        status = lab.write("a", content).stat()
        lab.clock.advance((status.st_ctime_ns - lab.clock.now_ns()) / SECOND_NS + 1)
        lab.scan()
        return status.st_mtime_ns, status.st_ctime_ns, lab.record("a").since_ns

    mtime_ns, _, since_ns = times(b"at first sight")
    assert since_ns == mtime_ns
    _, ctime_ns, since_ns = times(b"written to")
    assert since_ns == ctime_ns
    (lab.root / "a").rename(lab.root.parent / "b")
    mtime_ns, _, since_ns = times(b"another file")
    assert since_ns == mtime_ns
