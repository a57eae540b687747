"""What stands on the server is not what was sent: gone back, put back, never kept, or by others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aqsync.local.disk import OpenFile, RealDisk, Seen
from aqsync.model import (
    EntryKind,
    Finding,
    FoundDifferent,
    Hold,
    InSync,
    Reason,
    State,
    Upload,
)
from aqsync.sync.engine import Engine
from aqsync.sync.planner import RESENDS_AFTER_NS
from aqsync.sync.retry import set_free
from aqsync.sync.uploader import SMALL
from tests.support.fake_server import StoredFile
from tests.support.lab import EID, Killed, Lab
from tests.support.stepping import shared_by

DAY_S = 24 * 3600.0
OLD, NEW, OURS, THEIRS = b"old version", b"a new version", b"what we have", b"what they have"


def backup(lab: Lab) -> Callable[[], None]:
    """Take a backup of the experiment's files; returns what restores it, times and all."""
    files = dict(lab.server.of(EID).files)

    def restore() -> None:
        lab.server.of(EID).files.clear()
        lab.server.of(EID).files.update(files)

    return restore


def two_versions(lab: Lab, old: bytes = OLD, new: bytes = NEW) -> Callable[[], None]:
    """Push a file twice; returns what puts the older version back on the server."""
    lab.write("a", old)
    lab.push()
    restore = backup(lab)
    lab.clock.advance(60)
    lab.write("a", new)
    lab.push()
    assert lab.remote == {"a": new}
    return restore


def test_a_server_restored_from_a_backup_gets_the_newer_version_again(lab: Lab) -> None:
    restore = two_versions(lab)
    restore()
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": NEW}
    assert isinstance(lab.decision("a"), InSync)


def test_so_it_does_after_a_restart_with_the_same_journal(lab: Lab) -> None:
    restore = two_versions(lab)
    restore()
    lab.reopen()
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": NEW}


def test_until_it_is_compared_the_older_version_is_not_in_sync(lab: Lab) -> None:
    restore = two_versions(lab)
    restore()
    lab.engine.refresh({EID})
    assert lab.decision("a").state is State.PENDING


def test_a_restore_that_changes_every_time_sends_nothing(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.write("b", NEW)
    lab.push()
    for name, content in lab.remote.items():
        lab.server.put(EID, name, content)
    result = lab.push()
    assert (result.uploaded, result.adopted) == (0, 2)
    assert lab.push().adopted == 0
    assert {type(lab.decision(path)) for path in ("a", "b")} == {InSync}


def test_what_was_once_sent_again_is_waited_for_like_any_other_file(lab: Lab) -> None:
    restore = two_versions(lab)
    restore()
    assert lab.push().uploaded == 1
    lab.clock.advance(60)
    lab.write("a", OURS, age_s=0)
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": OURS}


def test_an_upload_that_completes_late_is_replaced(lab: Lab) -> None:
    """A proxy sends the old version on when the newer one is there already."""
    lab.write("a", OLD)
    lab.push()
    lab.write("a", NEW)
    lab.push()
    lab.server.put(EID, "a", OLD)
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": NEW}


def test_so_is_one_whose_answer_never_came(lab: Lab) -> None:
    """It was about to be sent when the connection broke, and arrived after the next version."""

    def break_off() -> None:
        lab.server.of(EID).files.clear()
        raise Killed

    lab.write("a", OLD)
    lab.server.after["upload"] = break_off
    with pytest.raises(Killed):
        lab.push()
    del lab.server.after["upload"]
    lab.write("a", NEW)
    lab.push()
    assert lab.remote == {"a": NEW}
    lab.server.put(EID, "a", OLD)
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": NEW}


def test_so_is_the_first_of_two_whose_answers_never_came(lab: Lab) -> None:
    """The second was tried again and arrived; of the first only the table of versions knows."""

    def break_off() -> None:
        lab.server.of(EID).files.clear()
        raise Killed

    lab.server.after["upload"] = break_off
    for content in (OLD, NEW):
        lab.write("a", content)
        with pytest.raises(Killed):
            lab.push()

    def arrive() -> None:
        del lab.server.after["upload"]
        lab.server.put(EID, "a", OLD)

    lab.server.after["upload"] = arrive
    lab.push()
    lab.push()
    assert lab.remote == {"a": NEW}


def test_two_that_put_their_own_version_back_do_not_go_on_for_ever(lab: Lab) -> None:
    restore = two_versions(lab)
    for pause_s in (0, 60, 600):
        restore()
        lab.push()
        lab.clock.advance(pause_s)
        assert lab.push().uploaded == (1 if pause_s else 0)
        assert lab.remote == {"a": NEW}
    restore()
    assert lab.push().uploaded == 0
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert step.state is State.DIFFERS
    assert lab.push().uploaded == 0
    lab.clock.advance(DAY_S)
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": NEW}


def test_a_version_of_others_differs_until_a_person_decides(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.push()
    lab.server.put(EID, "a", THEIRS)
    assert lab.push().uploaded == 0
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert step.state is State.DIFFERS
    assert step.overwritable
    compared = lab.server.called("download")
    assert lab.push().uploaded == 0
    assert lab.server.called("download") == compared, "it is compared once"
    assert lab.push(overwrite=True).uploaded == 1
    assert lab.remote == {"a": OURS}
    assert isinstance(lab.decision("a"), InSync)


def test_a_version_of_others_is_never_removed_for_what_was_sent_before(lab: Lab) -> None:
    restore = two_versions(lab)
    lab.configure(on_local_delete="remove", remove_share=1.0)
    restore()
    (lab.root / "a").unlink()
    lab.push()
    lab.clock.advance(60)
    assert lab.push().removed == 0
    assert lab.remote == {"a": OLD}


def test_what_is_compared_while_only_the_size_differs_is_not_read(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.push()
    lab.server.put(EID, "a", OURS + b"and more")
    lab.push()
    assert lab.decision("a").state is State.DIFFERS


# Never listed


def lose(lab: Lab, name: str) -> Callable[[], None]:
    def act() -> None:
        lab.server.of(EID).files.pop(name, None)

    return act


def test_an_upload_that_the_server_loses_at_once_is_sent_again(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.server.after["upload"] = lose(lab, "a")
    lab.push()
    del lab.server.after["upload"]
    assert lab.decision("a").state is State.WAITING
    lab.clock.advance(60)
    lab.push()
    assert lab.remote == {"a": OURS}


def test_a_person_need_not_wait_for_what_is_sent_again(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.server.after["upload"] = lose(lab, "a")
    lab.push()
    del lab.server.after["upload"]
    freed = set_free(
        lab.journal, [lab.mapping], [lab.root / "a"], lab.clock.now_ns(), accept_roots=False
    )
    assert freed == 1
    lab.push()
    assert lab.remote == {"a": OURS}


def test_what_the_server_never_keeps_is_held_after_some_attempts(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.server.after["upload"] = lose(lab, "a")
    for _ in range(4):
        lab.push()
        lab.clock.advance(600)
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert "does not have it" in step.message
    assert len(lab.server.called("upload")) == 1 + len(RESENDS_AFTER_NS)
    del lab.server.after["upload"]
    lab.journal.outcomes.retry([lab.record("a").id])
    lab.push()
    assert lab.remote == {"a": OURS}


def test_a_changed_file_that_was_never_listed_is_sent(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.server.after["upload"] = lose(lab, "a")
    lab.push(wait_for_settling=False)
    del lab.server.after["upload"]
    lab.write("a", NEW)
    lab.clock.advance(60)
    lab.push()
    assert lab.remote == {"a": NEW}


def test_what_was_listed_and_is_missing_was_removed_by_somebody(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.push()
    lose(lab, "a")()
    lab.push()
    assert lab.decision("a").message == "removed on the server"
    assert lab.remote == {}


# Memory


def test_a_growing_file_needs_no_memory(lab: Lab) -> None:
    lab.write("log", b"1\n")
    lab.push()
    lab.write("log", b"1\n2\n")
    lab.reopen(lose_journal=True)
    assert lab.push().uploaded == 1
    assert lab.remote == {"log": b"1\n2\n"}


@pytest.mark.parametrize("theirs", [b"", b"2\n", b"1\n3\n", b"1\n2\n3\n"])
def test_only_a_beginning_that_is_not_empty_is_replaced(lab: Lab, theirs: bytes) -> None:
    lab.server.put(EID, "log", theirs)
    lab.write("log", b"1\n2\n")
    assert lab.push().uploaded == 0
    assert lab.remote == {"log": theirs}
    assert lab.decision("log").state is State.HELD


def test_a_beginning_on_the_server_differs_where_nothing_has_changed_here(lab: Lab) -> None:
    lab.write("log", b"1\n2\n")
    lab.push()
    lab.server.put(EID, "log", b"1\n")
    assert lab.push().uploaded == 0
    assert lab.decision("log").state is State.DIFFERS


def test_a_beginning_counts_for_just_the_version_that_was_compared(lab: Lab) -> None:
    lab.server.put(EID, "log", b"1\n")
    lab.write("log", b"1\n2\n")
    lab.scan()
    lab.engine.refresh({EID})
    compare(lab, "log")
    found = lab.record("log").comparison
    assert found is not None
    assert found.finding is Finding.BEGINNING
    assert isinstance(lab.decision("log"), Upload)
    lab.write("log", b"another")
    assert lab.push().uploaded == 0
    assert lab.remote == {"log": b"1\n"}


@pytest.mark.parametrize("rest", [b"2\n", bytes(SMALL + 1)], ids=["small", "large"])
def test_a_file_that_no_longer_begins_so_is_a_conflict_though_no_time_shows_it(
    lab: Lab, rest: bytes
) -> None:
    """As with a store through mmap: the signature is the same, the content is not."""
    lab.server.put(EID, "log", b"1\n")
    place = lab.write("log", b"1\n" + rest)
    lab.scan()
    lab.engine.refresh({EID})
    compare(lab, "log")
    file, step = lab.record("log"), lab.decision("log")
    assert isinstance(step, Upload)
    assert file.local is not None
    disk = UnseenStores((EntryKind.FILE, *file.local.own))
    shared = shared_by(lab.journal, lab.clock)
    engine = Engine([lab.mapping], lab.server, shared, disk=disk)
    job = engine.job(file, step)
    assert job is not None
    place.write_bytes(b"3\n" + rest)
    assert isinstance(engine.perform(job), FoundDifferent)
    assert lab.remote == {"log": b"1\n"}
    end = lab.decision("log")  # what was learned must count: else it would be tried for ever
    assert isinstance(end, Hold)
    assert end.reason is Reason.CONFLICT_NAME_TAKEN


class UnseenStores(RealDisk):
    """A disk on which a file has one signature, whatever is stored in it."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def look(self, root: Path, path: str) -> Seen:
        del root, path
        return self._seen

    def open(self, root: Path, path: str) -> OpenFile:
        file = super().open(root, path)
        file.look = lambda: self._seen  # type: ignore[method-assign]  # so it is with mmap
        return file


def compare(lab: Lab, path: str) -> None:
    step = lab.decision(path)
    assert not isinstance(step, Hold | InSync | Upload)
    job = lab.engine.job(lab.record(path), step)  # type: ignore[arg-type]  # it compares
    assert job is not None
    lab.engine.perform(job)


def test_a_renamed_mapping_knows_what_was_sent_under_its_old_name(lab: Lab) -> None:
    two_versions(lab)
    lab.configure(name="renamed")
    lab.write("a", b"rewritten")
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": b"rewritten"}


def test_an_ignore_file_that_was_wrong_for_a_moment_makes_no_conflict(lab: Lab) -> None:
    two_versions(lab)
    (lab.root / ".aqsyncignore").write_text("*\n")
    lab.push()
    assert lab.find("a") is None
    (lab.root / ".aqsyncignore").unlink()
    lab.write("a", b"rewritten")
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": b"rewritten"}


def test_a_file_that_leads_elsewhere_and_back_makes_no_conflict(lab: Lab) -> None:
    two_versions(lab)
    lab.configure(prefix="other")
    lab.push()
    lab.configure()
    lab.write("a", b"rewritten")
    lab.push()
    assert lab.remote["a"] == b"rewritten"


def test_versions_of_another_experiment_are_no_excuse(lab: Lab) -> None:
    """An EID that is given again is another experiment, though files have the same names."""
    two_versions(lab)
    lab.server.remove(EID)
    lab.server.add(EID)
    lab.server.put(EID, "a", OLD)
    lab.push()
    assert lab.remote == {"a": OLD}
    assert lab.decision("a").state is State.HELD


def test_of_each_name_the_newest_versions_are_remembered(lab: Lab) -> None:
    for number in range(40):
        lab.write("a", b"version %d" % number)
        lab.push()
    known = lab.journal.versions.of(EID, "a")
    assert 20 <= len(known) <= 40
    lab.server.of(EID).files["a"] = StoredFile(b"version 0", "2026-11-23T10:00:00+00:00")
    lab.push()
    assert lab.decision("a").state is State.DIFFERS, "so long ago is forgotten"
    lab.server.of(EID).files["a"] = StoredFile(b"version 30", "2026-11-23T10:00:01+00:00")
    lab.push()
    assert lab.remote == {"a": b"version 39"}


def test_past_versions_are_pruned_oldest_first(lab: Lab) -> None:
    for number in range(6):
        lab.write("a", b"version %d" % number)
        lab.push()
    before = lab.journal.versions.of(EID, "a")
    assert lab.journal.versions.prune(2) == len(before) - 3
    assert len(lab.journal.versions.of(EID, "a")) == 3


def test_a_version_that_stood_there_just_before_an_upload_does_not_pass_for_it(lab: Lab) -> None:
    """The server says that it stored the new version, and goes on to have the old one."""
    lab.write("a", OLD)
    lab.push()
    old = lab.server.of(EID).files["a"]
    lab.write("a", NEW)

    def forget() -> None:
        lab.server.after.clear()
        lab.server.of(EID).files["a"] = old

    lab.server.after["upload"] = forget
    lab.push()
    assert lab.remote == {"a": NEW}
    assert len(lab.server.called("upload")) == 3


def test_what_is_stored_between_list_and_comparison_does_not_pass_for_what_was_listed(
    lab: Lab,
) -> None:
    """Else the version that was listed would be taken for ours when it is put back."""
    lab.write("a", OURS)
    lab.server.put(EID, "a", THEIRS)
    restore = backup(lab)
    lab.scan()
    lab.engine.refresh({EID})
    lab.clock.advance(5)
    lab.server.put(EID, "a", OURS)
    compare(lab, "a")
    assert lab.record("a").synced is None
    lab.push()
    assert isinstance(lab.decision("a"), InSync)
    restore()
    lab.push()
    assert lab.decision("a").state is State.DIFFERS


def test_an_upload_without_an_answer_may_arrive_after_the_one_that_made_up_for_it(
    lab: Lab,
) -> None:
    """It was sent again and answered, the file changed and was sent, and then the first came."""

    def break_off() -> None:
        lab.server.of(EID).files.clear()
        raise Killed

    lab.write("a", OLD)
    lab.server.after["upload"] = break_off
    with pytest.raises(Killed):
        lab.push()
    del lab.server.after["upload"]
    lab.push()
    assert lab.remote == {"a": OLD}
    lab.write("a", NEW)

    def the_first_arrives() -> None:
        lab.server.after.clear()
        lab.server.put(EID, "a", OLD)

    lab.server.after["upload"] = the_first_arrives
    lab.push()
    assert lab.remote == {"a": NEW}
