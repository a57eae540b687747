"""The steps of syncing, and what the engine makes of errors."""

from __future__ import annotations

import threading

import pytest

from aqsync.config import MappingConfig, TagRule
from aqsync.errors import (
    BadAnswer,
    ExperimentNotFound,
    HeaderDropped,
    Interrupted,
    RemoteError,
    ServerFailed,
    ServerUnreachable,
    TokenRefused,
)
from aqsync.journal.history import HistoryKind
from aqsync.model import (
    ChangedMeanwhile,
    Compare,
    Failed,
    FileRecord,
    FoundOurOwn,
    Outcome,
    Reason,
    RemoveRemote,
    ServerProblem,
    State,
    Upload,
    Uploaded,
    Wait,
    explain_error,
)
from aqsync.sync.backoff import backoff_ns
from aqsync.sync.engine import Engine
from aqsync.sync.jobs import Job
from tests.support.fake_clock import SECOND_NS
from tests.support.harness import logged
from tests.support.lab import EID, Lab
from tests.support.reasons import said
from tests.support.stepping import shared_by

AWAY = ServerUnreachable("no connection", hint="is it on?")
NEW = Upload(said("new"), 0, replaces=False)


def job_of(engine: Engine, file: FileRecord, step: Upload | Compare | RemoveRemote = NEW) -> Job:
    job = engine.job(file, step)
    assert job is not None
    return job


def seen(lab: Lab, path: str = "a") -> FileRecord:
    lab.write(path)
    lab.engine.scan(lab.mapping)
    assert lab.engine.refresh(lab.engine.eids())
    return lab.record(path)


def prepared(lab: Lab, path: str = "a") -> Job:
    return job_of(lab.engine, seen(lab, path))


def problem(lab: Lab) -> ServerProblem | None:
    return lab.journal.remote.server_problem()


def test_an_upload_to_an_experiment_that_was_replaced_counts_for_nothing(lab: Lab) -> None:
    job = prepared(lab)
    lab.journal.remote.found({EID: "00000000-0000-4000-8000-000000000000"})
    assert isinstance(lab.engine.perform(job), ChangedMeanwhile)
    assert lab.record("a").synced is None


def test_when_the_server_was_away_is_history(lab: Lab) -> None:
    lab.server.always["list_files"] = AWAY
    for _ in range(3):
        lab.engine.refresh([EID])
        lab.clock.advance(60)
    lab.server.always.clear()
    for _ in range(2):
        assert lab.engine.refresh([EID])
    events = [(e.kind, e.mapping, e.text) for e in lab.journal.history.recent(9)]
    assert events == [("server away", "", AWAY.message), ("server back", "", "after 3 min")]


# What is asked for


def test_the_experiments_of_a_mapping_are_asked_for_before_it_has_files(lab: Lab) -> None:
    assert lab.engine.eids() == {EID}


def test_the_experiments_of_a_pattern_are_those_that_files_lead_to(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}_*/**")
    assert lab.engine.eids() == set()
    lab.write("20261123-7_x/a")
    lab.write("20261123-8_y/b")
    lab.engine.scan(lab.mapping)
    assert lab.engine.eids() == {"20261123-7", "20261123-8"}


def test_an_experiment_that_no_file_leads_to_any_more_is_not_asked_for(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    other = "20261123-2"
    lab.server.add(other)
    for eid in (EID, other):
        lab.write(f"{eid}/a")
    lab.push()
    assert lab.engine.eids() == {EID, other}
    (lab.root / other / "a").unlink()
    lab.engine.scan(lab.mapping)
    assert lab.engine.eids() == {EID}, "its copy is kept, whatever the list says"
    lab.write(f"{other}/a", b"back")
    lab.push()
    assert lab.engine.eids() == {EID, other}
    assert lab.server.contents(other) == {f"{other}~a": b"back"}


def test_an_experiment_whose_copies_are_to_be_removed_is_asked_for_until_they_are(
    lab: Lab,
) -> None:
    keys = {"experiment": "{eid}", "path": "{eid}/**", "on_local_delete": "remove"}
    lab.configure(**keys, remove_share=0.1)
    lab.write(f"{EID}/a")
    lab.write("20261123-2/b")
    lab.push()
    (lab.root / EID / "a").unlink()
    lab.push()
    assert lab.engine.eids() == {EID, "20261123-2"}, "too many are gone at once"
    lab.configure(**keys, remove_share=1.0)
    lab.push()
    assert lab.server.contents(EID) == {}
    assert lab.engine.eids() == {"20261123-2"}


def test_where_files_led_by_earlier_rules_is_not_asked_for(lab: Lab) -> None:
    lab.configure(experiment="{eid}", path="{eid}/**")
    lab.write(f"{EID}/a")
    lab.push()
    lab.configure(experiment="20261123-9")
    assert lab.engine.eids() == {"20261123-9"}
    lab.configure(experiment="{eid}", path="{eid}/{run}/**")
    assert lab.engine.eids() == set(), "the next scan tells where they lead"
    lab.write("20261123-8/x/b")
    lab.engine.scan(lab.mapping)
    assert lab.engine.eids() == {"20261123-8"}
    lab.configure(experiment="{eid}", path="{eid}/**")
    lab.push()
    assert lab.decision(f"{EID}/a").state is State.IN_SYNC


def test_tags_of_what_is_no_longer_configured_are_not_brought(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="*", add=("all",)),))
    lab.server.refused_tags.add("all")
    lab.write("a")
    lab.push()
    asked = len(lab.server.called("add_tags"))
    assert asked
    other = MappingConfig(name="other", directory=lab.root, experiment="20261123-2")
    engine = Engine([other], lab.server, shared_by(lab.journal, lab.clock))
    assert engine.tag() == 0
    assert len(lab.server.called("add_tags")) == asked
    assert lab.journal.tags.failures([lab.journal.mappings.get("other").id]) == []
    assert lab.journal.tags.failures([lab.mapping_id]) != []


def test_what_is_no_longer_configured_is_not_asked_for(lab: Lab) -> None:
    lab.write("a")
    lab.engine.scan(lab.mapping)
    other = MappingConfig(name="other", directory=lab.root, experiment="20261123-2")
    engine = Engine([other], lab.server, shared_by(lab.journal, lab.clock))
    assert engine.eids() == {"20261123-2"}


# Doing


def test_an_upload_earns_its_tags_with_the_same_write(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="{run}/*", add=("run:{run}", "all")),))
    job = prepared(lab, "x y/a")
    assert isinstance(lab.engine.perform(job), Uploaded)
    assert lab.journal.tags.unapplied() == {EID: ["all", "run:x-y"]}
    assert lab.engine.tag() == 2
    assert sorted(lab.server.of(EID).tags) == ["all", "run:x-y"]


def test_an_upload_whose_answer_was_lost_earns_its_tags_when_it_is_found(lab: Lab) -> None:
    lab.configure(tags=(TagRule(match="*", add=("all",)),))
    job = prepared(lab)

    def lose_answer() -> None:
        raise ServerFailed("500")

    lab.server.after["upload"] = lose_answer
    assert isinstance(lab.engine.perform(job), Failed)
    assert lab.journal.tags.unapplied() == {}
    lab.write("a", b"another")
    lab.engine.scan(lab.mapping)
    assert lab.engine.refresh([EID])
    found = job_of(lab.engine, lab.record("a"), Compare(said("is it ours?"), 0))
    assert isinstance(lab.engine.perform(found), FoundOurOwn)
    assert lab.journal.tags.unapplied() == {EID: ["all"]}
    assert lab.journal.history.recent(9)[-1].kind is HistoryKind.UPLOADED


def test_an_error_of_the_file_is_the_files(lab: Lab) -> None:
    job = prepared(lab)
    lab.server.troubles["upload"].append(ServerFailed("500", hint="later"))
    assert lab.engine.perform(job) == Failed(
        said("500", "later", Reason.SERVER_FAILED), permanent=False
    )
    assert problem(lab) is None
    assert lab.engine.usable
    assert lab.decision("a").state is State.FAILED


@pytest.mark.parametrize("error", [AWAY, BadAnswer("what?")])
def test_a_server_that_is_away_is_the_servers_state(lab: Lab, error: RemoteError) -> None:
    job = prepared(lab)
    lab.server.troubles["upload"].append(error)
    outcome = lab.engine.perform(job)
    assert outcome == Failed(explain_error(error), permanent=False)
    found = problem(lab)
    assert found is not None
    assert (found.message, found.denied, found.count) == (error.message, False, 1)
    assert found.since_ns == lab.clock.now_ns()
    assert found.probe_at_ns == lab.clock.now_ns() + backoff_ns(1, 0)
    assert not lab.engine.usable
    assert lab.engine.refresh([EID])
    assert problem(lab) is None


@pytest.mark.parametrize("error", [TokenRefused("no"), HeaderDropped("proxy", status=422)])
def test_a_refusal_is_lifted_by_a_probe_alone(lab: Lab, error: RemoteError) -> None:
    job = prepared(lab)
    lab.server.troubles["upload"].append(error)
    assert isinstance(lab.engine.perform(job), Failed)
    assert lab.record("a").failure is None, "no fault of this file's"
    found = problem(lab)
    assert found is not None
    assert found.denied
    assert lab.engine.refresh([EID])
    assert problem(lab) is not None
    assert lab.engine.probe()
    assert problem(lab) is None


def test_the_pause_before_the_next_probe_grows(lab: Lab) -> None:
    lab.server.always["list_files"] = AWAY
    pauses = []
    for count in range(1, 13):
        assert not lab.engine.refresh([EID])
        found = problem(lab)
        assert found is not None
        assert found.count == count
        pauses.append(found.probe_at_ns - lab.clock.now_ns())
        lab.clock.advance(pauses[-1] / SECOND_NS + 0.001)
    assert pauses[:8] == sorted(pauses[:8])
    assert max(pauses) <= 1.2 * 15 * 60 * SECOND_NS
    lab.server.always.clear()
    assert lab.engine.probe()
    assert problem(lab) is None


def test_a_pause_that_the_server_asks_for_is_the_servers_state(lab: Lab) -> None:
    job = prepared(lab)
    lab.server.troubles["upload"].append(ServerFailed("busy (429)", retry_after_s=700.0))
    assert isinstance(lab.engine.perform(job), Failed)
    assert lab.record("a").failure is None, "no fault of this file's"
    found = problem(lab)
    assert found is not None
    assert found.message == "busy (429); it asks to be left alone for 11 min 40 s"
    assert found.ordered
    assert not found.denied
    assert found.probe_at_ns == lab.clock.now_ns() + 700 * SECOND_NS
    step = lab.decision("a")
    assert isinstance(step, Wait)
    assert (step.message, step.until_ns) == (found.message, found.probe_at_ns)


@pytest.mark.parametrize(
    ("asked_s", "waited_s"), [(0.0, 1), (3600.0, 3600), (86_400.0, 3600)], ids=str
)
def test_a_pause_that_is_asked_for_has_its_bounds(lab: Lab, asked_s: float, waited_s: int) -> None:
    lab.server.troubles["list_files"].append(ServerFailed("busy", retry_after_s=asked_s))
    assert not lab.engine.refresh([EID])
    found = problem(lab)
    assert found is not None
    assert found.probe_at_ns == lab.clock.now_ns() + waited_s * SECOND_NS


def test_what_waited_for_a_worker_is_not_sent_to_a_server_that_asked_for_quiet(lab: Lab) -> None:
    jobs = [prepared(lab, f"{number}") for number in range(3)]
    lab.server.troubles["upload"].append(ServerFailed("busy", retry_after_s=60.0))
    for job in jobs:
        assert isinstance(lab.engine.perform(job), Failed)
    assert lab.server.called("upload") == ["0"]
    assert lab.record("1").failure is None


def test_the_newest_answer_is_what_is_said(lab: Lab) -> None:
    """Also when somebody asks before the next probe is due."""
    answers: list[tuple[RemoteError, bool]] = [
        (AWAY, False),
        (TokenRefused("no token", hint="get one"), True),
        (ServerFailed("503", hint="wait"), False),
        (ServerFailed("busy", retry_after_s=30.0), False),
        (AWAY, False),
    ]
    since_ns = lab.clock.now_ns()
    with logged() as log:
        for error, denied in answers:
            lab.server.troubles["check_file_name_header"].append(error)
            assert not lab.engine.probe()
            found = problem(lab)
            assert found is not None
            assert found.message.startswith(error.message)
            assert (found.hint, found.denied, found.count) == (error.hint, denied, 1)
            assert found.since_ns == since_ns
            lab.clock.advance(0.1)
    found = problem(lab)
    assert found is not None
    assert found.ordered, "what the server asked for outlives a line that broke"
    assert found.probe_at_ns == since_ns + int(30.3 * SECOND_NS)
    assert len(log.of("cannot be used")) == 3, "its beginning, and where it needs somebody else"


def test_several_workers_that_meet_the_same_failure_count_once(lab: Lab) -> None:
    jobs = [prepared(lab, f"{number}") for number in range(4)]
    lab.server.always["upload"] = AWAY
    together = threading.Barrier(4)

    def work(job: Job) -> None:
        together.wait()
        lab.engine.perform(job)

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = problem(lab)
    assert found is not None
    assert found.count == 1


@pytest.mark.parametrize("back_s", [3600.0, 10 * 365 * 86_400.0])
def test_a_clock_set_back_does_not_put_the_probe_off(lab: Lab, back_s: float) -> None:
    lab.server.always["list_files"] = AWAY
    for _ in range(3):
        lab.engine.refresh([EID])
        lab.clock.advance(20)
    lab.clock.set_back(back_s)
    lab.engine.refresh([EID])
    found = problem(lab)
    assert found is not None
    assert found.count == 4
    assert found.probe_at_ns <= lab.clock.now_ns() + 1.2 * 8 * SECOND_NS
    assert found.since_ns <= lab.clock.now_ns()


def test_a_probe_tries_what_an_upload_needs(lab: Lab) -> None:
    lab.server.troubles["check_file_name_header"].append(HeaderDropped("proxy", status=422))
    assert not lab.engine.probe()
    found = problem(lab)
    assert found is not None
    assert found.denied
    lab.server.troubles["list_files"].append(AWAY)
    assert not lab.engine.probe()
    assert lab.engine.probe()
    assert problem(lab) is None


def test_the_servers_state_outlives_the_process(lab: Lab) -> None:
    lab.server.troubles["list_files"].append(AWAY)
    lab.engine.refresh([EID])
    assert not lab.new_engine().usable


@pytest.mark.parametrize("step", [NEW, Compare(said("taken"), 0)])
def test_a_vanished_experiment_stops_the_mapping_and_nothing_else(
    lab: Lab, step: Upload | Compare
) -> None:
    lab.server.put(EID, "a", b"data")
    file = seen(lab)
    lab.server.remove(EID)
    outcome = lab.engine.perform(job_of(lab.engine, file, step))
    assert isinstance(outcome, Failed)
    assert problem(lab) is None
    found = lab.journal.remote.problems()[EID][0]
    assert found.message == f"the server no longer knows experiment {EID}"
    assert found.hint
    assert lab.decision("a").state is State.HELD
    assert lab.record("a").failure is None
    lab.server.add(EID)
    lab.engine.refresh([EID])
    assert lab.decision("a").state is State.PENDING


def test_tags_that_cannot_be_brought_make_the_server_unusable(lab: Lab) -> None:
    job = prepared(lab)
    lab.engine.perform(job)
    lab.journal.tags.earn([(EID, "a")], 1)
    lab.server.troubles["add_tags"].append(AWAY)
    assert lab.engine.tag() == 0
    assert problem(lab) is not None
    assert lab.engine.tag() == 1


def test_what_fails_after_the_abort_is_broken_off(lab: Lab) -> None:
    abort = threading.Event()
    lab.write("a")
    shared = shared_by(lab.journal, lab.clock)
    lab.engine = Engine([lab.mapping], lab.server, shared, aborted=abort.is_set)
    job = prepared(lab)
    before = lab.record("a")
    lab.server.troubles["upload"].append(abort.set)
    lab.server.after["upload"] = lambda: lab.server._begin("closed", "")
    lab.server.troubles["closed"].append(AWAY)
    with pytest.raises(Interrupted):
        lab.engine.perform(job)
    assert problem(lab) is None
    assert lab.record("a").failure is None
    assert lab.record("a").synced == before.synced


def test_one_engine_serves_several_mappings(lab: Lab) -> None:
    second = lab.root.parent / "second"
    second.mkdir()
    (second / "b").write_text("of the second")
    lab.set_age(second / "b", 60)
    lab.server.add("20261123-2")
    other = MappingConfig(name="other", directory=second, experiment="20261123-2")
    engine = Engine([lab.mapping, other], lab.server, shared_by(lab.journal, lab.clock))
    assert engine.eids() == {EID, "20261123-2"}
    engine.scan(other)
    engine.refresh(engine.eids())
    other_id = lab.journal.mappings.get("other").id
    file = lab.journal.observations.record_at(other_id, "b")
    assert file is not None
    outcome: Outcome = engine.perform(job_of(engine, file))
    assert isinstance(outcome, Uploaded)
    assert lab.server.contents("20261123-2") == {"b": b"of the second"}


def test_an_experiment_that_is_not_known_is_an_outcome_and_no_crash(lab: Lab) -> None:
    job = prepared(lab)
    lab.server.troubles["upload"].append(ExperimentNotFound("where?", hint="there"))
    assert lab.engine.perform(job) == Failed(
        said("where?", "there", Reason.NO_EXPERIMENT), permanent=False
    )
