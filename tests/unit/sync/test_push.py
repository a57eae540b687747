"""Whole pushes: real files, a real journal, and a server and a clock that a test owns."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from aqsync.config import MappingConfig, TagRule
from aqsync.errors import (
    JournalDiskFull,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
    TransferRefused,
)
from aqsync.journal.observations import Waiting
from aqsync.model import ChangedMeanwhile, Hold, Outcome, Reason, State
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from aqsync.sync.order import MOST_ATTEMPTS, TRIES, Limits, Order, Round
from aqsync.sync.remote_check import SHORTEST_WINDOW_S
from aqsync.sync.summary import summarize
from aqsync.sync.uploader import Uploader
from tests.support.lab import EID, Killed, Lab, Listener
from tests.support.permissions import bound_by_permissions
from tests.support.stepping import serve

OTHER = "20261123-2"
AWAY = ServerUnreachable("no connection", hint="is it on?")


def states(lab: Lab, *paths: str) -> list[State]:
    return [lab.decision(path).state for path in paths]


def raiser(exc: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise exc

    return fail


# The main job


def test_everything_is_uploaded_and_seen_to_be_there(lab: Lab) -> None:
    contents = {"a.csv": b"1", "run/b": b"", "run/deep/c µ#": os.urandom(300_000)}
    for path, content in contents.items():
        lab.write(path, content)
    result = lab.push()
    assert (result.uploaded, result.bytes, result.adopted) == (3, 300_001, 0)
    assert lab.remote == {
        "a.csv": b"1",
        "run~b": b"",
        "run~deep~c µ=23": contents["run/deep/c µ#"],
    }
    for path in contents:
        assert lab.decision(path).message.startswith("on the server with this content")


def test_a_second_push_does_nothing(lab: Lab) -> None:
    for number in range(20):
        lab.write(f"{number}")
    lab.push()
    lab.server.calls.clear()
    with lab.journal._database.writing() as connection:
        for event in ("UPDATE", "INSERT", "DELETE"):
            connection.execute(
                f"CREATE TEMP TRIGGER no_{event} BEFORE {event} ON file"
                " BEGIN SELECT raise(ABORT, 'a file row was written'); END"
            )
    result = lab.push()
    assert (result.uploaded, result.adopted, result.tags) == (0, 0, 0)
    assert lab.server.calls == [("list_files", EID)]
    assert lab.clock.waits == []


def test_tags_come_after_the_files(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="{run}/*", add=("run:{run}",)),))
    lab.write("x/a")
    lab.write("y/b")
    assert lab.push().tags == 2
    assert sorted(lab.server.of(EID).tags) == ["run:x", "run:y"]
    methods = [name for name, _ in lab.server.calls]
    assert methods.index("add_tags") > max(i for i, m in enumerate(methods) if m == "upload")
    assert lab.push().tags == 0


def test_what_changes_is_sent_again_and_what_is_touched_is_not(lab: Lab) -> None:
    for path in ("changed", "touched", "same"):
        lab.write(path, b"content")
    lab.push()
    lab.write("changed", b"CONTENT")
    lab.write("touched", b"content", age_s=99)
    result = lab.push()
    assert result.uploaded == 1
    assert lab.remote["changed"] == b"CONTENT"
    assert states(lab, "changed", "touched", "same") == [State.IN_SYNC] * 3


def test_other_targets_are_filled_anew(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    lab.server.add(OTHER)
    lab.configure(experiment=OTHER, prefix="p")
    assert lab.push().uploaded == 1
    assert lab.server.contents(OTHER) == {"p~a": b"data"}
    assert lab.remote == {"a": b"data"}, "what was sent before stays"


def test_only_the_paths_asked_for(lab: Lab) -> None:
    for path in ("a", "run/b", "run/deep/c", "other/d"):
        lab.write(path)
    assert lab.push("run", "a").uploaded == 3
    assert set(lab.remote) == {"a", "run~b", "run~deep~c"}
    lab.scan()
    assert lab.push("a").uploaded == 0
    assert lab.push().uploaded == 1


def test_mappings_come_in_turn_and_the_longest_waiting_first(lab: Lab) -> None:
    second = lab.root.parent / "second"
    second.mkdir()
    for number in range(3):
        lab.write(f"first-{number}", age_s=1000 - number)
        (second / f"second-{number}").write_text("x")
        lab.set_age(second / f"second-{number}", 100 - number)
    other = MappingConfig(name="other", directory=second, experiment=EID)
    session, pool = lab.new_session(other)
    order = Order(Limits(), Listener([]))
    serve(session, order, pool, lab.clock)
    assert pool.begun == ["first-0", "second-0", "first-1", "second-1", "first-2", "second-2"]


# Files that are being written


def test_young_files_are_waited_for(lab: Lab) -> None:
    lab.write("old")
    lab.write("young", age_s=2)
    result = lab.push()
    assert result.uploaded == 2
    assert lab.clock.waits == [5.0]
    assert "waiting 5.0 s: files may still be changing" in lab.said


def test_young_files_are_left_when_nobody_wants_to_wait(lab: Lab) -> None:
    lab.write("old")
    lab.write("young", age_s=2)
    result = lab.push(wait_for_settling=False)
    assert result.uploaded == 1
    assert lab.clock.waits == []
    assert states(lab, "young") == [State.WAITING]


def test_a_file_that_grows_for_a_while_is_sent_whole(lab: Lab) -> None:
    lab.write("a", b"1", age_s=0)

    def grow(_seconds: float) -> None:
        size = (lab.root / "a").stat().st_size
        if size < 5:
            lab.write("a", b"1" * (size + 1), age_s=0)

    lab.clock.while_waiting = grow
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": b"11111"}
    assert lab.server.called("upload") == ["a"]


def test_a_file_that_grows_for_ever_is_left(lab: Lab) -> None:
    lab.write("a", b"1", age_s=0)
    lab.write("old")

    def grow(_seconds: float) -> None:
        lab.write("a", (lab.root / "a").read_bytes() + b"1", age_s=0)

    lab.clock.while_waiting = grow
    result = lab.push(longest_wait_s=60.0)
    assert result.uploaded == 1
    assert 60 <= sum(lab.clock.waits) <= 70
    assert states(lab, "a") == [State.WAITING]


def test_a_file_that_changes_whenever_it_is_sent_does_not_hold_a_push(lab: Lab) -> None:
    lab.write("a", bytes(2_000_000))
    lab.write("b")
    number = iter(range(1000))

    def change() -> None:
        if lab.server.calls[-1] == ("upload", "a"):
            lab.write("a", bytes(2_000_000) + bytes([next(number) % 256]))

    for _ in range(100):
        lab.server.troubles["upload"].append(change)
    lab.push()
    assert 1 <= len([name for name in lab.server.called("upload") if name == "a"]) <= MOST_ATTEMPTS
    assert lab.remote == {"b": b"data"}
    lab.server.troubles.clear()
    lab.push()
    assert set(lab.remote) == {"a", "b"}


def test_a_file_of_which_no_look_shows_why_it_cannot_be_sent_has_failed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a")
    monkeypatch.setattr(Uploader, "do", lambda *_: ChangedMeanwhile())
    lab.push()
    assert states(lab, "a") == [State.FAILED]
    assert lab.decision("a").reason is Reason.IN_VAIN


def test_a_file_that_changes_right_after_it_was_sent_is_sent_once_a_push(lab: Lab) -> None:
    lab.write("a", b"0")
    number = iter(range(1, 1000))
    lab.server.after["upload"] = lambda: lab.write("a", b"%d" % next(number))
    assert lab.push().uploaded == 1
    assert states(lab, "a") != [State.FAILED]
    lab.server.after.clear()
    assert lab.push().uploaded == 1
    assert lab.remote["a"] == (lab.root / "a").read_bytes()


def test_a_file_that_vanishes_before_its_turn(lab: Lab) -> None:
    lab.write("a", bytes(2_000_000))
    lab.write("b")
    lab.server.troubles["upload"].append(lambda: (lab.root / "a").unlink(missing_ok=True))
    lab.server.troubles["upload"].append(lambda: (lab.root / "a").unlink(missing_ok=True))
    lab.push()
    assert "b" in lab.remote
    assert lab.find("a") is None or "a" in lab.remote


def test_a_root_that_vanishes_under_a_push_ends_it(lab: Lab, tmp_path: Path) -> None:
    for number in range(30):
        lab.write(f"{number}", bytes(100))

    def unmount() -> None:
        if lab.root.exists():
            lab.root.rename(tmp_path / "away")

    lab.server.troubles["upload"].append(unmount)
    lab.push()
    assert "" in lab.troubles()
    assert len(lab.remote) < 30
    (tmp_path / "away").rename(lab.root)
    lab.push()
    assert len(lab.remote) == 30


# Failures


def test_a_failed_file_is_tried_again_with_pauses_that_grow(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["upload"].extend([ServerFailed("500"), ServerFailed("500")])
    assert lab.push().uploaded == 1
    first, second = lab.clock.waits
    assert 0.8 <= first <= 1.2
    assert 1.6 <= second <= 2.4


def busy() -> ServerFailed:
    return ServerFailed("too many requests (429)", retry_after_s=1.0)


def test_pauses_that_the_server_asks_for_are_no_attempts_on_a_file(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["upload"].extend(busy() for _ in range(3 * MOST_ATTEMPTS))
    assert lab.push().uploaded == 1
    assert not [line for line in lab.said if "Failed" in line]


def test_a_push_goes_on_as_long_as_a_busy_server_lets_some_files_through(lab: Lab) -> None:
    for number in range(150):
        lab.write(str(number))
    real, turns = lab.server.upload, itertools.cycle([False, True])

    def upload(*arguments: object, **kept: object) -> object:
        if next(turns):
            raise ServerFailed("too many requests (429)", retry_after_s=5.0)
        return real(*arguments, **kept)  # type: ignore[arg-type]  # passed on

    lab.server.upload = upload  # type: ignore[method-assign, assignment]  # every second is refused
    assert lab.push().uploaded == 150
    assert sum(lab.clock.waits) > 2 * Limits().longest_wait_s


def test_a_push_ends_if_a_busy_server_lets_nothing_through(lab: Lab) -> None:
    lab.write("a")

    def upload(*_arguments: object, **_kept: object) -> object:
        raise busy()

    lab.server.upload = upload  # type: ignore[method-assign, assignment]  # it is always busy
    assert lab.push().uploaded == 0
    assert sum(lab.clock.waits) <= Limits().longest_wait_s


def test_a_push_gives_up_on_a_file_that_fails_and_only_on_that(lab: Lab) -> None:
    for path in ("bad", "good", "better"):
        lab.write(path)
    real = lab.server.upload

    def upload(*arguments: object, **kept: object) -> object:
        if arguments[1] == "bad":
            lab.server.calls.append(("upload", "bad"))
            raise ServerFailed("500", hint="later")
        return real(*arguments, **kept)  # type: ignore[arg-type]  # passed on

    lab.server.upload = upload  # type: ignore[method-assign, assignment]  # one file fails
    result = lab.push()
    assert result.uploaded == 2
    assert result.server_problem is None
    assert lab.server.called("upload").count("bad") == TRIES
    assert states(lab, "bad", "good") == [State.FAILED, State.IN_SYNC]
    lab.push()
    assert lab.server.called("upload").count("bad") == TRIES + 1, "each push tries once"


def test_a_refused_file_is_not_tried_again_until_it_changes(lab: Lab) -> None:
    lab.write("a", b"too large")
    lab.server.troubles["upload"].append(TransferRefused("too large", hint="h", status=413))
    lab.push()
    lab.push()
    assert lab.server.called("upload") == ["a"]
    assert states(lab, "a") == [State.HELD]
    lab.write("a", b"small")
    lab.push()
    assert lab.remote == {"a": b"small"}


def test_a_file_that_may_not_be_read_stops_no_other(lab: Lab) -> None:
    names = ["locked", os.fsdecode(b"locked-\xff"), "open"]
    for name in names:
        lab.write(name)
    for name in names[:2]:
        (lab.root / name).chmod(0)
    with bound_by_permissions():
        result = lab.push()
    assert result.uploaded == 1
    assert lab.remote == {"open": b"data"}
    assert states(lab, *names) == [State.FAILED, State.FAILED, State.IN_SYNC]
    for name in names[:2]:
        (lab.root / name).chmod(0o600)
    assert lab.push().uploaded == 2


def test_a_server_that_is_away_is_probed_and_given_up(lab: Lab) -> None:
    lab.write("a")
    lab.server.always = dict.fromkeys(["list_files", "resolve", "check_file_name_header"], AWAY)
    result = lab.push()
    assert result.server_problem is not None
    assert result.server_problem.message == "no connection"
    assert len(lab.clock.waits) == TRIES - 1
    assert lab.find("a") is not None, "the scan was done all the same"
    assert lab.record("a").failure is None
    lab.clock.waits.clear()
    lab.push()
    assert lab.clock.waits == [], "it has failed often enough already"
    lab.server.always.clear()
    assert lab.push().uploaded == 1
    assert lab.push().server_problem is None


def test_a_server_that_comes_back_is_used(lab: Lab) -> None:
    for number in range(20):
        lab.write(f"{number}")
    lab.server.troubles["upload"].extend([None, None, AWAY, AWAY, AWAY])
    lab.server.troubles["check_file_name_header"].append(AWAY)
    result = lab.push()
    assert result.server_problem is None
    assert len(lab.remote) == 20
    assert all(state is State.IN_SYNC for state in states(lab, *map(str, range(20))))


def test_a_silent_server_costs_the_waiting_files_nothing(lab: Lab) -> None:
    for number in range(50):
        lab.write(f"{number}")
    lab.server.always = dict.fromkeys(["upload", "check_file_name_header"], AWAY)
    lab.push()
    failures = [lab.record(f"{number}").failure for number in range(50)]
    assert sum(failure is not None for failure in failures) <= 8, "only those under way"


def test_a_refused_token_ends_a_push_at_once(lab: Lab) -> None:
    for number in range(50):
        lab.write(f"{number}")
    lab.server.always["upload"] = TokenRefused("no", hint="check it")
    result = lab.push()
    assert result.server_problem is not None
    assert result.server_problem.denied
    assert lab.clock.waits == []
    assert len(lab.server.called("upload")) <= 11
    assert all(lab.record(f"{number}").failure is None for number in range(50))
    lab.server.always.clear()
    assert lab.push().uploaded == 50


def test_a_clock_set_back_does_not_stop_a_push(lab: Lab) -> None:
    lab.write("a", age_s=0)
    lab.server.troubles["upload"].append(AWAY)
    years = 3 * 365 * 86_400.0
    set_back = iter([True])

    def correct(_seconds: float) -> None:
        if next(set_back, False):
            lab.clock.set_back(years)

    lab.clock.while_waiting = correct
    assert lab.push().uploaded == 1
    assert sum(lab.clock.waits) < 60


def test_a_clock_set_back_between_pushes_does_not_stop_the_next(lab: Lab) -> None:
    lab.write("a")
    lab.server.always = dict.fromkeys(["list_files", "check_file_name_header"], AWAY)
    lab.push()
    lab.clock.set_back(3 * 365 * 86_400.0)
    lab.set_age(lab.root / "a", 60)
    lab.clock.waits.clear()
    lab.push()
    assert sum(lab.clock.waits) < 60
    lab.server.always.clear()
    assert lab.push().uploaded == 1


def test_a_tag_made_by_others_at_the_same_moment_fails_nothing(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="**", add=("all",)),))
    lab.write("a")
    lab.server.troubles["add_tags"].append(ServerBusy("duplicate key"))
    result = lab.push()
    assert (result.tags, result.server_problem) == (1, None)


# Experiments


def test_a_vanished_experiment_ends_its_uploads_at_once(lab: Lab) -> None:
    for number in range(200):
        lab.write(f"{number}")
    lab.server.troubles["upload"].append(lambda: lab.server.remove(EID))
    result = lab.push()
    assert result.server_problem is None
    assert len(lab.server.called("upload")) <= 20
    assert states(lab, "0", "199") == [State.HELD, State.HELD]
    assert lab.clock.waits == []


def test_one_missing_experiment_stops_no_other(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}_*/**")
    lab.write(f"{EID}_x/a")
    lab.write("20261123-404_x/b")
    lab.write("nowhere/c")
    assert lab.push().uploaded == 1
    assert states(lab, f"{EID}_x/a", "20261123-404_x/b", "nowhere/c") == [
        State.IN_SYNC,
        State.HELD,
        State.UNMAPPED,
    ]
    lab.server.add("20261123-404")
    assert lab.push().uploaded == 1
    assert list(lab.server.contents("20261123-404")) == ["20261123-404_x~b"]


def test_an_experiment_that_was_made_anew_is_filled_anew(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="**", add=("all",)),))
    for path in ("a", "b"):
        lab.write(path)
    lab.push()
    lab.server.remove(EID)
    lab.server.add(EID)
    result = lab.push()
    assert (result.uploaded, result.tags) == (2, 1)
    assert set(lab.remote) == {"a", "b"}
    assert lab.server.of(EID).tags == ["all"]


# What others have put there


def test_the_same_file_is_adopted(lab: Lab) -> None:
    lab.write("a", b"same")
    lab.server.put(EID, "a", b"same")
    result = lab.push()
    assert (result.uploaded, result.adopted) == (0, 1)
    assert states(lab, "a") == [State.IN_SYNC]
    lab.write("a", b"changed")
    assert lab.push().uploaded == 1


def test_another_file_of_the_name_is_never_overwritten_unasked(lab: Lab) -> None:
    lab.write("a", b"ours")
    lab.server.put(EID, "a", b"theirs")
    for _ in range(2):
        assert lab.push().uploaded == 0
    lab.write("a", b"ours, changed")
    assert lab.push().uploaded == 0
    assert lab.remote == {"a": b"theirs"}
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert step.message == "conflict: another file of this name was on the server first"


def test_a_conflict_is_compared_once_not_at_every_push(lab: Lab) -> None:
    lab.write("a", b"ours!!")
    lab.server.put(EID, "a", b"theirs")
    lab.push()
    lab.push()
    assert lab.server.called("download") == ["a"]
    lab.server.put(EID, "a", b"ours!!")
    assert lab.push().adopted == 1


def test_a_conflict_is_ended_where_a_person_says_so(lab: Lab) -> None:
    for path in ("run/a", "run/b", "c"):
        lab.write(path, b"ours")
        lab.server.put(EID, path.replace("/", "~"), b"theirs")
    result = lab.push("run", overwrite=True)
    assert result.uploaded == 2
    assert lab.remote == {"run~a": b"ours", "run~b": b"ours", "c": b"theirs"}
    named = [line for line in lab.said if line.startswith("replacing")]
    assert sorted(named) == ["replacing run/a", "replacing run/b"]
    first_upload = next(i for i, line in enumerate(lab.said) if line.startswith("Uploaded"))
    assert all(lab.said.index(line) < first_upload for line in named)
    assert states(lab, "run/a", "run/b") == [State.IN_SYNC, State.IN_SYNC]


def test_only_the_version_that_was_seen_is_replaced(lab: Lab) -> None:
    lab.write("a", b"ours")
    lab.server.put(EID, "a", b"theirs")
    lab.push()
    lab.journal.outcomes.allow_replacing([lab.record("a")])
    lab.server.put(EID, "a", b"theirs, newer")
    lab.push()
    assert lab.remote == {"a": b"theirs, newer"}
    assert states(lab, "a") == [State.HELD]


def test_replacing_names_nothing_that_is_held_for_another_reason(lab: Lab) -> None:
    lab.write("a", b"ours")
    lab.server.put(EID, "a", b"theirs")
    lab.push()
    lab.server.troubles["upload"].append(TransferRefused("too large", status=413))
    lab.push(overwrite=True)
    lab.said.clear()
    lab.push(overwrite=True)
    assert not [line for line in lab.said if line.startswith("replacing")]
    assert states(lab, "a") == [State.HELD]


def test_what_others_changed_is_held_once_it_changes_here_too(lab: Lab) -> None:
    lab.write("a", b"ours")
    lab.push()
    lab.server.put(EID, "a", b"theirs")
    assert lab.push().uploaded == 0
    assert states(lab, "a") == [State.DIFFERS]
    lab.write("a", b"ours, changed")
    assert lab.push().uploaded == 0
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert "changed here, and by others" in step.message
    assert lab.remote == {"a": b"theirs"}


def test_what_was_removed_on_the_server_stays_removed_unless_wanted(lab: Lab) -> None:
    for path in ("a", "b"):
        lab.write(path)
    lab.push()
    del lab.server.of(EID).files["a"]
    assert lab.push().uploaded == 0
    step = lab.decision("a")
    assert isinstance(step, Hold)
    assert step.message == "removed on the server"
    lab.write("a", b"changed")
    assert lab.push().uploaded == 0
    lab.journal.outcomes.retry([lab.record("a").id])
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": b"changed", "b": b"data"}


def just_before_it_is_done(
    lab: Lab, path: str, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> None:
    """What others do while a decided file waits for a worker."""
    perform, done = Engine.perform, list[str]()

    def performing(engine: Engine, job: Job) -> Outcome:
        if job.file.path == path and not done:
            done.append(path)
            lab.clock.advance(SHORTEST_WINDOW_S)
            meanwhile()
        return perform(engine, job)

    monkeypatch.setattr(Engine, "perform", performing)


def test_a_name_taken_while_a_file_waited_for_a_worker_is_seen(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a", b"1", age_s=200)
    lab.write("b", b"ours", age_s=100)
    put = partial(lab.server.put, EID, "b", b"theirs")
    just_before_it_is_done(lab, "b", monkeypatch, put)
    lab.push()
    assert lab.remote["b"] == b"theirs"
    assert states(lab, "a", "b") == [State.IN_SYNC, State.HELD]


def test_a_file_replaced_by_others_since_the_list_was_fetched_is_not_overwritten(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a", b"ours")
    lab.push()
    lab.write("a", b"ours, changed")
    put = partial(lab.server.put, EID, "a", b"theirs")
    just_before_it_is_done(lab, "a", monkeypatch, put)
    lab.push()
    assert lab.remote == {"a": b"theirs"}
    assert states(lab, "a") == [State.HELD]


# Empty and deleted files


def test_an_emptied_file_leaves_the_good_copy_alone(lab: Lab) -> None:
    lab.write("a", b"good")
    lab.push()
    lab.write("a", b"")
    assert lab.push().uploaded == 0
    assert lab.remote == {"a": b"good"}
    lab.journal.outcomes.retry([lab.record("a").id])
    assert lab.push().uploaded == 1
    assert lab.remote == {"a": b""}


def test_a_wish_to_try_a_failed_file_again_is_no_wish_to_send_it_empty(lab: Lab) -> None:
    lab.write("a", b"good")
    lab.push()
    lab.write("a", b"better")
    lab.server.troubles["upload"].append(TransferRefused("no", status=400))
    lab.push()
    lab.journal.outcomes.retry([lab.record("a").id])
    lab.write("a", b"")
    assert lab.push().uploaded == 0
    assert lab.remote == {"a": b"good"}


def test_deleted_files_are_kept_on_the_server(lab: Lab) -> None:
    lab.write("a")
    lab.write("b")
    lab.push()
    (lab.root / "a").unlink()
    assert lab.push().removed == 0
    assert set(lab.remote) == {"a", "b"}
    assert states(lab, "a") == [State.IN_SYNC]


def test_deleted_files_that_are_kept_need_no_decision_any_more(lab: Lab) -> None:
    for path in ("a", "b"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    lab.push()
    lab.said.clear()
    lab.push()
    assert lab.said == ["planned 0 files, 0 bytes"]
    summary = summarize(lab.journal, lab.mapping, lab.clock.now_ns())
    assert (summary.kept, summary.files[State.IN_SYNC]) == (1, 1)


def test_deleted_files_are_removed_where_that_is_wanted(lab: Lab) -> None:
    lab.configure(on_local_delete="remove")
    for path in ("a", "b", "c"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    result = lab.push()
    assert result.removed == 1
    assert lab.clock.waits == [5.0], "gone only just now"
    assert set(lab.remote) == {"b", "c"}
    assert lab.find("a") is None


def test_not_too_many_are_removed_at_once(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.5)
    for number in range(10):
        lab.write(f"{number}")
    lab.push()
    for number in range(6):
        (lab.root / f"{number}").unlink()
    assert lab.push().removed == 0
    step = lab.decision("0")
    assert isinstance(step, Hold)
    assert step.message.startswith("6 of 10 files are gone at once")
    lab.journal.outcomes.retry([lab.record("0").id])
    assert lab.push().removed == 1, "5 of 9 are still too many"
    (lab.root / "1").write_text("back again")
    assert lab.push().removed == 4


def test_what_was_retried_before_is_not_removed_by_that(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.1)
    for number in range(10):
        lab.write(f"{number}")
    lab.push()
    lab.journal.outcomes.retry([lab.record(f"{number}").id for number in range(9)])
    for number in range(9):
        (lab.root / f"{number}").unlink()
    assert lab.push().removed == 0
    assert len(lab.remote) == 10


def test_what_others_changed_is_not_removed(lab: Lab) -> None:
    lab.configure(on_local_delete="remove")
    for path in ("a", "b", "c"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    lab.server.put(EID, "a", b"theirs")
    assert lab.push().removed == 0
    assert lab.remote["a"] == b"theirs"


def test_what_others_changed_since_the_list_was_fetched_is_not_removed(lab: Lab) -> None:
    lab.configure(on_local_delete="remove")
    for path in ("a", "b", "c"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()

    def meanwhile(_seconds: float) -> None:
        lab.server.put(EID, "a", b"theirs")

    lab.clock.while_waiting = meanwhile
    assert lab.push().removed == 0
    assert lab.remote["a"] == b"theirs"


def test_nothing_is_removed_while_the_root_is_in_trouble(lab: Lab, tmp_path: Path) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    for path in ("a", "b"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    lab.scan()
    lab.root.rename(tmp_path / "away")
    lab.root.mkdir()
    lab.clock.advance(60)
    for _ in range(2):
        assert lab.push().removed == 0
    assert set(lab.remote) == {"a", "b"}
    lab.root.rmdir()
    (tmp_path / "away").rename(lab.root)
    assert lab.push().removed == 1


def test_a_file_in_the_place_of_a_directory_does_not_keep_its_files_on_the_server(
    lab: Lab,
) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    lab.write("run/a")
    lab.write("b")
    lab.push()
    shutil.rmtree(lab.root / "run")
    lab.write("run")
    assert lab.push().removed == 1
    assert set(lab.remote) == {"run", "b"}


def test_nothing_is_asked_of_an_experiment_that_cannot_be_used(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    for path in ("a", "b"):
        lab.write(path)
    lab.push()
    (lab.root / "a").unlink()
    lab.server.remove(EID)
    lab.push()
    assert lab.server.called("remove_files") == []
    assert states(lab, "a", "b") == [State.HELD, State.HELD]


# Lost answers and crashes


@pytest.mark.parametrize("changed", [False, True])
def test_a_lost_answer_makes_no_conflict(lab: Lab, *, changed: bool) -> None:
    lab.write("a", b"first")
    lab.server.after["upload"] = raiser(AWAY)
    lab.server.always["check_file_name_header"] = AWAY
    lab.push()
    assert lab.remote == {"a": b"first"}
    assert lab.record("a").synced is None
    if changed:
        lab.write("a", b"second")
    lab.server.always.clear()
    lab.server.after.clear()
    result = lab.push()
    # An upload without an answer may still arrive: whose time is listed, only the content tells.
    assert (result.adopted, result.uploaded) == ((1, 1) if changed else (1, 0))
    assert states(lab, "a") == [State.IN_SYNC]
    assert lab.remote["a"] == (lab.root / "a").read_bytes()


@pytest.mark.parametrize("before", [True, False], ids=["the bytes went", "the outcome was noted"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_crash_around_an_upload_is_made_good(lab: Lab, *, before: bool, known: bool) -> None:
    lab.configure(tags=(TagRule(match="**", add=("all",)),))
    if known:
        lab.write("a", b"old")
        lab.push()
    lab.write("a", b"new")
    if before:
        lab.server.troubles["upload"].append(raiser(Killed()))
    else:
        lab.server.after["upload"] = raiser(Killed())
    with pytest.raises(Killed):
        lab.push()
    lab.server.after.clear()
    lab.reopen()
    lab.push()
    assert lab.remote == {"a": b"new"}
    assert states(lab, "a") == [State.IN_SYNC]
    assert lab.server.of(EID).tags == ["all"]


def test_a_full_disk_under_the_journal_ends_a_push_and_loses_nothing(lab: Lab) -> None:
    for number in range(10):
        lab.write(f"{number}")
    lab.push()
    for number in range(10, 40):
        lab.write(f"{number}-{'x' * 200}")
    with lab.journal._database.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalDiskFull):
        lab.push()
    lab.reopen()
    lab.push()
    assert len(lab.remote) == 40


def test_a_lost_journal_is_rebuilt_without_sending_anything_again(lab: Lab) -> None:
    for number in range(5):
        lab.write(f"{number}", b"%d" % number)
    lab.push()
    lab.reopen(lose_journal=True)
    result = lab.push()
    assert (result.uploaded, result.adopted) == (0, 5)


# Mistakes of this program, and moments that come together badly


def test_a_mistake_in_a_worker_does_not_keep_a_push_from_ending(lab: Lab) -> None:
    for path in ("bad", "good"):
        lab.write(path)
    session, pool = lab.new_session()

    def perform(job: Job) -> Outcome:
        if job.file.path == "bad":
            job.errand.drop()
            raise ZeroDivisionError
        return session.engine.perform(job)

    pool._perform = perform
    order = Order(Limits(), Listener([]))
    serve(session, order, pool, lab.clock)
    assert lab.remote == {"good": b"data"}
    assert pool.begun.count("bad") == TRIES
    assert lab.decision("bad").state is State.FAILED


def test_a_server_that_is_back_at_once_ends_no_push(lab: Lab) -> None:
    """A probe of the daemon may end the trouble just after the push has noticed it."""
    for number in range(30):
        lab.write(f"{number}")
    session, pool = lab.new_session()
    order = Order(Limits(), Listener([]))
    ask_for, end_round = order.ask_for, order.end_round

    def away_now(files: Iterable[Waiting]) -> None:
        ask_for(files)
        order.ask_for = ask_for  # type: ignore[method-assign]  # only once
        session._shared.state.failed(AWAY)

    def back_meanwhile() -> Round:
        this = end_round()
        session.engine.probe()
        return this

    order.ask_for = away_now  # type: ignore[method-assign]  # something else meets the trouble
    order.end_round = back_meanwhile  # type: ignore[method-assign]  # and something else its end
    serve(session, order, pool, lab.clock)
    assert len(lab.remote) == 30


# Ending early


def test_a_push_that_is_stopped_finishes_what_is_under_way(lab: Lab) -> None:
    for number in range(100):
        lab.write(f"{number}")
    stop = threading.Event()
    lab.server.troubles["upload"].append(stop.set)
    result = lab.serve(Order(Limits(), Listener([]), stop))
    assert result.interrupted
    assert 1 <= len(lab.remote) <= 20
    assert result.uploaded == len(lab.remote)
    assert lab.push().uploaded == 100 - result.uploaded


def test_a_push_that_is_stopped_while_it_waits_ends(lab: Lab) -> None:
    lab.write("a", age_s=0)
    stop = threading.Event()
    lab.clock.while_waiting = lambda _seconds: stop.set()
    result = lab.serve(Order(Limits(), Listener([]), stop))
    assert result.interrupted
    assert lab.remote == {}


def test_a_push_that_is_aborted_leaves_no_marks(lab: Lab) -> None:
    lab.write("a", bytes(3_000_000))
    session, pool = lab.new_session()
    lab.server.troubles["upload"].append(session.abort)
    order = Order(Limits(), Listener([]))
    serve(session, order, pool, lab.clock)
    assert order.result.interrupted
    assert order.result.server_problem is None
    assert lab.remote == {}
    assert lab.record("a").failure is None
