"""What an order asks for, and on which thread it shows what happens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aqsync.config import MappingConfig
from aqsync.model import Signature, Uploaded
from aqsync.sync.order import Limits, Order
from aqsync.sync.progress import Event, Sent
from aqsync.sync.push import SessionEnded
from tests.support.lab import Lab, Listener
from tests.support.records import NEW
from tests.support.stepping import serve


def order(said: list[str], **limits: object) -> Order:
    return Order(Limits(**limits), Listener(said))  # type: ignore[arg-type]  # tests name the limits they change


@pytest.mark.parametrize(
    ("within", "covered"),
    [
        ({}, True),
        ({"lab": ()}, True),
        ({"lab": ("",)}, True),
        ({"lab": ("run",)}, True),
        ({"lab": ("run/a",)}, True),
        ({"lab": ("ru", "run/b")}, False),
        ({"other": ("run",)}, True),
    ],
)
def test_it_asks_for_what_lies_at_and_below_its_paths(
    within: dict[str, tuple[str, ...]], *, covered: bool
) -> None:
    file = replace(NEW, mapping="lab", path="run/a")
    assert order([], within=within).covers(file) is covered


def test_it_asks_for_no_other_mapping() -> None:
    assert not order([], mappings=("other",)).covers(replace(NEW, mapping="lab"))


def test_a_mapping_without_paths_is_pushed_whole_beside_one_with_paths(lab: Lab) -> None:
    second = lab.root.parent / "second"
    second.mkdir()
    for place in (lab.root / "a", lab.root / "b", second / "c"):
        place.write_text("x")
        lab.set_age(place, 60)
    lab.server.add("20261123-2")
    keys = {"experiment": "20261123-2", "manifest": False}
    other = MappingConfig.model_validate({"name": "other", "directory": second, **keys})
    session, pool = lab.new_session(other)
    asked = order([], within={"lab": ("a",)})
    serve(session, asked, pool, lab.clock)
    assert set(lab.remote) == {"a"}
    assert set(lab.server.contents("20261123-2")) == {"c"}
    assert asked.result.uploaded == 2


def test_who_reads_slowly_holds_up_nobody_but_the_own_push() -> None:
    """The dispatcher and the workers only note what happened; the push tells it."""
    said: list[str] = []
    asked = order(said)
    asked.sent(10)
    asked.ended(NEW, Uploaded(Signature(10, 1, 1, 1), b"", None), 0)
    assert said == []
    asked.report()
    assert said == [f"Uploaded {NEW.path}"]
    asked.report()
    assert len(said) == 1


def test_its_time_goes_on_through_a_reload(lab: Lab) -> None:
    """So a push waits no longer than it may, however often a configuration is taken over."""
    lab.write("young", age_s=0)
    asked = order([], longest_wait_s=30.0)
    for _ in range(2):
        session, _pool = lab.new_session()
        with session._shared.queue.placed(asked):
            script = session.script(asked)
            next(script)
            lab.clock.advance(10)
            session.retire()
            with pytest.raises(SessionEnded):
                list(script)
    assert asked.result.seconds == pytest.approx(20)


def test_a_session_that_was_retired_before_takes_no_order(lab: Lab) -> None:
    """It may be closed at any moment: what fails then would count as the server's trouble."""
    lab.write("a")
    session, _pool = lab.new_session()
    session.retire()
    lab.server.calls.clear()
    assert session.push(order([])) is False
    assert lab.server.calls == []


def test_hashing_again_goes_on_in_the_next_session(lab: Lab) -> None:
    for number in range(5):
        lab.write(f"{number}", age_s=0)
    lab.push()
    asked = order([])
    session, pool = lab.new_session()
    checked: list[int] = []

    def show(event: Event) -> None:
        if isinstance(event, Sent):
            checked.append(event.size)
            session.retire()  # a reload comes while it reads

    asked.show = show
    lab.clock.advance(3600)
    with pytest.raises(SessionEnded):
        serve(session, asked, pool, lab.clock)
    assert len(checked) == 1, "the rest is the next session's"
    session, pool = lab.new_session()
    asked.show = lambda _event: None
    serve(session, asked, pool, lab.clock)
    assert session.engine.rechecks.pending(lab.mapping).files == 0
