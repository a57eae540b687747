"""When a measurement is complete: every condition, alone and together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.model import Conditions, EntryKind, MeasurementView, Named, Needs, Problem, Reason
from aqsync.sync.measurements import ASKED_AGAIN_NS, completeness
from tests.support.examples import examples
from tests.support.fake_clock import SECOND_NS
from tests.support.reasons import said
from tests.support.records import LONG_AGO, NOW, SETTLE

MINUTE_NS = 60 * SECOND_NS
TAG = Conditions(SETTLE, sentinel="done.tag")
NEWER = Conditions(SETTLE, newer_sibling=True)
QUIET = Conditions(SETTLE, quiet_ns=MINUTE_NS)
CLOSED = Conditions(SETTLE, closed=True)
RUN = MeasurementView("day/run", LONG_AGO)
TAGGED = replace(RUN, sentinel=Named("day/run/done.tag"))
LINKED = replace(RUN, sentinel=Named("day/run/done.tag", EntryKind.SYMLINK))
FOLLOWED = replace(RUN, followed_by="day/run_2")
YOUNG = replace(RUN, changed_ns=NOW - 30 * SECOND_NS)
ASKED = replace(RUN, asked_ns=NOW - 1)
MUTE = replace(ASKED, tells=False)
OPEN = replace(ASKED, open_file="day/run/iq.h5")
UNREADABLE = Problem(said("cannot be looked at", "let it"), LONG_AGO)


@pytest.mark.parametrize(
    ("view", "conditions", "complete", "until_ns", "words"),
    [
        (RUN, TAG, False, None, "no file done.tag is there"),
        (
            LINKED,
            TAG,
            False,
            None,
            "no file done.tag is there (day/run/done.tag is a symbolic link)",
        ),
        (TAGGED, TAG, True, None, "day/run/done.tag is there"),
        (RUN, NEWER, False, None, "no folder beside it is newer"),
        (FOLLOWED, NEWER, True, None, "day/run_2 is newer"),
        (YOUNG, QUIET, False, NOW + 30 * SECOND_NS, "quiet for less than 1 min"),
        (RUN, QUIET, True, None, "quiet for 1 min"),
        (RUN, CLOSED, False, NOW, "it is not known yet whether its files are closed"),
        (MUTE, CLOSED, False, None, "the system does not tell which files are open"),
        (ASKED, CLOSED, True, None, "none of its files is open for writing"),
        (OPEN, CLOSED, False, NOW - 1 + ASKED_AGAIN_NS, "day/run/iq.h5 is open for writing"),
        (
            replace(YOUNG, asked_ns=YOUNG.changed_ns - 1),
            CLOSED,
            False,
            NOW,
            "it is not known yet whether its files are closed",
        ),
        (
            replace(RUN, asked_ns=NOW + 1),
            CLOSED,
            False,
            NOW,
            "it is not known yet whether its files are closed",
        ),
    ],
)
def test_each_condition(
    view: MeasurementView,
    conditions: Conditions,
    complete: bool,  # noqa: FBT001 - a column
    until_ns: int | None,
    words: str,
) -> None:
    found = completeness(view, conditions, NOW)

    assert (found.complete, found.until_ns) == (complete, until_ns)
    assert words in found.message
    assert found.since_ns == view.changed_ns


BOTH = replace(TAG, quiet_ns=MINUTE_NS)


@pytest.mark.parametrize(
    ("view", "needs", "complete", "until_ns"),
    [
        (YOUNG, Needs.ANY, False, NOW + 30 * SECOND_NS),
        (YOUNG, Needs.ALL, False, None),  # time alone does not bring the sentinel
        (replace(TAGGED, changed_ns=YOUNG.changed_ns), Needs.ANY, True, None),
        (replace(TAGGED, changed_ns=YOUNG.changed_ns), Needs.ALL, False, NOW + 30 * SECOND_NS),
        (RUN, Needs.ANY, True, None),
        (RUN, Needs.ALL, False, None),
        (TAGGED, Needs.ALL, True, None),
    ],
)
def test_any_or_all(
    view: MeasurementView,
    needs: Needs,
    complete: bool,  # noqa: FBT001 - a column
    until_ns: int | None,
) -> None:
    found = completeness(view, replace(BOTH, needs=needs), NOW)

    assert (found.complete, found.until_ns) == (complete, until_ns)


def test_a_late_change_counts_until_it_has_settled() -> None:
    late = replace(TAGGED, changed_ns=NOW - 1)

    found = completeness(late, TAG, NOW)
    assert found.reason is Reason.MEASUREMENT_CHANGING
    assert found.until_ns == NOW - 1 + SETTLE
    assert completeness(late, TAG, NOW - 1 + SETTLE).complete


def test_what_cannot_be_looked_at_is_not_complete() -> None:
    found = completeness(replace(TAGGED, trouble=UNREADABLE.why), TAG, NOW)

    assert not found.complete
    assert found.reason is Reason.MEASUREMENT_UNREADABLE
    assert "cannot be looked at" in found.message


TIMES = st.integers(NOW - 2 * MINUTE_NS, NOW + 2 * MINUTE_NS)
VIEWS = st.builds(
    MeasurementView,
    st.just("day/run"),
    TIMES,
    st.none()
    | st.builds(
        Named, st.just("day/run/done.tag"), st.sampled_from([EntryKind.FILE, EntryKind.SYMLINK])
    ),
    st.none() | st.just("day/run_2"),
    st.none() | TIMES,
    st.booleans(),
    st.none() | st.just("day/run/iq.h5"),
)
CONDITIONS = st.builds(
    Conditions,
    st.sampled_from([0, SETTLE]),
    st.sampled_from(["", "done.tag"]),
    st.booleans(),
    st.none() | st.sampled_from([0, MINUTE_NS]),
    st.booleans(),
    st.sampled_from(Needs),
).filter(lambda c: c.sentinel or c.newer_sibling or c.quiet_ns is not None or c.closed)


@given(VIEWS, CONDITIONS)
@examples(300)
def test_a_named_time_is_no_empty_promise(view: MeasurementView, conditions: Conditions) -> None:
    """At that time the measurement is complete, the system is asked, or there is a new reason."""
    found = completeness(view, conditions, NOW)

    if found.complete:
        assert found.until_ns is None
    elif found.until_ns is not None:
        # A clock that was set back is noticed by the next look.
        seen = replace(view, changed_ns=min(view.changed_ns, NOW))
        then = completeness(seen, conditions, max(NOW, found.until_ns))
        asked = conditions.closed and view.tells
        assert then.complete or then.message != found.message or asked
