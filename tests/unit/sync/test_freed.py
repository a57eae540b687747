"""The copy of a freed file is the only one: nothing here removes or replaces it, ever."""

from __future__ import annotations

import hashlib

import pytest

from aqsync.aqueduct.records import Expected
from aqsync.journal.history import HistoryKind, Wanted
from aqsync.model import (
    ChangedMeanwhile,
    Compare,
    FoundFreed,
    Freed,
    Reason,
    RemoveRemote,
    State,
    Upload,
)
from aqsync.sync.jobs import Job
from aqsync.sync.retry import set_free
from aqsync.sync.summary import summarize
from tests.support.lab import EID, Lab, new_uploader
from tests.unit.sync.test_known_manifests import line, manifest, name_of

CONTENT = b"the only copy"


@pytest.fixture(params=["keep", "remove"])
def freed(lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """A lab with two files, one of which a person has freed; whatever a deletion means."""
    lab.configure(on_local_delete=request.param, remove_share=1.0, recheck=False)
    lab.write("run/a", CONTENT)
    lab.write("run/b", b"another")
    lab.push()
    assert note(lab)
    (lab.root / "run/a").unlink()
    lab.push()
    return lab


def note(lab: Lab, path: str = "run/a") -> bool:
    file = lab.record(path)
    assert file.synced is not None
    found = Freed(0, file.synced.sha256, file.size, str(file.remote.modified_at))
    return lab.journal.freed.note([(file, found)], lab.clock.now_ns()) != []


def state(lab: Lab, path: str = "run/a") -> tuple[State, Reason]:
    step = lab.decision(path)
    return step.state, step.reason


def retry(lab: Lab, *paths: str) -> int:
    places = [lab.root / path for path in paths]
    now_ns = lab.clock.now_ns()
    return set_free(lab.journal, [lab.mapping], places, now_ns, accept_roots=False)


def removed(lab: Lab) -> list[str]:
    return [about for method, about in lab.server.calls if method == "remove_files"]


def test_it_stays_on_the_server_and_is_counted(freed: Lab) -> None:
    assert freed.remote == {"run~a": CONTENT, "run~b": b"another"}
    assert state(freed) == (State.FREED, Reason.FREED)
    found = summarize(freed.journal, freed.mapping, freed.clock.now_ns())
    assert found.complete
    assert (found.files[State.FREED], found.files[State.IN_SYNC], found.kept) == (1, 1, 0)
    assert not removed(freed)


def test_the_history_tells_when_it_went_and_nothing_of_what_only_was_to_go(freed: Lab) -> None:
    def told() -> list[tuple[str, int | None, str | None]]:
        events = freed.journal.history.recent(99, Wanted(kinds=[HistoryKind.FREED]))
        return [(event.path, event.size, event.eid) for event in events]

    assert told() == [("run/a", len(CONTENT), EID)]
    assert note(freed, "run/b")
    freed.push()
    freed.push()
    assert told() == [("run/a", len(CONTENT), EID)], "that it goes is proved, and it is still here"
    freed.write("run/b", b"another version")
    freed.scan()
    (freed.root / "run/b").unlink()
    freed.scan()
    assert told() == [("run/a", len(CONTENT), EID)], "this version was never freed"


def test_deletions_beside_it_do_not_count_it_as_gone(freed: Lab) -> None:
    assert freed.journal.removals.removable(freed.mapping_id, freed.clock.now_ns()).gone == 0


def test_until_it_is_gone_it_is_as_before(lab: Lab) -> None:
    lab.configure(recheck=False)
    lab.write("run/a", CONTENT)
    lab.push()
    assert note(lab)
    lab.push()
    assert state(lab) == (State.IN_SYNC, Reason.ON_SERVER)


def test_the_manifest_tells_what_was_freed_and_not_what_an_old_journal_has_sent(lab: Lab) -> None:
    """The copy that was freed is a later version than the last that this journal knows."""
    lab.write("run/a", b"sent before")
    lab.push()
    digest, at = hashlib.sha256(CONTENT).digest(), "2026-11-23T11:00:00+00:00"
    found = FoundFreed(Freed(1, digest, len(CONTENT), at))
    lab.journal.outcomes.record(lab.record("run/a"), found, lab.clock.now_ns())
    [told] = lab.journal.manifests.files(EID)
    assert (told.sha256, told.size, told.modified_at) == (digest, len(CONTENT), at)
    assert told.freed_ns == 1


def test_what_is_gone_since_it_was_proved_is_not_noted(lab: Lab) -> None:
    lab.write("run/a", CONTENT)
    lab.write("run/b")
    lab.push()
    (lab.root / "run/a").unlink()
    lab.scan()
    assert not note(lab)


@pytest.mark.parametrize("change", ["content", "list", "experiment"])
def test_what_has_changed_since_it_was_proved_is_not_noted(lab: Lab, change: str) -> None:
    lab.write("run/a", CONTENT)
    lab.push()
    proved = lab.record("run/a")
    assert proved.synced is not None
    found = Freed(0, proved.synced.sha256, proved.size, str(proved.remote.modified_at))
    if change == "content":
        lab.write("run/a", b"THE ONLY COPY", age_s=60.0)
        lab.scan()
    elif change == "list":
        lab.server.put(EID, "run~a", b"of others")
        lab.engine.refresh({EID})
    else:
        found = found._replace(sha256=b"other")
    assert lab.journal.freed.note([(proved, found)], 0) == []


def test_gone_from_the_server_is_loud_until_a_person_knows(freed: Lab) -> None:
    del freed.server.of(EID).files["run~a"]
    freed.push()
    assert state(freed) == (State.FREED_LOST, Reason.FREED_GONE)
    found = summarize(freed.journal, freed.mapping, freed.clock.now_ns())
    assert not found.complete
    assert [each.why.reason for each in found.problems] == [Reason.FREED_GONE]
    assert retry(freed) == 0
    assert state(freed)[0] is State.FREED_LOST
    assert retry(freed, "run/a") == 1
    assert summarize(freed.journal, freed.mapping, freed.clock.now_ns()).complete


def test_replaced_on_the_server_is_loud(freed: Lab) -> None:
    freed.server.put(EID, "run~a", b"the other one")
    freed.push()
    assert state(freed) == (State.FREED_LOST, Reason.FREED_REPLACED)
    assert freed.remote["run~a"] == b"the other one"


def test_put_back_with_another_time_it_is_known_again(freed: Lab) -> None:
    freed.server.put(EID, "run~a", CONTENT)
    freed.push()
    assert state(freed) == (State.FREED, Reason.FREED)


def test_pulled_back_it_is_a_file_like_any_other(freed: Lab) -> None:
    freed.write("run/a", CONTENT)
    freed.push()
    assert state(freed) == (State.IN_SYNC, Reason.ON_SERVER)
    assert ("download", "run~a") not in freed.server.calls
    assert freed.record("run/a").freed is None


@pytest.mark.parametrize("content", [b"something else", CONTENT + b" and more", b"the only"])
def test_a_new_file_at_its_path_is_a_conflict(freed: Lab, content: bytes) -> None:
    freed.write("run/a", content)
    freed.push()
    assert state(freed) == (State.HELD, Reason.CONFLICT_FREED)
    assert freed.remote["run~a"] == CONTENT
    freed.push(overwrite=True)
    freed.push("run", overwrite=True)
    assert freed.remote["run~a"] == CONTENT
    freed.push("run/a", overwrite=True)
    assert freed.remote["run~a"] == content
    assert freed.record("run/a").freed is None


@pytest.mark.parametrize("content", [None, b"something else", CONTENT + b" and more"])
def test_a_manifest_tells_what_an_old_or_lost_journal_does_not(
    lab: Lab, content: bytes | None
) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0, recheck=False)
    place = lab.write("run/a", CONTENT)
    lab.write("run/b")
    lab.push()
    file = lab.record("run/a")
    told = line(
        "run/a",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        modified_at=file.remote.modified_at,
        freed_at="2026-11-23T12:00:00+00:00",
    )
    lab.server.put(EID, name_of(), manifest(told))
    place.unlink()
    if content is not None:
        lab.write("run/a", content)
    lab.push()
    lab.push()
    assert lab.remote["run~a"] == CONTENT
    expected = State.FREED if content is None else State.HELD
    assert state(lab)[0] is expected


def test_a_wish_to_overwrite_from_before_it_was_known_to_be_freed_counts_no_more(lab: Lab) -> None:
    """Who said so of all conflicts did not know that this copy is the only one."""
    lab.configure(recheck=False)
    lab.server.put(EID, "run~a", CONTENT)
    told = line(
        "run/a",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        modified_at=lab.server.of(EID).files["run~a"].modified_at,
        freed_at="2026-11-23T12:00:00+00:00",
    )
    lab.server.put(EID, name_of(), manifest(told))
    lab.write("run/a", b"something else")
    lab.push()
    assert state(lab) == (State.HELD, Reason.CONFLICT_NAME_TAKEN)
    lab.push(overwrite=True)
    lab.push()
    assert lab.remote["run~a"] == CONTENT
    assert state(lab) == (State.HELD, Reason.CONFLICT_FREED)
    lab.push("run/a", overwrite=True)
    assert lab.remote["run~a"] == b"something else"


@pytest.mark.parametrize(
    ("content", "inode_again"),
    [(None, False), (b"something else", False), (b"something else", True)],
)
def test_what_another_pc_frees_in_a_shared_folder_is_asked_for_anew(
    lab: Lab, content: bytes | None, *, inode_again: bool
) -> None:
    """It tells by its manifest, which no list shows that is older than the file's end here."""
    lab.configure(on_local_delete="remove", remove_share=1.0, recheck=False)
    lab.server.checks_conditions = True
    place = lab.write("run/a", CONTENT)
    lab.write("run/b")
    lab.push()
    file, uploader = lab.record("run/a"), new_uploader(lab)
    uploader._check.answered(expected=Expected(None), checked=True)
    told = line(
        "run/a",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        modified_at=file.remote.modified_at,
        freed_at="2026-11-23T12:00:00+00:00",
    )
    lab.server.put(EID, name_of(), manifest(told))
    kept = lab.root.with_name("kept")
    place.rename(kept)
    if inode_again:
        lab.scan()
        kept.rename(place)
        place.write_bytes(content or b"")
    elif content is not None:
        lab.write("run/a", content)
    lab.clock.advance(1)
    lab.scan()
    lab.clock.advance(20 if inode_again else 60)
    step = lab.decision("run/a")
    assert isinstance(step, RemoveRemote | Upload)
    job = Job(lab.record("run/a"), step, lab.root, lab.server.of(EID).uuid)
    assert isinstance(uploader.do(job), FoundFreed)
    assert lab.remote["run~a"] == CONTENT


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("gone", [False, True])
def test_what_another_pc_frees_in_a_folder_of_its_own_is_asked_for_anew(
    lab: Lab, *, gone: bool, known: bool
) -> None:
    """It may have sent the same file under this name, and free it at any moment."""
    lab.configure(on_local_delete="remove", remove_share=1.0, recheck=False)
    lab.server.checks_conditions = True
    place = lab.write("run/a", CONTENT)
    lab.write("run/b")
    lab.push()
    if known:
        lab.server.put(EID, name_of(), manifest(line("elsewhere")))
        lab.push()
    if gone:
        place.unlink()
    else:
        place.write_bytes(b"changed here, where it stands")
    lab.clock.advance(1)
    lab.scan()
    lab.clock.advance(600)
    uploader = new_uploader(lab)
    lab.engine.refresh({EID})
    uploader._check._lists.fetch({EID})
    uploader._check.answered(expected=Expected(None), checked=True)
    lab.clock.advance(2 if known else 100)
    told = line(
        "run/a",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        modified_at=lab.record("run/a").remote.modified_at,
        freed_at="2026-11-23T12:00:00+00:00",
    )
    lab.server.put(EID, name_of(), manifest(told))
    step = lab.decision("run/a")
    assert isinstance(step, RemoveRemote | Upload)
    job = Job(lab.record("run/a"), step, lab.root, lab.server.of(EID).uuid)
    assert isinstance(uploader.do(job), FoundFreed)
    assert lab.remote["run~a"] == CONTENT


def test_what_another_pc_frees_while_a_file_is_sent_is_not_replaced(lab: Lab) -> None:
    place = lab.write("run/a", CONTENT)
    lab.push()
    uploader, size = new_uploader(lab), 5 << 20
    told = line(
        "run/a",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        modified_at=lab.record("run/a").remote.modified_at,
        freed_at="2026-11-23T12:00:00+00:00",
    )
    place.write_bytes(b"x" * size)
    lab.set_age(place, 100)
    lab.scan()
    step, parts = lab.decision("run/a"), list[int]()
    assert isinstance(step, Upload)

    def sent(part: int) -> None:
        if not parts:
            lab.server.put(EID, name_of(), manifest(told))
        parts.append(part)
        lab.clock.advance(60)

    job = Job(lab.record("run/a"), step, lab.root, lab.server.of(EID).uuid, progress=sent)
    assert isinstance(uploader.do(job), ChangedMeanwhile)
    assert len(parts) > 1
    assert lab.remote["run~a"] == CONTENT


def test_another_mapping_on_the_same_folder_knows(freed: Lab) -> None:
    other = freed.mapping.model_copy(update={"name": "other", "on_local_delete": "remove"})
    session, _ = freed.new_session(other)
    session.engine.scan(other)
    assert freed.journal.freed is not None
    assert not removed(freed)


def test_rules_that_leave_it_out_forget_nothing_of_it(freed: Lab) -> None:
    freed.configure(ignore=("a",), recheck=False)
    freed.push()
    freed.configure(prefix="other", recheck=False)
    freed.push()
    assert state(freed) == (State.FREED, Reason.FREED)
    assert freed.remote["run~a"] == CONTENT


def test_a_new_file_there_that_is_left_out_or_led_elsewhere_forgets_nothing_of_it(
    freed: Lab,
) -> None:
    freed.write("run/a", b"something else")
    freed.push()
    freed.configure(ignore=("a",), recheck=False)
    for _ in range(2):
        freed.push()
        assert state(freed) == (State.FREED, Reason.FREED)
    assert [each.path for each in freed.journal.manifests.files(EID) if each.freed_ns] == ["run/a"]
    freed.configure(prefix="other", recheck=False)
    freed.push()
    assert state(freed) == (State.HELD, Reason.CONFLICT_FREED)
    assert freed.remote["run~a"] == CONTENT


def test_a_new_file_that_went_again_before_it_was_sent_leaves_what_is_known_of_it(lab: Lab) -> None:
    """An old journal has never sent the file that a manifest calls freed."""
    lab.configure(recheck=False)
    lab.server.put(EID, "run~a", CONTENT)
    place = lab.write("run/a", b"something else")
    lab.write("run/b")
    lab.scan()
    lab.engine.refresh({EID})
    at = lab.server.of(EID).files["run~a"].modified_at
    found = FoundFreed(Freed(1, hashlib.sha256(CONTENT).digest(), len(CONTENT), at))
    lab.journal.outcomes.record(lab.record("run/a"), found, lab.clock.now_ns())
    place.unlink()
    lab.push()
    assert state(lab) == (State.FREED, Reason.FREED)
    del lab.server.of(EID).files["run~a"]
    lab.push()
    assert state(lab) == (State.FREED_LOST, Reason.FREED_GONE)
    assert retry(lab, "run/a") == 1
    assert summarize(lab.journal, lab.mapping, lab.clock.now_ns()).complete


def test_what_is_done_about_it_is_compared_at_most(freed: Lab) -> None:
    freed.server.put(EID, "run~a", CONTENT)
    freed.engine.refresh({EID})
    freed.clock.advance(60)
    step = freed.decision("run/a")
    assert isinstance(step, Compare)


def test_while_its_experiment_cannot_be_seen_it_is_held_and_never_forgotten(freed: Lab) -> None:
    hidden = freed.server.experiments.pop(freed.server.of(EID).uuid)
    freed.engine.refresh({EID})
    assert state(freed)[0] is State.HELD
    assert not summarize(freed.journal, freed.mapping, freed.clock.now_ns()).complete
    retry(freed, "run/a")
    freed.server.experiments[hidden.uuid] = hidden
    freed.push()
    assert state(freed) == (State.FREED, Reason.FREED)
    assert freed.remote["run~a"] == CONTENT


def test_nothing_is_removed_while_a_manifest_cannot_be_read(lab: Lab) -> None:
    """It may be of a newer aqsync, and say that the copy is the only one."""
    lab.configure(on_local_delete="remove", remove_share=1.0, recheck=False)
    place = lab.write("run/a", CONTENT)
    lab.write("run/b")
    lab.push()
    lab.server.put(EID, name_of(), b"of a newer release")
    place.unlink()
    lab.push()
    assert lab.remote["run~a"] == CONTENT
    assert lab.decision("run/a").state is State.FAILED
    del lab.server.of(EID).files[name_of()]
    lab.clock.advance(3600)
    lab.push()
    assert "run~a" not in lab.remote


def test_no_other_file_replaces_a_copy_while_a_manifest_cannot_be_read(lab: Lab) -> None:
    """The journal may be older than what freed the file that was at its path."""
    lab.configure(recheck=False)
    place = lab.write("run/a", CONTENT)
    lab.push()
    lab.server.put(EID, name_of(), b"of a newer release")
    place.rename(lab.root.with_name("kept"))  # its inode is not given again
    lab.write("run/a", b"something else")
    lab.push()
    assert lab.remote["run~a"] == CONTENT
    assert lab.decision("run/a").state is State.FAILED
    del lab.server.of(EID).files[name_of()]
    lab.clock.advance(3600)
    lab.push()
    assert lab.remote["run~a"] == b"something else"


def test_a_file_that_goes_on_is_sent_while_a_manifest_cannot_be_read(lab: Lab) -> None:
    lab.configure(recheck=False)
    place = lab.write("run/a", CONTENT)
    lab.push()
    lab.server.put(EID, name_of(), b"of a newer release")
    with place.open("ab") as file:
        file.write(b" and more")
    lab.clock.advance(60)
    lab.push()
    assert lab.remote["run~a"] == CONTENT + b" and more"
