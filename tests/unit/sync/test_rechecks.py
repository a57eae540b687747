"""Stores that no signature shows are found: planning, reading again, and what comes of it."""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aqsync.journal.history import HistoryKind
from aqsync.local.disk import OpenFile, RealDisk
from aqsync.local.errands import UNANSWERED_S, Errands
from aqsync.local.rules import IGNORE_FILE
from aqsync.model import InSync, Reason, Recheck, State, Touched, Upload
from aqsync.sync.engine import Engine
from aqsync.sync.in_vain import ENOUGH
from aqsync.sync.policies import undecided
from aqsync.sync.rate import RateLimit
from aqsync.sync.shared import Shared
from aqsync.sync.summary import summarize
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import EID, Lab
from tests.support.patience import HANG_S, wait_until

WRITE_BACK_S = 45.0
OLD, NEW = b"old content", b"new content"


class SameTimes(RealDisk):
    """A disk on which a test changes content and leaves every signature as it is."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        """What is read in the place of a file's content."""
        self.reading: Callable[[str], None] = lambda _path: None
        """Called when a file has been opened."""
        self.opened: list[str] = []
        self.error: OSError | None = None
        self.shown_size: int | None = None
        """The size of which an open file tells, unlike a look; None: the same."""

    def write_back_ns(self) -> int:
        return int(WRITE_BACK_S * SECOND_NS)

    def open(self, root: Path, path: str) -> OpenFile:
        if path == IGNORE_FILE:  # each scan reads it
            return super().open(root, path)
        self.opened.append(path)
        if self.error is not None:
            raise self.error
        file = super().open(root, path)
        if (size := self.shown_size) is not None:
            kind, _, mtime_ns, ctime_ns, inode = file.look()
            seen = kind, size, mtime_ns, ctime_ns, inode
            file.look = lambda: seen  # type: ignore[method-assign]  # so do some disks
        self.reading(path)
        return _Changed(file, self.content[path]) if path in self.content else file


class _Changed:
    def __init__(self, file: OpenFile, content: bytes) -> None:
        self._content = content
        self.look = file.look
        self.read_at = file.read_at
        self.locked_for_writing = file.locked_for_writing
        self.close = file.close
        self.cloned_into = file.cloned_into
        self.fileno = file.fileno

    def read(self, size: int) -> bytes:
        chunk, self._content = self._content[:size], self._content[size:]
        return chunk


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path) as made:
        yield made


@pytest.fixture
def disk(lab: Lab) -> SameTimes:
    """The lab's; the files' own times are in the future of its clock, so that all are young."""
    lab.disk = disk = SameTimes()
    lab.configure()
    return disk


def due_at(lab: Lab, path: str) -> int | None:
    version = lab.record(path).synced
    assert version is not None
    return version.recheck_at_ns


def state(lab: Lab) -> tuple[int, int]:
    """Files in sync, and to be checked again."""
    in_sync = summarize(lab.journal, lab.mapping, lab.clock.now_ns()).files[State.IN_SYNC]
    return in_sync, lab.journal.rechecks.pending(lab.mapping_id).files


# A real mmap


def test_a_second_store_to_a_dirty_page_is_sent_by_the_next_push_but_one(lab: Lab) -> None:
    place = lab.write("map.dat", bytes(8192))
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 8192) as pages:
        pages[0] = 1  # now the page is dirty, and the file's times are new
        lab.push()
        assert lab.remote == {"map.dat": b"\1" + bytes(8191)}
        pages[1] = 2  # neither mtime nor ctime tells
    status = place.stat()
    local = lab.record("map.dat").local
    assert local is not None
    silent = (status.st_mtime_ns, status.st_ctime_ns) == (local.mtime_ns, local.ctime_ns)
    lab.push()
    if silent:  # else the kernel wrote the page back in between
        assert lab.remote == {"map.dat": b"\1" + bytes(8191)}
        assert lab.decision("map.dat").state is State.IN_SYNC
        assert "checked again in" in lab.decision("map.dat").message
    lab.clock.advance(lab.engine.disk.write_back_ns() / SECOND_NS + 10)
    lab.push()
    assert lab.remote == {"map.dat": b"\1\2" + bytes(8190)}


# Planning


def test_a_young_version_is_hashed_again_and_an_old_one_is_not(lab: Lab, disk: SameTimes) -> None:
    lab.write("young.csv")
    lab.push()
    planned = due_at(lab, "young.csv")
    assert planned is not None
    assert 0 < planned - lab.clock.now_ns() <= WRITE_BACK_S * SECOND_NS
    assert state(lab) == (1, 1)
    lab.clock.advance(30 * 86_400)  # the times of files are past by now
    lab.write("old.csv")
    lab.push()
    assert due_at(lab, "old.csv") is None
    assert disk.opened.count("old.csv") == 1


def test_what_is_not_due_is_neither_looked_at_closely_nor_read(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv")
    lab.push()
    disk.opened.clear()
    assert undecided(lab.journal, lab.mapping) == []
    lab.push()
    assert disk.opened == []
    assert isinstance(lab.decision("a.csv"), InSync)


def test_adopted_and_touched_versions_are_hashed_again_too(lab: Lab, disk: SameTimes) -> None:
    lab.write("adopted.csv", OLD)
    lab.server.put(EID, "adopted.csv", OLD)
    lab.push()
    assert lab.said.count("Adopted adopted.csv") == 1
    assert due_at(lab, "adopted.csv") is not None
    lab.clock.advance(WRITE_BACK_S + 1)
    lab.push()
    assert due_at(lab, "adopted.csv") is None
    lab.write("adopted.csv", OLD)
    lab.push()
    assert lab.said.count("Touched adopted.csv") == 1
    assert due_at(lab, "adopted.csv") is not None
    assert disk.content == {}


def test_a_mapping_can_be_without(lab: Lab, disk: SameTimes) -> None:
    lab.configure(recheck=False)
    lab.write("huge.dat", OLD)
    lab.push()
    assert due_at(lab, "huge.dat") is None
    lab.engine.rechecks.closed(lab.mapping, ["huge.dat"])
    assert due_at(lab, "huge.dat") is None
    lab.clock.advance(3600)
    disk.opened.clear()
    lab.push()
    assert disk.opened == []


def test_a_clock_that_is_put_forward_makes_nothing_look_old(lab: Lab, disk: SameTimes) -> None:
    lab.clock.advance(30 * 86_400)
    lab.write("before.csv")
    engine = lab.engine
    engine.rechecks.pending(lab.mapping)  # the clocks are known
    lab.clock.set_back(-3600)
    lab.scan()
    signature = lab.record("before.csv").local
    assert signature is not None
    began_ns = lab.clock.now_ns()
    planned = engine.rechecks.needed(
        lab.mapping, lab.record("before.csv"), Touched(signature, b""), began_ns
    )
    assert planned == began_ns + disk.write_back_ns()
    lab.clock.advance(WRITE_BACK_S)
    again = engine.rechecks.needed(
        lab.mapping, lab.record("before.csv"), Touched(signature, b""), lab.clock.now_ns()
    )
    assert again is None


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_a_clock_that_is_set_while_a_file_is_sent(
    lab: Lab, disk: SameTimes, seconds: float
) -> None:
    lab.write("a.csv")
    lab.scan()
    file, rechecks = lab.record("a.csv"), lab.engine.rechecks
    assert file.local is not None
    rechecks.pending(lab.mapping)  # the clocks are known
    began_ns = lab.clock.now_ns()
    lab.clock.set_back(-seconds)
    planned = rechecks.needed(lab.mapping, file, Touched(file.local, b""), began_ns)
    assert planned == lab.clock.now_ns() + disk.write_back_ns()


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_a_clock_that_is_set_puts_off_what_was_planned_by_it(
    lab: Lab, disk: SameTimes, seconds: float
) -> None:
    lab.write("a.csv")
    lab.push()
    engine = lab.engine
    lab.clock.set_back(-seconds)
    assert engine.rechecks.pending(lab.mapping).files == 0
    assert due_at(lab, "a.csv") == lab.clock.now_ns() + disk.write_back_ns()


@pytest.mark.parametrize("seconds", [-3600.0, 86_400.0])
def test_so_does_one_that_was_set_while_nobody_ran(
    lab: Lab, disk: SameTimes, seconds: float
) -> None:
    lab.write("a.csv")
    lab.push()
    lab.clock.set_back(seconds)
    disk.opened.clear()
    lab.push()
    assert disk.opened == []
    assert due_at(lab, "a.csv") == lab.clock.now_ns() + disk.write_back_ns()


def test_after_it_was_put_forward_while_nobody_ran_nothing_looks_old(
    lab: Lab, disk: SameTimes
) -> None:
    lab.clock.advance(30 * 86_400)
    lab.write("before.csv")
    lab.push()
    assert due_at(lab, "before.csv") is None
    lab.write("stored to.csv")
    lab.clock.set_back(-3600)
    lab.push()
    assert due_at(lab, "stored to.csv") == lab.clock.now_ns() + disk.write_back_ns()


# Reading again


def test_equal_content_ends_it(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    assert isinstance(lab.decision("a.csv"), Recheck)
    disk.opened.clear()
    result = lab.push()
    assert disk.opened == ["a.csv"]
    assert (result.uploaded, result.bytes) == (0, 0)
    assert due_at(lab, "a.csv") is None
    assert state(lab) == (1, 0)
    lab.clock.advance(3600)
    lab.push()
    assert disk.opened == ["a.csv"]


def test_other_content_is_sent_and_said_once(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    disk.content["a.csv"] = NEW
    lab.clock.advance(WRITE_BACK_S + 1)
    result = lab.push()
    assert result.uploaded == 1
    assert lab.remote == {"a.csv": NEW}
    version = lab.record("a.csv").synced
    assert version is not None
    assert version.sha256 == hashlib.sha256(NEW).digest()
    events = lab.journal.history.recent(10)
    assert [event.kind for event in events] == [
        HistoryKind.UPLOADED,
        HistoryKind.FOUND_CHANGED,
        HistoryKind.UPLOADED,
    ]


def test_what_was_stored_to_unseen_is_read_once_more_after_it_was_sent(
    lab: Lab, disk: SameTimes
) -> None:
    lab.clock.advance(30 * 86_400)
    lab.write("a.csv", OLD)
    lab.push()
    lab.engine.rechecks.closed(lab.mapping, ["a.csv"])
    disk.content["a.csv"] = NEW
    lab.clock.advance(WRITE_BACK_S + 1)
    lab.push()
    assert lab.remote == {"a.csv": NEW}
    assert due_at(lab, "a.csv") is not None  # though its times are old
    lab.clock.advance(WRITE_BACK_S + 1)
    lab.push()
    assert due_at(lab, "a.csv") is None


def test_a_change_found_and_not_sent_yet_is_not_in_sync(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    disk.content["a.csv"] = NEW
    lab.clock.advance(WRITE_BACK_S + 1)
    found = list(lab.engine.rechecks.run(lab.mapping))
    assert [file.path for file in found] == ["a.csv"]
    assert isinstance(lab.decision("a.csv"), Upload)
    assert lab.decision("a.csv").state is State.PENDING


def test_a_comparison_that_meets_a_store_unseen_sends_it(lab: Lab, disk: SameTimes) -> None:
    """The server still has what was sent, and the file has not: its signature vouches no more."""
    lab.write("a.csv", OLD)
    lab.server.tells_its_time = False
    lab.push()
    disk.content["a.csv"] = NEW
    with lab.journal._database.writing() as connection:
        connection.execute(
            "UPDATE file SET synced_modified_at = NULL, synced_not_before = 1, synced_not_after = 2"
        )
    lab.push()
    assert lab.remote == {"a.csv": NEW}


def test_a_version_replaced_meanwhile_is_not_read_again(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    lab.write("a.csv", NEW + b"!")
    disk.opened.clear()
    result = lab.push()
    assert result.uploaded == 1
    assert disk.opened == ["a.csv"]  # to send it
    assert lab.remote == {"a.csv": NEW + b"!"}


def test_a_file_that_changes_while_it_is_read_is_looked_at_again(lab: Lab, disk: SameTimes) -> None:
    place = lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)

    def change(_path: str) -> None:
        disk.reading = lambda _path: None
        place.write_bytes(NEW + b"!")

    disk.reading = change
    lab.push()
    assert lab.remote == {"a.csv": NEW + b"!"}


def test_a_close_during_the_reading_has_it_read_once_more(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.reading = lambda path: lab.engine.rechecks.closed(lab.mapping, [path])
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert due_at(lab, "a.csv") == lab.clock.now_ns() + disk.write_back_ns()


def test_a_close_plans_it_and_a_further_one_does_not_put_it_off(lab: Lab, disk: SameTimes) -> None:
    lab.clock.advance(30 * 86_400)
    lab.write("a.csv", OLD)
    lab.push()
    closed_ns = lab.clock.now_ns()
    lab.engine.rechecks.closed(lab.mapping, ["a.csv", "unknown.csv"])
    assert due_at(lab, "a.csv") == closed_ns + disk.write_back_ns()
    lab.clock.advance(40)
    lab.engine.rechecks.closed(lab.mapping, ["a.csv"])
    lab.clock.advance(WRITE_BACK_S - 39)
    assert isinstance(lab.decision("a.csv"), Recheck)


def test_a_close_of_a_changed_file_plans_nothing(lab: Lab, disk: SameTimes) -> None:
    lab.clock.advance(30 * 86_400)
    lab.write("a.csv", OLD)
    lab.push()
    lab.write("a.csv", NEW + b"!")
    lab.scan()
    lab.engine.rechecks.closed(lab.mapping, ["a.csv"])
    assert due_at(lab, "a.csv") is None
    assert disk.content == {}


def test_one_that_cannot_be_read_is_not_in_sync_until_it_can(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.error = OSError(5, "Input/output error")
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert lab.decision("a.csv").state is State.FAILED
    summary = summarize(lab.journal, lab.mapping, lab.clock.now_ns())
    assert not summary.complete
    assert [p.state for p in summary.problems] == [State.FAILED]
    disk.error = None
    lab.clock.advance(60)
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert state(lab) == (1, 0)
    assert summarize(lab.journal, lab.mapping, lab.clock.now_ns()).complete


def test_one_that_is_never_as_it_was_seen_has_failed(lab: Lab, disk: SameTimes) -> None:
    """No look shows a change, and still it is not what was hashed."""
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.shown_size = 7
    for _ in range(ENOUGH - 1):
        assert [file.path for file in lab.engine.rechecks.run(lab.mapping)] == ["a.csv"]
        lab.scan()
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    step = lab.decision("a.csv")
    assert (step.state, step.reason) == (State.FAILED, Reason.IN_VAIN)
    disk.shown_size = None
    lab.clock.advance(60)
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert state(lab) == (1, 0)


def test_nothing_is_read_again_in_a_pause(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.journal.pauses.pause("lab", lab.clock.now_ns(), None)
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.opened.clear()
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert disk.opened == []
    assert list(lab.engine.rechecks.run(lab.mapping, at_once=True)) == []
    assert disk.opened == ["a.csv"]


def test_a_file_under_way_elsewhere_is_left_alone(lab: Lab, disk: SameTimes) -> None:
    lab.write("a.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.opened.clear()
    lab.queue.claim(lab.record("a.csv").id)
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert disk.opened == []


def test_a_file_whose_disk_hangs_is_left_and_stays_claimed(lab: Lab, disk: SameTimes) -> None:
    lab.write("a")
    lab.write("b")
    lab.push()
    lab.clock.advance(WRITE_BACK_S)
    errands = Errands(lab.clock, own_threads=True)
    shared = Shared(lab.journal, lab.clock, RateLimit(None, lab.clock), errands)
    queue = shared.queue
    engine = Engine([lab.mapping], lab.server, shared, disk=disk)
    let_go, hung, ids = threading.Event(), list[str](), {lab.record(path).id for path in "ab"}

    def hang(path: str) -> None:
        hung.append(path)
        lab.clock.advance(UNANSWERED_S + 1)
        assert let_go.wait(HANG_S)

    disk.reading = hang
    assert list(engine.rechecks.run(lab.mapping)) == []
    [path] = hung
    engine.note_hangs()
    assert lab.journal.hangs.of(lab.mapping.name).keys() == {path}
    assert isinstance(lab.decision(path), InSync)
    assert not queue.claim(lab.record(path).id)
    assert queue.claim(*(ids - {lab.record(path).id}))
    let_go.set()
    wait_until(lambda: not errands.anything_hangs, "it answers")
    assert queue.claim(lab.record(path).id)
    assert due_at(lab, path) is not None, "what came too late does not count"


def test_a_push_of_one_path_reads_only_that_again(lab: Lab, disk: SameTimes) -> None:
    lab.write("a/x.csv", OLD)
    lab.write("b/y.csv", OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.opened.clear()
    lab.push("a")
    assert disk.opened == ["a/x.csv"]
    assert state(lab) == (2, 1)


def test_it_stops_when_it_is_told_and_keeps_what_it_found(lab: Lab, disk: SameTimes) -> None:
    for name in ("a", "b", "c"):
        lab.write(name, OLD)
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    disk.opened.clear()
    assert list(lab.engine.rechecks.run(lab.mapping, stop=lambda: len(disk.opened) > 1)) == []
    assert len(disk.opened) == 2
    assert state(lab) == (3, 2)


def test_reading_keeps_to_its_rate(lab: Lab, disk: SameTimes) -> None:
    lab.write("big.dat", bytes(1 << 20))
    lab.push()
    lab.clock.advance(WRITE_BACK_S + 1)
    lab.engine.rechecks._rate.bytes_per_s = float(1 << 18)
    before = lab.clock.monotonic()
    assert list(lab.engine.rechecks.run(lab.mapping)) == []
    assert lab.clock.monotonic() - before == pytest.approx(4, abs=0.2)
    assert disk.opened[-1] == "big.dat"
