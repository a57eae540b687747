"""A renamed file: its old copy goes when the new one is there, and not before."""

from __future__ import annotations

import shutil

import pytest

from aqsync.errors import TransferRefused
from aqsync.model import Hold, InSync, Reason, RemoveRemote, Uploaded, Wait
from tests.support.harness import Harness
from tests.support.lab import EID, Lab


@pytest.fixture
def removing(lab: Lab) -> Lab:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    for name in ("old", "other"):
        lab.write(name, f"the content of {name}".encode())
    lab.push()
    assert lab.remote.keys() == {"old", "other"}
    return lab


def copies(lab: Lab) -> list[set[str]]:
    """What is on the server before each removal."""
    found: list[set[str]] = []
    lab.server.troubles["remove_files"].append(lambda: found.append(set(lab.remote)))
    return found


def test_a_push_sends_the_new_name_first(removing: Lab) -> None:
    before = copies(removing)
    (removing.root / "old").rename(removing.root / "new")
    result = removing.push()
    assert before == [{"old", "new", "other"}]
    assert removing.remote.keys() == {"new", "other"}
    assert (result.uploaded, result.removed) == (1, 1)


def test_a_daemon_does_too(removing: Lab) -> None:
    harness = Harness(removing)
    harness.run(3)
    before = copies(removing)
    (removing.root / "old").rename(removing.root / "new")
    harness.working = False
    harness.hint("old", "new")
    harness.run(30)
    step = removing.decision("old")
    assert isinstance(step, Wait)
    assert step.message == "perhaps renamed to new, which is not on the server yet"
    assert harness.pool.begun == ["new"]
    harness.working = True
    harness.run(90)
    assert before == [{"old", "new", "other"}]
    assert removing.remote.keys() == {"new", "other"}


def test_a_daemon_does_too_when_the_clock_is_set_back_meanwhile(removing: Lab) -> None:
    removing.configure(on_local_delete="remove", remove_share=1.0, settle=0.2)
    harness = Harness(removing)
    harness.run(3)
    harness.working = False
    harness.write("third", age_s=3600)
    harness.run(0.1)
    removing.clock.set_back(60)
    (removing.root / "old").rename(removing.root / "new")
    harness.hint("old", "new")
    harness.run(0.5)
    step = removing.decision("old")
    assert isinstance(step, Wait)
    assert step.reason is Reason.PERHAPS_RENAMED
    assert harness.pool.begun == ["third", "new"]


def test_a_daemon_does_too_when_no_list_has_shown_the_old_name(removing: Lab) -> None:
    """The list that it waits for shows that there is something to remove."""
    removing.configure(on_local_delete="remove", remove_share=1.0, settle=0.2)
    harness = Harness(removing)
    harness.run(3)
    harness.write("third", age_s=3600)
    harness.run(3.5)
    harness.working = False
    (removing.root / "third").rename(removing.root / "new")
    harness.hint("third", "new")
    harness.run(0.5)
    assert isinstance(removing.decision("third"), Wait)
    assert harness.pool.begun == ["third", "new"]


def test_a_daemon_does_too_when_the_new_name_is_seen_later(removing: Lab) -> None:
    removing.configure(on_local_delete="remove", remove_share=1.0, settle=1.5)
    harness = Harness(removing)
    harness.run(3)
    harness.working = False
    (removing.root / "old").rename(removing.root.parent / "aside")
    harness.hint("old")
    harness.run(1.1)
    harness.write("third", age_s=3600)
    harness.run(0.1)
    (removing.root.parent / "aside").rename(removing.root / "new")
    harness.hint("new")
    harness.run(0.7)
    assert isinstance(removing.decision("old"), Wait)
    assert harness.pool.begun == ["third", "new"]


def test_a_daemon_looks_at_the_newest_list(removing: Lab) -> None:
    """What it knew a moment before, when the new name was there, is past."""
    removing.configure(on_local_delete="remove", remove_share=1.0, settle=10)
    harness = Harness(removing)
    harness.run(3)
    (removing.root / "old").rename(removing.root / "new")
    removing.push("new")
    removing.engine.refresh([EID])
    harness.hint("old", "new")
    harness.run(9.5)
    harness.write("third", age_s=3600)
    harness.run(0.3)
    removing.server.put(EID, "new", b"theirs")
    harness.engine.refresh([EID])
    harness.run(90)
    assert removing.remote.keys() == {"old", "new", "other", "third"}


def test_a_new_name_that_no_list_has_shown_is_not_there(removing: Lab) -> None:
    """The server accepted it, and may have lost it."""
    (removing.root / "old").rename(removing.root / "new")
    removing.scan()
    file = removing.record("new")
    assert file.local is not None
    outcome = Uploaded(file.local, b"0" * 32, None)
    removing.journal.outcomes.record(file, outcome, removing.clock.now_ns())
    removing.clock.advance(10)
    step = removing.decision("old")
    assert step.message == "perhaps renamed to new, which is not on the server yet"


def test_a_new_name_that_others_replaced_is_not_there(removing: Lab) -> None:
    """What was sent under it is nowhere on the server any more."""
    (removing.root / "old").rename(removing.root / "new")
    removing.push("new")
    removing.clock.advance(60)
    removing.server.put(EID, "new", b"theirs")
    removing.push()
    assert removing.record("new").comparison is not None
    assert removing.remote == {
        "old": b"the content of old",
        "new": b"theirs",
        "other": b"the content of other",
    }
    assert isinstance(removing.decision("old"), Wait)
    removing.journal.outcomes.allow_replacing([removing.record("new")])
    removing.push()
    assert removing.remote.keys() == {"new", "other"}
    assert removing.remote["new"] == b"the content of old"


def test_a_new_name_that_was_removed_on_the_server_is_not_there(removing: Lab) -> None:
    (removing.root / "old").rename(removing.root / "new")
    removing.push("new")
    removing.engine.refresh([EID])
    del removing.server.of(EID).files["new"]
    removing.push()
    assert isinstance(removing.decision("new"), Hold)
    assert removing.remote.keys() == {"old", "other"}


def test_a_copy_counts_as_well(removing: Lab) -> None:
    """Moved to another disk: another inode."""
    before = copies(removing)
    shutil.copy2(removing.root / "old", removing.root / "new")
    (removing.root / "old").unlink()
    removing.push()
    assert before == [{"old", "new", "other"}]


def test_one_of_another_size_does_not(removing: Lab) -> None:
    removing.server.put(EID, "held", b"theirs")
    removing.write("held", b"another size")
    (removing.root / "old").unlink()
    removing.push()
    assert removing.remote.keys() == {"other", "held"}


def test_one_that_was_made_later_does_not(removing: Lab) -> None:
    """By its ctime, which is the real clock's: ahead of the lab's."""
    (removing.root / "old").rename(removing.root.parent / "elsewhere")  # its inode stays taken
    removing.scan()
    removing.write("later", b"the content of new")
    removing.scan()
    removing.clock.advance(10)
    removing.engine.refresh([EID])
    assert isinstance(removing.decision("old"), RemoveRemote)


def test_the_reason_says_why_the_other_does_not_go_up(removing: Lab) -> None:
    removing.server.always["upload"] = TransferRefused("not so", status=422)
    (removing.root / "old").rename(removing.root / "new")
    removing.push()
    step = removing.decision("old")
    assert isinstance(step, Wait)
    assert step.message.endswith("new, which is not on the server yet: not so")
    removing.clock.advance(3600)
    held = removing.decision("old")
    assert isinstance(held, Hold)
    assert held.message == step.message
    removing.journal.outcomes.retry([removing.record("old").id])
    removing.push()
    assert removing.remote.keys() == {"other"}


def test_a_file_that_is_kept_waits_for_nothing(lab: Lab) -> None:
    lab.write("old")
    lab.push()
    (lab.root / "old").rename(lab.root / "new")
    lab.scan()
    assert isinstance(lab.decision("old"), InSync)


def test_a_renamed_folder_of_many_alike(removing: Lab) -> None:
    for number in range(300):
        removing.write(f"folder/{number}", b"all of one size")
    removing.push()
    removing.server.calls.clear()
    (removing.root / "folder").rename(removing.root / "moved")
    result = removing.push()
    assert (result.uploaded, result.removed) == (300, 300)
    order = [name for name, _ in removing.server.calls if name in {"upload", "remove_files"}]
    assert order == ["upload"] * 300 + ["remove_files"] * 300
