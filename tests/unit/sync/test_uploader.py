"""One job in, one outcome out."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aqsync.errors import (
    AqsyncError,
    BadAnswer,
    ExperimentNotFound,
    Forbidden,
    HeaderDropped,
    Interrupted,
    JournalDiskFull,
    NameNotSendable,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from aqsync.local.disk import seen_in
from aqsync.local.reader import CHUNK
from aqsync.model import (
    Adopted,
    ChangedMeanwhile,
    Compare,
    Failed,
    FileRecord,
    FoundDifferent,
    FoundOurOwn,
    Outcome,
    Reason,
    Removed,
    RemoveRemote,
    SentVersion,
    Signature,
    Touched,
    Upload,
    Uploaded,
    explain_error,
)
from aqsync.sync.jobs import Job
from aqsync.sync.rate import RateLimit
from aqsync.sync.uploader import SMALL
from tests.support.fake_clock import SECOND_NS
from tests.support.lab import EID, Lab, new_uploader
from tests.support.permissions import bound_by_permissions
from tests.support.reasons import said

NEW = Upload(said("new"), 0, replaces=False)
AGAIN = Upload(said("changed"), 0, replaces=True)
COMPARE = Compare(said("taken"), 0)
REMOVE = RemoveRemote(said("deleted here"), 0)
SIZES = [0, 1, CHUNK, SMALL, SMALL + 1]


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def signature(place: Path) -> Signature:
    return Signature(*seen_in(place.stat())[1:])


def job(lab: Lab, path: str, step: Upload | Compare | RemoveRemote) -> Job:
    return Job(lab.record(path), step, lab.root, lab.server.of(EID).uuid)


def do(lab: Lab, path: str, step: Upload | Compare | RemoveRemote) -> Outcome:
    """Do a job, and record what came of it."""
    file = lab.record(path)
    outcome = new_uploader(lab).do(job(lab, path, step))
    lab.journal.outcomes.record(file, outcome, lab.clock.now_ns())
    return outcome


def seen(lab: Lab, path: str = "a", content: bytes = b"content") -> FileRecord:
    """A file that was written and scanned, with the server's list as it is now."""
    lab.write(path, content)
    lab.scan()
    lab.engine.refresh([EID])
    return lab.record(path)


# Uploading


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_sent_whole(lab: Lab, size: int) -> None:
    content = os.urandom(size)
    seen(lab, "run/a", content)
    outcome = do(lab, "run/a", NEW)
    assert isinstance(outcome, Uploaded)
    assert outcome.signature == signature(lab.root / "run/a")
    assert outcome.sha256 == sha(content)
    assert lab.remote == {"run~a": content}
    assert lab.record("run/a").sent is None


def test_the_bounds_of_its_time_on_the_servers_clock(lab: Lab) -> None:
    lab.server.clock_ahead_s = 7200
    lab.server.troubles["upload"].append(lambda: lab.clock.advance(20))
    seen(lab)
    outcome = do(lab, "a", NEW)
    assert isinstance(outcome, Uploaded)
    assert outcome.accepted_between is not None
    earliest, latest = outcome.accepted_between
    end = lab.clock.now_ns() / SECOND_NS + 7200
    assert end - 20 - 4 < earliest < end - 20
    assert end < latest < end + 20 + 2.2


def test_a_server_that_does_not_tell_its_time(lab: Lab) -> None:
    lab.server.tells_its_time = False
    seen(lab)
    outcome = do(lab, "a", NEW)
    assert isinstance(outcome, Uploaded)
    assert outcome.accepted_between is None


@pytest.mark.parametrize("size", [0, 10, SMALL + 1])
def test_the_journal_knows_the_digest_before_the_last_bytes_go(lab: Lab, size: int) -> None:
    content = os.urandom(size)
    seen(lab, content=content)
    lab.server.after["upload"] = raiser(ServerUnreachable("the answer is lost"))
    with pytest.raises(ServerUnreachable):
        do(lab, "a", NEW)
    assert lab.remote == {"a": content}
    assert lab.record("a").sent == SentVersion(sha(content), size)


def raiser(exc: Exception) -> Callable[[], None]:
    def act() -> None:
        raise exc

    return act


def test_a_full_journal_keeps_the_last_bytes_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(lab, content=os.urandom(SMALL + 1))

    def full(*_: object, **__: object) -> None:
        raise JournalDiskFull("full")

    monkeypatch.setattr(lab.journal.outcomes, "about_to_send", full)
    with pytest.raises(JournalDiskFull):
        do(lab, "a", NEW)
    assert lab.remote == {}


@pytest.mark.parametrize("size", [0, 10, SMALL + 1])
def test_what_nobody_would_remember_is_not_sent(lab: Lab, size: int) -> None:
    seen(lab, content=os.urandom(size))
    begun = job(lab, "a", NEW)
    lab.journal.observations.gone(lab.mapping_id, ["a"], lab.clock.now_ns())
    assert new_uploader(lab).do(begun) == ChangedMeanwhile()
    assert lab.remote == {}


CHANGES: list[tuple[str, Callable[[Path], object]]] = [
    ("vanished", lambda place: place.unlink()),
    ("grown", lambda place: os.truncate(place, 2 * SMALL)),
    ("cut", lambda place: os.truncate(place, 3)),
    ("rewritten", lambda place: place.write_bytes(b"another")),
    ("replaced", lambda place: Path(shutil.copy2(place, f"{place}2")).replace(place)),
    ("directory removed", lambda place: shutil.rmtree(place.parent)),
]


@pytest.mark.parametrize("size", [10, SMALL + 1])
@pytest.mark.parametrize("change", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
@pytest.mark.parametrize("step", [NEW, AGAIN, COMPARE])
def test_a_file_that_changed_before_its_turn_is_looked_at_again(
    lab: Lab, size: int, change: Callable[[Path], object], step: Upload | Compare
) -> None:
    content = os.urandom(size)
    lab.server.put(EID, "run~a", content)
    file = seen(lab, "run/a", content)
    change(lab.root / "run/a")
    assert do(lab, "run/a", step) == ChangedMeanwhile()
    assert lab.remote == {"run~a": content}
    assert lab.record("run/a") == file


@pytest.mark.parametrize("change", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_file_that_changes_on_its_way_never_arrives(
    lab: Lab, change: Callable[[Path], object]
) -> None:
    seen(lab, "run/a", os.urandom(SMALL + 1))
    lab.server.troubles["upload"].append(lambda: change(lab.root / "run/a"))
    assert do(lab, "run/a", NEW) == ChangedMeanwhile()
    assert lab.remote == {}
    assert lab.record("run/a").sent is None


def test_a_small_file_is_read_before_anything_is_sent(lab: Lab) -> None:
    seen(lab, content=b"before")
    lab.server.troubles["upload"].append(lambda: (lab.root / "a").write_bytes(b"later!"))
    outcome = do(lab, "a", NEW)
    assert isinstance(outcome, Uploaded)
    assert lab.remote == {"a": b"before"}
    assert outcome.sha256 == sha(b"before")
    assert lab.scan().changed == 1


# A file that was only touched


def synced(lab: Lab, content: bytes = b"content") -> None:
    seen(lab, content=content)
    do(lab, "a", NEW)
    lab.engine.refresh([EID])


def test_a_touched_file_is_not_sent_again(lab: Lab) -> None:
    synced(lab)
    before = lab.record("a").synced
    lab.write("a", b"content", age_s=7)
    lab.scan()
    assert do(lab, "a", AGAIN) == Touched(signature(lab.root / "a"), sha(b"content"))
    assert lab.server.called("upload") == ["a"]
    after = lab.record("a").synced
    assert before is not None
    assert after is not None
    assert (after.sequence, after.modified_at) == (before.sequence, before.modified_at)


@pytest.mark.parametrize("content", [b"CONTENT", b"longer content", b""])
def test_a_changed_file_is_sent_again(lab: Lab, content: bytes) -> None:
    synced(lab)
    lab.write("a", content)
    lab.scan()
    assert isinstance(do(lab, "a", AGAIN), Uploaded)
    assert lab.remote == {"a": content}


def test_what_a_person_wants_replaced_is_sent_though_it_is_as_it_was(lab: Lab) -> None:
    synced(lab)
    lab.server.put(EID, "a", b"theirs")
    lab.write("a", b"content", age_s=7)
    lab.scan()
    lab.engine.refresh([EID])
    lab.journal.outcomes.allow_replacing([lab.record("a")])
    assert isinstance(do(lab, "a", AGAIN), Uploaded)
    assert lab.remote == {"a": b"content"}


# Comparing


@pytest.mark.parametrize("size", SIZES)
def test_the_same_content_is_adopted(lab: Lab, size: int) -> None:
    content = os.urandom(size)
    modified_at = lab.server.put(EID, "a", content)
    seen(lab, content=content)
    assert do(lab, "a", COMPARE) == Adopted(signature(lab.root / "a"), sha(content), modified_at)


@pytest.mark.parametrize("theirs", [b"", b"CONTENT", b"content and more"])
def test_other_content_is_told(lab: Lab, theirs: bytes) -> None:
    modified_at = lab.server.put(EID, "a", theirs)
    seen(lab)
    assert do(lab, "a", COMPARE) == FoundDifferent(modified_at)


def test_another_size_is_told_without_a_download(lab: Lab) -> None:
    lab.server.put(EID, "a", bytes(10 * CHUNK))
    seen(lab)
    progress: list[int] = []
    uploader = new_uploader(lab)
    watched = replace(job(lab, "a", COMPARE), progress=progress.append)
    assert isinstance(uploader.do(watched), FoundDifferent)
    assert progress == []


def test_our_own_last_version_is_told(lab: Lab) -> None:
    synced(lab)
    modified_at = lab.server.put(EID, "a", b"content")
    lab.write("a", b"another")
    lab.scan()
    lab.engine.refresh([EID])
    assert do(lab, "a", COMPARE) == FoundOurOwn(7, sha(b"content"), modified_at)


def test_a_version_of_ours_whose_answer_was_lost_is_told(lab: Lab) -> None:
    seen(lab, content=b"first")
    lab.server.after["upload"] = raiser(ServerUnreachable("the answer is lost"))
    with pytest.raises(ServerUnreachable):
        do(lab, "a", NEW)
    lab.write("a", b"second one")
    lab.scan()
    lab.engine.refresh([EID])
    outcome = do(lab, "a", COMPARE)
    assert isinstance(outcome, FoundOurOwn)
    assert (outcome.size, outcome.sha256) == (5, sha(b"first"))


def test_a_file_that_vanishes_from_the_server_before_it_is_compared(lab: Lab) -> None:
    lab.server.put(EID, "a", b"content")
    seen(lab)
    del lab.server.of(EID).files["a"]
    outcome = do(lab, "a", COMPARE)
    assert isinstance(outcome, Failed)
    assert not outcome.permanent
    assert "vanished from the server" in outcome.message


# Removing


def removable(lab: Lab) -> None:
    """A synced file that is gone, beside one that is not."""
    lab.write("stays")
    synced(lab)
    (lab.root / "a").unlink()
    lab.scan()


def test_a_remote_copy_is_removed(lab: Lab) -> None:
    removable(lab)
    assert do(lab, "a", REMOVE) == Removed()
    assert lab.remote == {}
    assert lab.find("a") is None


def test_nothing_is_removed_of_a_file_that_came_back(lab: Lab) -> None:
    removable(lab)
    lab.write("a", b"again")
    assert do(lab, "a", REMOVE) == ChangedMeanwhile()
    assert lab.remote == {"a": b"content"}


def test_nothing_is_removed_when_the_root_is_another(lab: Lab, tmp_path: Path) -> None:
    removable(lab)
    lab.root.rename(tmp_path / "away")
    lab.root.mkdir()
    assert do(lab, "a", REMOVE) == ChangedMeanwhile()
    assert lab.remote == {"a": b"content"}


def test_nothing_is_removed_when_the_root_is_gone(lab: Lab, tmp_path: Path) -> None:
    removable(lab)
    lab.root.rename(tmp_path / "away")
    outcome = do(lab, "a", REMOVE)
    assert isinstance(outcome, Failed)
    assert "does not exist" in outcome.message
    assert lab.remote == {"a": b"content"}


def test_nothing_is_removed_when_its_directory_is_a_link_now(lab: Lab, tmp_path: Path) -> None:
    lab.write("stays")
    seen(lab, "run/a")
    do(lab, "run/a", NEW)
    (lab.root / "run").rename(tmp_path / "bigger-disk")
    (lab.root / "run").symlink_to(tmp_path / "bigger-disk")
    lab.scan()
    assert lab.record("run/a").local is None
    outcome = do(lab, "run/a", REMOVE)
    assert isinstance(outcome, Failed)
    assert "is a symbolic link now" in outcome.message
    assert lab.remote == {"run~a": b"content"}


def test_a_removal_whose_answer_is_lost_does_not_look_like_a_persons(lab: Lab) -> None:
    """Nor one that a kill kept from being recorded: the file that is back is sent again."""
    lab.configure(on_local_delete="remove")
    removable(lab)
    kill = Interrupted("killed")

    def broken_off() -> None:
        raise kill

    lab.server.after["remove_files"] = broken_off
    with pytest.raises(Interrupted):
        do(lab, "a", REMOVE)
    assert lab.remote == {}
    lab.server.after.clear()
    lab.reopen()
    lab.write("a", b"it is back")
    lab.push()
    assert lab.remote == {"a": b"it is back", "stays": b"data"}


def test_a_file_that_comes_back_while_its_copy_is_removed_is_sent_again(lab: Lab) -> None:
    removable(lab)

    def comes_back() -> None:
        lab.write("a", b"it is back")
        lab.scan()

    lab.server.after["remove_files"] = comes_back
    assert do(lab, "a", REMOVE) == Removed()
    lab.push()
    assert lab.remote == {"a": b"it is back", "stays": b"data"}


def test_a_copy_that_somebody_else_removed(lab: Lab) -> None:
    removable(lab)
    lab.server.of(EID).files.clear()
    outcome = do(lab, "a", REMOVE)
    assert isinstance(outcome, Failed)
    assert "File(s) not found" in outcome.message


# Errors: the file's own, and those of server and experiment

OF_THE_FILE: list[tuple[AqsyncError, bool]] = [
    (TransferRefused("too large", hint="smaller", status=413), True),
    (NameNotSendable("no such name", hint="rename"), True),
    (ServerFailed("500", hint="later"), False),
]


@pytest.mark.parametrize(("error", "permanent"), OF_THE_FILE)
def test_an_error_about_the_file_is_its_outcome(
    lab: Lab, error: AqsyncError, *, permanent: bool
) -> None:
    seen(lab)
    lab.server.troubles["upload"].append(error)
    assert do(lab, "a", NEW) == Failed(explain_error(error), permanent)


@pytest.mark.parametrize(
    "error",
    [
        ServerUnreachable("away"),
        BadAnswer("what?"),
        TokenRefused("no"),
        Forbidden("no"),
        HeaderDropped("proxy", status=422),
        ExperimentNotFound("where?"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("step", "call"), [(NEW, "upload"), (COMPARE, "download"), (REMOVE, "remove_files")]
)
def test_an_error_of_server_or_experiment_is_not_the_files(
    lab: Lab, error: AqsyncError, step: Upload | Compare | RemoveRemote, call: str
) -> None:
    removable(lab)
    if step is not REMOVE:
        seen(lab)
    before = lab.record("a")
    lab.server.troubles[call].append(error)
    with pytest.raises(type(error)):
        do(lab, "a", step)
    after = lab.record("a")
    assert replace(after, sent=None, removing=False) == replace(before, sent=None)


def test_a_file_that_may_not_be_read(lab: Lab) -> None:
    seen(lab)
    (lab.root / "a").chmod(0)
    lab.scan()
    with bound_by_permissions():
        outcome = do(lab, "a", NEW)
    place = lab.root / "a"
    hint = "let the user that aqsync runs as read it"
    assert outcome == Failed(
        said(f"{place} cannot be read: Permission denied", hint, Reason.FILE_UNREADABLE),
        permanent=False,
    )


def test_a_file_of_any_name_that_may_not_be_read(lab: Lab) -> None:
    name = os.fsdecode(b"bad-\xff")
    seen(lab, name)
    (lab.root / name).chmod(0)
    lab.scan()
    with bound_by_permissions():
        do(lab, name, NEW)
    failure = lab.record(name).failure
    assert failure is not None
    assert "bad-\\udcff cannot be read" in failure.message


# Progress and breaking off


def test_progress_counts_every_byte(lab: Lab) -> None:
    progress: list[int] = []
    uploader = new_uploader(lab)
    seen(lab, content=bytes(SMALL + 1))
    uploader.do(replace(job(lab, "a", NEW), progress=progress.append))
    assert sum(progress) == SMALL + 1
    lab.engine.refresh([EID])
    progress.clear()
    uploader.do(replace(job(lab, "a", COMPARE), progress=progress.append))
    assert sum(progress) == SMALL + 1


@pytest.mark.parametrize("step", [NEW, AGAIN, COMPARE])
def test_an_aborted_job_leaves_no_mark(lab: Lab, step: Upload | Compare) -> None:
    content = bytes(4 * SMALL + 1)
    if step is COMPARE:
        lab.server.put(EID, "a", content)
    if step is AGAIN:
        synced(lab, content)
        lab.write("a", content, age_s=7)
    before = seen(lab, content=content)
    remote = dict(lab.remote)
    asked: list[int] = []

    def aborted() -> bool:
        asked.append(1)
        return len(asked) == 2

    uploader = new_uploader(lab, aborted=aborted)
    with pytest.raises(Interrupted):
        uploader.do(job(lab, "a", step))
    assert lab.remote == remote
    # What was read ahead may be noted as about to go; that it did is for a comparison to find.
    assert replace(lab.record("a"), sent=None) == replace(before, sent=None)


# The rate


def test_what_is_sent_and_what_is_compared_keeps_to_the_rate(lab: Lab) -> None:
    rate = RateLimit(100_000.0, lab.clock)
    uploader = new_uploader(lab, rate=rate)
    content = os.urandom(SMALL)
    seen(lab, content=content)
    told: list[int] = []
    began = lab.clock.monotonic()
    outcome = uploader.do(replace(job(lab, "a", NEW), progress=told.append))
    assert isinstance(outcome, Uploaded)
    assert lab.remote == {"a": content}
    assert lab.clock.monotonic() - began == pytest.approx(10.5, abs=0.2)
    assert max(told) == 50_000  # what goes in half a second
    assert sum(told) == SMALL

    began = lab.clock.monotonic()
    lab.server.put(EID, "b", content)
    seen(lab, "b", content)
    outcome = uploader.do(job(lab, "b", COMPARE))
    assert isinstance(outcome, Adopted)
    assert lab.clock.monotonic() - began == pytest.approx(10.5, abs=0.2)


def test_what_is_only_read_here_knows_no_rate(lab: Lab) -> None:
    content = os.urandom(SMALL)
    seen(lab, content=content)
    assert isinstance(do(lab, "a", NEW), Uploaded)
    lab.write("a", content, age_s=10)
    lab.scan()
    uploader = new_uploader(lab, rate=RateLimit(1024.0, lab.clock))
    began = lab.clock.monotonic()
    assert isinstance(uploader.do(job(lab, "a", AGAIN)), Touched)
    assert lab.clock.monotonic() == began


def test_an_abort_ends_the_wait_for_ones_turn(lab: Lab) -> None:
    at = lab.clock.monotonic() + 3
    uploader = new_uploader(
        lab,
        aborted=lambda: lab.clock.monotonic() >= at,
        rate=RateLimit(1024.0, lab.clock),
    )
    seen(lab, content=os.urandom(SMALL))
    with pytest.raises(Interrupted):
        uploader.do(job(lab, "a", NEW))
    assert lab.clock.monotonic() - at <= 0.5  # a piece of half a second is under way
    assert lab.remote == {}
