"""The worker asks again: what a decision was made by is looked at as late as can be."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from aqsync.errors import Forbidden, RemoteChanged
from aqsync.model import ChangedMeanwhile, Removed, RemoveRemote, State, Upload, Uploaded
from aqsync.sync.lists import Lists
from aqsync.sync.mirror import Mirror
from aqsync.sync.remote_check import DEAR_S, MOST_SPARE_S, SHORTEST_WINDOW_S, SPARE_SHARE
from aqsync.sync.uploader import SMALL
from tests.support.harness import logged
from tests.support.lab import EID, Lab
from tests.support.patience import HANG_S

OURS, THEIRS = b"ours", b"theirs"


def decided(lab: Lab, path: str = "a") -> Callable[[], object]:
    """A file that is decided on; returns what lets the worker do it."""
    step = lab.decision(path)
    assert isinstance(step, Upload | RemoveRemote)
    job = lab.engine.job(lab.record(path), step)
    assert job is not None
    return lambda: lab.engine.perform(job)


def looked(lab: Lab, content: bytes = OURS) -> None:
    lab.write("a", content)
    lab.engine.scan(lab.mapping)
    lab.engine.refresh({EID})


def after_a_while(lab: Lab) -> None:
    """As when a job waited behind others in its lane."""
    lab.clock.advance(SHORTEST_WINDOW_S)


def lists(lab: Lab) -> int:
    return len(lab.server.called("list_files"))


def probes(lab: Lab) -> int:
    return len(lab.server.called("probe_file"))


def slow_lists(lab: Lab, seconds: float) -> None:
    lab.server.after["list_files"] = lambda: lab.clock.advance(seconds)


def slow_probes(lab: Lab, seconds: float) -> None:
    lab.server.after["probe_file"] = lambda: lab.clock.advance(seconds)


# Nothing of others is lost, though it came after the decision


def test_a_name_taken_since_is_not_overwritten(lab: Lab) -> None:
    looked(lab)
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": THEIRS}


def test_an_edit_made_since_is_not_overwritten(lab: Lab) -> None:
    lab.write("a", OURS)
    lab.push()
    looked(lab, b"changed")
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": THEIRS}


def test_nothing_is_overwritten_where_the_list_may_not_be_seen_any_more(lab: Lab) -> None:
    looked(lab)
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    lab.server.always["list_files"] = Forbidden("not for you")
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": THEIRS}
    assert lab.decision("a").state is State.HELD


def test_a_copy_replaced_since_is_not_removed(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    lab.write("b", OURS)
    place = lab.write("a", OURS)
    lab.push()
    place.unlink()
    lab.engine.scan(lab.mapping)
    lab.clock.advance(60)
    lab.engine.refresh({EID})
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote["a"] == THEIRS


def test_what_comes_while_a_large_file_is_sent_is_seen_before_its_last_bytes(lab: Lab) -> None:
    looked(lab, os.urandom(3 * SMALL))
    do = decided(lab)

    def meanwhile() -> None:
        lab.server.put(EID, "a", THEIRS)
        after_a_while(lab)

    lab.server.troubles["upload"].append(meanwhile)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": THEIRS}


def test_of_a_large_file_nothing_is_sent_where_others_were_quicker(lab: Lab) -> None:
    looked(lab, os.urandom(3 * SMALL))
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.server.called("upload") == []


def test_what_another_thread_has_learned_counts_at_once(lab: Lab) -> None:
    looked(lab)
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    lab.engine.refresh({EID})
    before = lists(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert lists(lab) == before, "the list was young enough"
    assert lab.remote == {"a": THEIRS}


def test_our_last_version_is_found_in_a_list_before_it_is_replaced(lab: Lab) -> None:
    """Until a list has shown which time it got, nobody knows whether it is still there."""
    looked(lab)
    decided(lab)()
    lab.write("a", b"changed")
    lab.engine.scan(lab.mapping)
    lab.clock.advance(30)
    lab.server.put(EID, "a", THEIRS)
    assert isinstance(decided(lab)(), ChangedMeanwhile)
    assert lab.push().uploaded == 0
    assert lab.remote == {"a": THEIRS}


def test_our_last_version_is_found_by_its_name_where_a_list_is_dear(lab: Lab) -> None:
    slow_lists(lab, 7.0)
    looked(lab)
    decided(lab)()
    before = lists(lab)
    for content in (b"changed", b"changed again"):
        lab.clock.advance(3)
        lab.write("a", content)
        lab.engine.scan(lab.mapping)
        assert isinstance(decided(lab)(), Uploaded)
    assert lab.remote == {"a": b"changed again"}
    assert lists(lab) == before


@pytest.mark.parametrize("theirs", [THEIRS, b"0urs"])
def test_and_what_is_not_our_last_version_is_not_taken_for_it(lab: Lab, theirs: bytes) -> None:
    slow_lists(lab, 7.0)
    looked(lab)
    decided(lab)()
    lab.clock.advance(30)
    lab.write("a", b"changed")
    lab.engine.scan(lab.mapping)
    lab.server.put(EID, "a", theirs)
    before = lists(lab)
    assert isinstance(decided(lab)(), ChangedMeanwhile)
    assert lists(lab) > before
    assert lab.push().uploaded == 0
    assert lab.remote == {"a": theirs}


# What it costs


def test_a_young_list_is_not_asked_for_again(lab: Lab) -> None:
    looked(lab)
    before = lists(lab)
    assert isinstance(decided(lab)(), Uploaded)
    assert (lists(lab), probes(lab)) == (before, 0)


def test_a_file_sent_in_one_piece_asks_once(lab: Lab) -> None:
    looked(lab)
    do = decided(lab)
    after_a_while(lab)
    before = lists(lab)
    assert isinstance(do(), Uploaded)
    assert lists(lab) == before + 1


def test_where_a_list_is_dear_one_name_is_asked_for_alone(lab: Lab) -> None:
    slow_lists(lab, 3.0)
    looked(lab)
    do = decided(lab)
    lab.clock.advance(60)
    before = lists(lab)
    assert isinstance(do(), Uploaded)
    assert (lists(lab), probes(lab)) == (before, 1)


def test_a_single_upload_asks_for_its_name_however_long_the_window_is(lab: Lab) -> None:
    slow_lists(lab, 7.0)
    looked(lab)
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    after_a_while(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert probes(lab) == 1
    assert lab.remote == {"a": THEIRS}


def test_many_uploads_ask_within_the_window_only_for_a_share_of_the_time(lab: Lab) -> None:
    slow_lists(lab, 7.0)
    slow_probes(lab, 0.01)
    for number in range(40):
        lab.write(f"{number}", OURS)
    lab.engine.scan(lab.mapping)
    lab.engine.refresh({EID})
    after_a_while(lab)
    for number in range(40):
        lab.clock.advance(0.02)
        assert isinstance(decided(lab, f"{number}")(), Uploaded)
    assert 0 < probes(lab) * 0.01 <= SPARE_SHARE * (MOST_SPARE_S / SPARE_SHARE + 40 * 0.03) + 0.01


def test_where_that_takes_much_of_the_time_the_list_is_fetched(lab: Lab) -> None:
    slow_lists(lab, 10 * DEAR_S)
    slow_probes(lab, 4 * DEAR_S)
    for name in "abcdefgh":
        lab.write(name, OURS)
    lab.engine.scan(lab.mapping)
    lab.engine.refresh({EID})
    lab.clock.advance(60)
    before = lists(lab)
    for name in "abcdefgh":
        assert isinstance(decided(lab, name)(), Uploaded)
    assert lists(lab) == before + 1
    assert 1 <= probes(lab) < 8


def test_where_it_takes_little_of_the_time_no_list_is_needed(lab: Lab) -> None:
    slow_lists(lab, 7.0)
    slow_probes(lab, 0.01)
    looked(lab)
    before = lists(lab)
    for number in range(600):
        lab.write(f"{number}", OURS)
        lab.engine.scan(lab.mapping)
        lab.clock.advance(0.2)
        assert isinstance(decided(lab, f"{number}")(), Uploaded)
    assert lists(lab) == before


def test_a_name_that_others_took_is_found_by_asking_for_it_alone(lab: Lab) -> None:
    slow_lists(lab, 3.0)
    looked(lab)
    do = decided(lab)
    lab.server.put(EID, "a", THEIRS)
    lab.clock.advance(60)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": THEIRS}
    assert lab.record("a").remote.modified_at is not None, "the list was fetched for it"


def test_an_edit_of_others_is_found_by_asking_for_it_alone(lab: Lab) -> None:
    slow_lists(lab, 3.0)
    lab.write("a", OURS)
    lab.push()
    lab.clock.advance(10)
    lab.engine.refresh({EID})
    looked(lab, b"changed")
    do = decided(lab)
    lab.clock.advance(60)
    lab.server.put(EID, "a", b"0urs")
    before = probes(lab)
    assert isinstance(do(), ChangedMeanwhile)
    assert probes(lab) == before + 1
    assert lab.remote == {"a": b"0urs"}


def test_within_a_second_of_our_version_only_the_list_tells(lab: Lab) -> None:
    """The head of a download tells whole seconds."""
    slow_lists(lab, 0.2)
    looked(lab)
    decided(lab)()
    lab.engine.refresh({EID})
    looked(lab, b"changed")
    do = decided(lab)
    lab.server.put(EID, "a", b"0urs")
    lab.clock.advance(60)
    assert isinstance(do(), ChangedMeanwhile)
    assert lab.remote == {"a": b"0urs"}


def test_one_list_serves_all_that_want_it(lab: Lab) -> None:
    shared = Lists(Mirror(lab.server, lab.journal, lab.clock), lab.clock)
    on_its_way, waiting = threading.Event(), threading.Semaphore(0)

    def until_all_want_it() -> None:
        on_its_way.set()
        for _ in range(3):
            assert waiting.acquire(timeout=HANG_S)

    lab.server.troubles["list_files"].append(until_all_want_it)

    def want() -> None:
        waiting.release()
        shared.share(EID, lambda: shared.age(EID) < 1)

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert on_its_way.wait(HANG_S)
    for thread in threads:
        thread.join(HANG_S)
    assert len(lab.server.called("list_files")) == 1


def test_who_need_not_wait_for_a_list_does_not(lab: Lab) -> None:
    shared = Lists(Mirror(lab.server, lab.journal, lab.clock), lab.clock)
    asked: list[str] = []

    def is_enough() -> bool:
        asked.append("asked")
        return False

    def ask_meanwhile() -> None:
        other = threading.Thread(target=shared.share, args=(EID, is_enough), kwargs={"wait": False})
        other.start()
        other.join(HANG_S)

    lab.server.troubles["list_files"].append(ask_meanwhile)
    shared.share(EID, lambda: False)
    assert asked == []
    assert len(lab.server.called("list_files")) == 1


# Servers that look at conditions


@pytest.fixture
def checking(lab: Lab) -> Lab:
    """A lab whose server checks conditions, which is known from a first upload."""
    lab.server.checks_conditions = True
    lab.write("first", b"first")
    lab.push()
    return lab


def test_a_server_that_checks_conditions_is_not_asked(checking: Lab) -> None:
    looked(checking)
    do = decided(checking)
    checking.clock.advance(60)
    before = lists(checking)
    assert isinstance(do(), Uploaded)
    assert (lists(checking), probes(checking)) == (before, 0)


def test_what_was_stored_at_the_last_moment_is_not_overwritten(checking: Lab) -> None:
    looked(checking)
    do = decided(checking)
    put = lambda: bool(checking.server.put(EID, "a", THEIRS))  # noqa: E731
    checking.server.troubles["upload"].append(put)
    assert isinstance(do(), ChangedMeanwhile)
    assert checking.remote["a"] == THEIRS
    checking.push()
    assert checking.decision("a").state is State.HELD


def test_nor_is_it_removed(checking: Lab) -> None:
    checking.configure(on_local_delete="remove", remove_share=1.0)
    place = checking.write("a", OURS)
    checking.push()
    place.unlink()
    checking.engine.scan(checking.mapping)
    checking.clock.advance(60)
    checking.engine.refresh({EID})
    do = decided(checking)
    checking.server.troubles["remove_files"].append(
        lambda: bool(checking.server.put(EID, "a", THEIRS))
    )
    assert isinstance(do(), ChangedMeanwhile)
    assert checking.remote["a"] == THEIRS


def test_the_exact_time_of_an_upload_is_known_at_once(checking: Lab) -> None:
    looked(checking)
    decided(checking)()
    synced = checking.record("a").synced
    assert synced is not None
    assert synced.modified_at == checking.server.of(EID).files["a"].modified_at
    looked(checking, b"changed")
    do = decided(checking)
    assert isinstance(do(), Uploaded)


def test_a_proxy_that_strips_the_condition_is_told_of_and_the_server_asked(
    checking: Lab,
) -> None:
    checking.server.checks_conditions = False
    looked(checking)
    with logged() as log:
        decided(checking)()
    assert len(log.of("no longer checks the condition of an upload")) == 1
    checking.write("b", OURS)
    checking.engine.scan(checking.mapping)
    do = decided(checking, "b")
    checking.server.put(EID, "b", THEIRS)
    after_a_while(checking)
    assert isinstance(do(), ChangedMeanwhile)
    assert checking.remote["b"] == THEIRS


def test_a_server_that_refuses_what_it_lists_is_no_endless_loop(checking: Lab) -> None:
    looked(checking)
    refused = RemoteChanged("another version", status=412, present=True, modified_at="x")
    checking.server.always["upload"] = refused
    outcome = decided(checking)()
    assert not isinstance(outcome, ChangedMeanwhile | Uploaded | Removed)
    checking.push()
    assert checking.decision("a").state is State.FAILED


def test_belief_in_a_server_does_not_outlive_the_process(checking: Lab) -> None:
    looked(checking)
    engine = checking.new_engine()
    step = checking.decision("a")
    assert isinstance(step, Upload)
    job = engine.job(checking.record("a"), step)
    assert job is not None
    checking.server.checks_conditions = False
    checking.server.put(EID, "a", THEIRS)
    assert isinstance(engine.perform(job), ChangedMeanwhile)
    assert checking.remote["a"] == THEIRS
