"""What an order asks for, and on which thread its reporter is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.model import Signature, Uploaded
from aqsync.sync.order import Limits, Order
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
    other = MappingConfig(name="other", directory=Path(second), experiment="20261123-2")
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
