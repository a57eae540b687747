"""What the server does not allow: for a file, an experiment, or anything."""

from __future__ import annotations

import pytest

from aqsync.config import MappingConfig
from aqsync.errors import Forbidden, ServerUnreachable, TokenRefused
from aqsync.journal.refusals import EVERYWHERE
from aqsync.model import Action, Hold, State, Wait
from aqsync.sync.policies import decisions, server_state
from tests.support.harness import Harness, logged
from tests.support.lab import EID, Lab

NO = Forbidden("the server does not allow this")
OTHERS = [f"20261123-{number}" for number in range(2, 6)]


@pytest.fixture
def many(lab: Lab) -> Lab:
    """Each folder goes to an experiment of its own."""
    lab.configure(experiment="{eid}", path="{eid}/**")
    for eid in OTHERS:
        lab.server.add(eid)
    return lab


def refusing(lab: Lab, *names: str, with_probe: bool = False) -> list[str]:
    """Let the server refuse files whose remote names begin so; returns those it was offered."""
    offered: list[str] = []
    begin = lab.server._begin

    def guarded(method: str, about: str) -> None:
        begin(method, about)
        if method == "upload":
            offered.append(about)
            if about.startswith(names):
                raise NO
        if method == "check_file_name_header" and with_probe:
            raise NO

    lab.server._begin = guarded  # type: ignore[method-assign]  # a server that may not do it all
    return offered


def standing(lab: Lab) -> set[tuple[str, Action]]:
    return set(lab.journal.refusals.current())


# One file


def test_a_refusal_of_one_file_is_the_files(lab: Lab) -> None:
    for name in ("a", "b", "c"):
        lab.write(name)
    offered = refusing(lab, "b")
    result = lab.push()
    assert lab.remote.keys() == {"a", "c"}
    assert result.server_problem is None
    assert standing(lab) == set()
    step = lab.decision("b")
    assert isinstance(step, Wait)
    assert (step.state, step.message) == (State.FAILED, NO.message)
    assert offered.count("b") == 3, "a push tries three times"


def test_the_daemon_tries_a_refused_file_ever_more_rarely_and_tells_it_once(lab: Lab) -> None:
    harness = Harness(lab)
    harness.run(3)
    offered = refusing(lab, "b")
    with logged() as log:
        for name in ("a", "b", "c"):
            harness.write(name, age_s=60)
        harness.run(25)
        assert 3 <= offered.count("b") <= 6
        harness.run(3600)
        assert offered.count("b") <= 20
    assert len(log.of("failed")) == 1
    assert log.of("cannot be used") == []
    lab.server._begin = type(lab.server)._begin.__get__(lab.server)  # type: ignore[method-assign]  # allowed
    harness.run(1200)
    assert lab.remote.keys() == {"a", "b", "c"}


# An experiment


def test_three_files_in_a_row_are_the_experiments(many: Lab) -> None:
    for number in range(200):
        many.write(f"{EID}/{number}")
    many.write(f"{OTHERS[0]}/fine")
    offered = refusing(many, EID)
    result = many.push()
    assert many.server.contents(OTHERS[0]).keys() == {f"{OTHERS[0]}~fine"}
    assert len([name for name in offered if name.startswith(EID)]) < 15
    assert standing(many) == {(EID, Action.SEND)}
    assert result.server_problem is None
    step = many.decision(f"{EID}/199")
    assert isinstance(step, Hold)
    assert step.state is State.FAILED
    assert step.message.startswith(f"the server allows no uploads for experiment {EID}")
    assert step.next_ns is not None


def test_an_experiment_is_tried_by_one_file_and_heals(many: Lab) -> None:
    harness = Harness(many)
    harness.run(3)
    offered = refusing(many, EID)
    with logged() as log:
        for number in range(50):
            harness.write(f"{EID}/{number}", age_s=60)
        harness.run(60)
        first = len(offered)
        harness.run(3600)
        assert len(offered) - first <= 25, "the files of its own failures and the tries"
        harness.write(f"{OTHERS[0]}/fine", age_s=60)
        harness.run(1)
        assert f"{OTHERS[0]}~fine" in many.server.contents(OTHERS[0])
        many.server._begin = type(many.server)._begin.__get__(many.server)  # type: ignore[method-assign]  # allowed
        harness.run(1200)
    assert len(many.server.contents(EID)) == 50
    assert standing(many) == set()
    assert len(log.of("not allowed by the server")) == 1
    assert len(log.of("recovered: allowed again")) == 1
    assert len(log.of("failed")) <= 3


def test_bad_files_at_the_front_do_not_hold_the_good_ones(lab: Lab) -> None:
    for name in ("bad1", "bad2", "bad3", "bad4"):
        lab.write(name, age_s=7200)
    for number in range(20):
        lab.write(f"good{number}")
    refusing(lab, "bad")
    lab.push()
    assert len(lab.remote) == 20


def test_files_accepted_in_between_speak_for_the_experiment(lab: Lab) -> None:
    harness = Harness(lab)
    harness.run(3)
    refusing(lab, "bad")
    for number in range(10):
        harness.write(f"bad{number}", age_s=60)
        harness.run(0.2)
        harness.write(f"good{number}", age_s=60)
        harness.run(0.2)
    harness.run(900)
    assert len(lab.remote) == 10
    assert standing(lab) == set()


def test_what_other_experiments_accept_hides_no_evidence_for_good(many: Lab) -> None:
    """Two refused, then others and ours accepted: another one is not the third in a row."""
    harness = Harness(many)
    harness.run(3)
    refusing(many, f"{EID}~bad")
    for path in ("bad1", "bad2"):
        harness.write(f"{EID}/{path}", age_s=60)
        harness.run(0.2)
    for path in (f"{OTHERS[0]}/x", f"{EID}/good", f"{EID}/bad3"):
        harness.write(path, age_s=60)
        harness.run(0.2)
    assert standing(many) == set()


# The token


def test_three_experiments_are_the_tokens(many: Lab) -> None:
    for eid in (EID, *OTHERS):
        for number in range(20):
            many.write(f"{eid}/{number}")
    offered = refusing(many, "2026")
    result = many.push()
    assert (EVERYWHERE, Action.SEND) in standing(many)
    assert result.server_problem is not None
    assert result.server_problem.denied
    assert "with this token" in result.server_problem.message
    assert len(offered) < 40
    assert server_state(many.journal) is not None


def test_many_experiments_with_one_file_each_are_the_tokens_too(many: Lab) -> None:
    eids = [f"20261124-{number}" for number in range(60)]
    for eid in eids:
        many.server.add(eid)
        many.write(f"{eid}/a")
    offered = refusing(many, "2026")
    many.push()
    assert (EVERYWHERE, Action.SEND) in standing(many)
    assert len(set(offered)) < 30


def test_the_token_is_tried_by_one_file_and_heals(many: Lab) -> None:
    harness = Harness(many)
    harness.run(3)
    offered = refusing(many, "2026")
    with logged() as log:
        for eid in (EID, *OTHERS):
            for number in range(20):
                harness.write(f"{eid}/{number}", age_s=60)
        harness.run(60)
        first = len(offered)
        harness.run(3600)
        assert len(offered) - first <= 50
        many.server._begin = type(many.server)._begin.__get__(many.server)  # type: ignore[method-assign]  # allowed
        harness.run(1300)
    assert all(len(many.server.contents(eid)) == 20 for eid in (EID, *OTHERS))
    assert standing(many) == set()
    told = log.of("not allowed by the server")
    assert len([line for line in told if "with this token" in line]) == 1
    assert len(told) <= 6


def test_a_refused_probe_is_the_tokens(lab: Lab) -> None:
    for number in range(30):
        lab.write(f"{number}")
    offered = refusing(lab, "", with_probe=True)
    result = lab.push()
    assert result.server_problem is not None
    assert len(offered) <= 8 + 4
    assert standing(lab) == {(EVERYWHERE, Action.SEND)}


def test_a_probe_that_nobody_is_allowed_proves_nothing(lab: Lab) -> None:
    lab.write("a")
    refusing(lab, "b", with_probe=True)
    lab.push()
    harness = Harness(lab)
    harness.write("c", age_s=60)
    harness.run(3)
    harness.write("b", age_s=60)
    harness.run(1)
    harness.write("d", age_s=60)
    harness.run(60)
    assert lab.remote.keys() == {"a", "c", "d"}
    assert standing(lab) == set()


def test_401_is_the_tokens_at_once(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.write(name)
    lab.server.always["upload"] = TokenRefused("no token")
    result = lab.push()
    assert result.server_problem is not None
    assert result.server_problem.denied


def test_a_probe_that_fails_otherwise_is_the_servers_state(lab: Lab) -> None:
    lab.write("a")
    lab.server.always["upload"] = NO
    lab.server.always["check_file_name_header"] = ServerUnreachable("gone")
    result = lab.push()
    assert result.server_problem is not None
    assert result.server_problem.message == "gone"


# Other requests


def test_removals_that_are_not_allowed_stop_no_uploads(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", remove_share=1.0)
    for number in range(20):
        lab.write(f"{number}")
    lab.push()
    for number in range(10):
        (lab.root / f"{number}").unlink()
    lab.server.always["remove_files"] = NO
    harness = Harness(lab)
    harness.run(60)
    assert standing(lab) == {(EID, Action.REMOVE)}
    harness.write("new", age_s=60)
    harness.run(1)
    assert "new" in lab.remote
    lab.server.always.clear()
    harness.run(1200)
    assert lab.remote.keys() == {"new", *(f"{number}" for number in range(10, 20))}


def test_a_comparison_that_is_not_allowed_is_the_files(lab: Lab) -> None:
    lab.server.put(EID, "a", b"theirs")
    for name in ("a", "b"):
        lab.write(name)
    lab.server.always["download"] = NO
    result = lab.push()
    assert lab.remote == {"a": b"theirs", "b": b"data"}
    assert result.server_problem is None
    assert lab.decision("a").state is State.FAILED


def test_a_person_has_all_tried_at_once(many: Lab) -> None:
    for number in range(10):
        many.write(f"{EID}/{number}")
    refusing(many, EID)
    for _ in range(3):
        many.push()
    many.server._begin = type(many.server)._begin.__get__(many.server)  # type: ignore[method-assign]  # allowed
    many.push()
    assert len(many.server.contents(EID)) == 10


def test_a_refusal_that_no_file_waits_for_is_forgotten(many: Lab) -> None:
    for number in range(5):
        many.write(f"{EID}/{number}")
    refusing(many, EID)
    many.write(f"{OTHERS[0]}/fine")
    many.push()
    assert standing(many) == {(EID, Action.SEND)}
    for number in range(5):
        (many.root / EID / f"{number}").unlink()
    many.push()
    assert standing(many) == set()


def test_two_mappings_of_one_experiment_share_its_refusal(lab: Lab) -> None:
    folder = lab.root.parent / "second"
    folder.mkdir()
    other = MappingConfig(name="other", directory=folder, experiment=EID, prefix="o")
    for number in range(5):
        lab.write(f"{number}")
    (folder / "x").write_text("x")
    lab.set_age(folder / "x", 60)
    harness = Harness(lab, other)
    refusing(lab, "")
    harness.run(60)
    lab.clock.set_back(0.1)
    now_ns = lab.clock.now_ns()
    for mapping in (lab.mapping, other):
        assert [step.message for _, step in decisions(lab.journal, mapping, now_ns)]
        for file, step in decisions(lab.journal, mapping, now_ns):
            if file.failure is None:
                assert step.message.startswith("the server allows no uploads for experiment")
