"""What is known of files in places that cannot be looked at may be past: they are held."""

from __future__ import annotations

import pytest

from aqsync.model import Hold, InSync, OnLocalDelete, Policy, Problem, State
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions
from tests.support.reasons import said

LOCKED = Problem(said("locked cannot be looked at", "unlock it"), 7)


@pytest.fixture
def locked(lab: Lab) -> Lab:
    """A root with new files, one of them in a directory that has become unreadable."""
    lab.journal.remote.found({EID: str(lab.server.of(EID).uuid)})
    for path in ("a", "locked/b", "locked/deep/c", "locked-not/d"):
        lab.write(path)
    lab.scan()
    lab.journal.remote.listed({EID: []}, (["x"], b""), 1, 1)
    (lab.root / "locked").chmod(0)
    with bound_by_permissions():
        lab.scan()
    (lab.root / "locked").chmod(0o700)
    return lab


def test_only_files_in_the_place_are_held(locked: Lab) -> None:
    policy_of = policies(locked.journal, locked.mapping, locked.clock.now_ns())
    held = {
        path
        for path in ("a", "locked/b", "locked/deep/c", "locked-not/d")
        if policy_of(locked.record(path)).place_problem is not None
    }
    assert held == {"locked/b", "locked/deep/c"}
    step = locked.decision("locked/deep/c")
    assert isinstance(step, Hold)
    assert "locked cannot be looked at" in step.message
    assert step.hint
    assert locked.decision("a").state is State.PENDING
    locked.scan("locked")
    assert locked.decision("locked/deep/c").state is State.PENDING


def test_a_trouble_of_the_root_is_not_one_of_a_place(lab: Lab) -> None:
    lab.write("a")
    lab.scan()
    lab.journal.mappings.set_troubles(lab.mapping_id, {"": LOCKED})
    policy = policies(lab.journal, lab.mapping, lab.clock.now_ns())(lab.record("a"))
    assert (policy.root_problem, policy.place_problem) == (LOCKED, None)


def test_a_file_that_was_removed_waits_too(locked: Lab) -> None:
    """Whether it came back cannot be told."""
    locked.push("a")
    assert set(locked.remote) == {"a"}
    (locked.root / "a").unlink()
    locked.scan()
    file = locked.record("a")
    assert file.local is None
    keeping = Policy(settle_ns=0, place_problem=LOCKED)
    removing = Policy(settle_ns=0, place_problem=LOCKED, on_local_delete=OnLocalDelete.REMOVE)
    now_ns = locked.clock.now_ns()
    assert isinstance(decide(file, keeping, now_ns), InSync)
    assert decide(file, removing, now_ns) == Hold(
        said(LOCKED.message, LOCKED.hint), LOCKED.since_ns
    )
