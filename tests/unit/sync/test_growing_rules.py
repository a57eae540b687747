"""When a version goes of a file that keeps changing, as `decide` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from aqsync.model import (
    Beginning,
    Decision,
    FileRecord,
    Growing,
    Growth,
    Hold,
    InSync,
    Policy,
    Problem,
    Reason,
    RemoteView,
    Signature,
    State,
    SyncedVersion,
    TransfersBlocked,
    Unready,
    Upload,
    Wait,
)
from aqsync.sync.growing_rules import LARGE
from aqsync.sync.planner import decide
from tests.support.fake_clock import SECOND_NS
from tests.support.reasons import said
from tests.support.records import NEW, NOW, OURS, SETTLE, THEIRS, listed

MINUTE_NS = 60 * SECOND_NS
EVERY = 10 * MINUTE_NS
POLICY = Policy(settle_ns=SETTLE, growing=Growing(EVERY, 2, provisional=True))
UNMATCHED = replace(POLICY, growing=Growing(EVERY, 2, provisional=False))
OFF = replace(POLICY, growing=None)
BEGUN = Growth(begun=Beginning(50, b"b" * 32))


def minutes(ago: float) -> int:
    return NOW - int(ago * MINUTE_NS)


def changing(
    since: float, size: int = 100, synced: SyncedVersion | None = None, growth: Growth = BEGUN
) -> FileRecord:
    """A file that has just been written to, and has been changing for so many minutes."""
    return replace(
        NEW,
        local=Signature(size, NOW, NOW, 7),
        since_ns=NOW - SECOND_NS,
        changing_since_ns=minutes(since),
        synced=synced,
        remote=NEW.remote if synced is None else listed(OURS),
        growth=growth,
    )


def version(ago: float, size: int = 50, *, provisional: bool = True) -> SyncedVersion:
    signature = Signature.unknown(size) if provisional else Signature(size, 1, 1, 7)
    return SyncedVersion(signature, b"v" * 32, minutes(ago), 3, OURS, provisional=provisional)


def spent(count: int) -> Growth:
    return Growth(spent_bytes=count)


PROVISIONAL: dict[str, object] = {"provisional": True, "reason": Reason.PROVISIONAL_DUE}
SETTLING: dict[str, object] = {"reason": Reason.KEEPS_CHANGING, "state": State.WAITING}
CASES: list[tuple[str, FileRecord, Policy, type[Decision], Mapping[str, object]]] = [
    # Never sent
    (
        "for less than half the time",
        changing(4.9, growth=Growth()),
        POLICY,
        Wait,
        {"reason": Reason.GROWS, "goes_ns": minutes(4.9) + EVERY // 2, "state": State.WAITING},
    ),
    (
        "for half the time, unread",
        changing(5, growth=Growth()),
        POLICY,
        Upload,
        {"reason": Reason.BEGINNING_DUE, "provisional": True},
    ),
    ("for half the time, read", changing(5), POLICY, Wait, {"goes_ns": minutes(5) + EVERY}),
    ("for the time, read", changing(10), POLICY, Upload, {**PROVISIONAL, "replaces": False}),
    (
        "for the time, read just now",
        changing(10, growth=replace(BEGUN, tried_at_ns=minutes(1))),
        POLICY,
        Wait,
        {"goes_ns": minutes(1) + EVERY // 2},
    ),
    (
        "for the time, tried a while ago",
        changing(10, growth=replace(BEGUN, tried_at_ns=minutes(5))),
        POLICY,
        Upload,
        PROVISIONAL,
    ),
    (
        "for the time, tried before the clock was set back a little",
        changing(20, growth=replace(BEGUN, tried_at_ns=minutes(-1))),
        POLICY,
        Wait,
        {"goes_ns": minutes(-6)},
    ),
    (
        "all of it before the clock was set back",
        changing(-60, 200, version(-50, 100), replace(spent(200), tried_at_ns=minutes(-20))),
        POLICY,
        Upload,
        PROVISIONAL,
    ),
    ("of another name", changing(60), UNMATCHED, Wait, SETTLING),
    ("growing is off", changing(60), OFF, Wait, SETTLING),
    (
        "a database that was never sent",
        replace(changing(10, growth=Growth(only=False)), is_database=True),
        POLICY,
        Upload,
        {**PROVISIONAL, "least": 0},
    ),
    (
        "a database of the same size",
        replace(changing(60, 100, version(10, 100)), is_database=True),
        POLICY,
        Upload,
        PROVISIONAL,
    ),
    (
        "a database that has cost enough",
        replace(changing(60, 100, version(10, 100), spent(200)), is_database=True),
        POLICY,
        Wait,
        {"reason": Reason.GROWS, "state": State.PROVISIONAL},
    ),
    (
        "a database that has cost enough, but for what its log may hold",
        replace(changing(60, 100, version(10, 100), spent(200)), is_database=True, log_bytes=100),
        POLICY,
        Upload,
        {**PROVISIONAL, "least": 200},
    ),
    (
        "changed in place, never looked into",
        changing(60, growth=Growth(only=False)),
        POLICY,
        Upload,
        {"reason": Reason.BEGINNING_DUE},
    ),
    (
        "of a format that is whole or nothing",
        replace(changing(10, growth=Growth(only=False)), is_whole_or_nothing=True),
        POLICY,
        Upload,
        PROVISIONAL,
    ),
    (
        "changed in place",
        changing(60, growth=replace(BEGUN, only=False, tried_at_ns=minutes(55))),
        POLICY,
        Wait,
        {"reason": Reason.CHANGES_IN_PLACE, "goes_ns": None},
    ),
    (
        "changed in place a moment ago",
        changing(0.5, growth=replace(BEGUN, only=False)),
        POLICY,
        Wait,
        {"reason": Reason.SETTLING},
    ),
    ("a person wants it", replace(changing(60), forced=True), POLICY, Upload, PROVISIONAL),
    (
        "a person wants it unfinished",
        replace(changing(60), forced=True, as_it_is=True, is_whole_or_nothing=True),
        POLICY,
        Wait,
        SETTLING,
    ),
    (
        "changed but once",
        replace(changing(60), changing_since_ns=None),
        POLICY,
        Wait,
        {"reason": Reason.SETTLING},
    ),
    (
        "settled after all",
        replace(changing(60), since_ns=NOW - SETTLE),
        POLICY,
        Upload,
        {"provisional": False, "rested": False},
    ),
    (
        "settled for long",
        replace(changing(60), since_ns=NOW - EVERY),
        POLICY,
        Upload,
        {"provisional": False, "rested": True},
    ),
    # Sent before
    (
        "the last version is young",
        changing(60, synced=version(4)),
        POLICY,
        Wait,
        {
            "state": State.PROVISIONAL,
            "since_ns": minutes(4),
            "goes_ns": minutes(4) + EVERY,
            "message": "keeps growing; the next version goes 10 min after the last one",
        },
    ),
    (
        "the last version is old, and it has doubled",
        changing(60, 200, version(10, 100), spent(200)),
        POLICY,
        Upload,
        {**PROVISIONAL, "replaces": True, "least": 200, "spent": 200},
    ),
    (
        "it has nearly doubled",
        changing(60, 199, version(10, 100), spent(200)),
        POLICY,
        Wait,
        {
            "state": State.PROVISIONAL,
            "message": "keeps growing; the next version goes when it has 200 bytes,"
            " to keep to the budget",
            "goes_ns": NOW + 6_060_606_060,
        },
    ),
    (
        "a budget of twenty",
        changing(60, 106, version(10, 100), spent(2000)),
        replace(POLICY, growing=Growing(EVERY, 20, provisional=True)),
        Upload,
        PROVISIONAL,
    ),
    (
        "nothing was added",
        changing(60, 100, version(10, 100)),
        POLICY,
        Wait,
        {
            "state": State.PROVISIONAL,
            "message": "keeps growing; nothing was added since the version on the server",
        },
    ),
    (
        "the last version had stood still for long",
        changing(10, 60, version(20, 50, provisional=False), spent(1000)),
        POLICY,
        Upload,
        {**PROVISIONAL, "spent": 0},
    ),
    (
        "the last version had not stood still for long",
        changing(10, 60, version(19.9, 50, provisional=False), spent(1000)),
        POLICY,
        Wait,
        {"reason": Reason.GROWS, "state": State.WAITING},
    ),
    (
        "it has settled",
        replace(changing(60, 100, version(1), spent(500)), since_ns=NOW - SETTLE),
        POLICY,
        Upload,
        {"provisional": False, "spent": 500},
    ),
    (
        "it stands as it was sent",
        replace(
            changing(60, synced=version(1, 100, provisional=False)),
            local=Signature(100, 1, 1, 7),
            remote=listed(OURS),
        ),
        POLICY,
        InSync,
        {},
    ),
    # What stands in the way of any upload
    (
        "replaced by others",
        replace(changing(60, 1000, version(60)), remote=listed(THEIRS)),
        POLICY,
        Wait,
        {"provisional": None},
    ),
    (
        "removed by others",
        replace(changing(60, 1000, version(60)), remote=listed(None)),
        POLICY,
        Hold,
        {"reason": Reason.REMOVED_ON_SERVER},
    ),
    (
        "others of its measurement come first",
        changing(60, 1000, version(60)),
        replace(POLICY, unready=Unready(said("its measurement"), NOW, None, "run")),
        Wait,
        {"message": "its measurement", "folder": None},
    ),
    (
        "paused",
        changing(60),
        replace(POLICY, blocked=TransfersBlocked(said("paused"), NOW, None)),
        Wait,
        {"message": "paused"},
    ),
    (
        "its root is in doubt",
        changing(60),
        replace(POLICY, root_problem=Problem(said("lost"), NOW)),
        Hold,
        {"message": "lost"},
    ),
    (
        "no list was fetched yet",
        replace(changing(60), remote=RemoteView(0, None)),
        POLICY,
        Wait,
        {"reason": Reason.KEEPS_CHANGING},
    ),
]


@pytest.mark.parametrize(
    ("file", "policy", "kind", "facts"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_decision(
    file: FileRecord, policy: Policy, kind: type[Decision], facts: Mapping[str, object]
) -> None:
    step = decide(file, policy, NOW)
    assert isinstance(step, kind), step
    assert {name: getattr(step, name, None) for name in facts} == facts


def settled(ago: float, size: int, synced: SyncedVersion | None, growth: Growth) -> FileRecord:
    """A file that was last written so many minutes ago."""
    return replace(
        changing(ago, size, synced, growth), since_ns=minutes(ago), changing_since_ns=minutes(ago)
    )


BIG = LARGE + 1
LARGE_CASES: list[tuple[str, FileRecord, Policy, Mapping[str, object] | None]] = [
    ("new", settled(1, BIG, None, Growth()), UNMATCHED, None),
    (
        "sent lately",
        settled(1, BIG, version(9, BIG, provisional=False), spent(BIG)),
        UNMATCHED,
        {"until_ns": minutes(9) + EVERY},
    ),
    (
        "a database whose snapshot is large, as it was in the log",
        replace(settled(1, 99, version(9, BIG, provisional=False), spent(BIG)), is_database=True),
        UNMATCHED,
        {"until_ns": minutes(9) + EVERY},
    ),
    (
        "sent a while ago",
        settled(1, BIG, version(10, BIG, provisional=False), spent(BIG)),
        UNMATCHED,
        None,
    ),
    (
        "sent twice",
        settled(1, BIG, version(10, BIG, provisional=False), spent(2 * BIG)),
        UNMATCHED,
        {"until_ns": minutes(1) + EVERY, "state": State.WAITING},
    ),
    (
        "has a provisional version",
        settled(1, BIG, version(9, BIG - 1), spent(BIG)),
        POLICY,
        {"until_ns": minutes(9) + EVERY, "state": State.PROVISIONAL, "since_ns": minutes(9)},
    ),
    (
        "sent twice, and doubled",
        settled(1, 2 * BIG, version(10, BIG, provisional=False), spent(2 * BIG)),
        UNMATCHED,
        None,
    ),
    (
        "sent twice, and stands still for long",
        settled(10, BIG, version(11, BIG, provisional=False), spent(2 * BIG)),
        UNMATCHED,
        None,
    ),
    (
        "sent twice, and then stood still for long",
        settled(1, BIG, version(11, BIG, provisional=False), spent(2 * BIG)),
        UNMATCHED,
        None,
    ),
    (
        "not large",
        settled(1, LARGE, version(9, LARGE, provisional=False), spent(9 * LARGE)),
        UNMATCHED,
        None,
    ),
    (
        "sent lately, growing off",
        settled(1, BIG, version(9, BIG, provisional=False), spent(BIG)),
        OFF,
        None,
    ),
]


@pytest.mark.parametrize(
    ("file", "policy", "facts"), [case[1:] for case in LARGE_CASES], ids=[c[0] for c in LARGE_CASES]
)
def test_a_large_file_that_has_settled(
    file: FileRecord, policy: Policy, facts: Mapping[str, object] | None
) -> None:
    step = decide(file, policy, NOW)
    if facts is None:
        assert isinstance(step, Upload)
        assert not step.provisional
    else:
        assert isinstance(step, Wait)
        assert step.reason is Reason.LARGE_AGAIN
        assert {name: getattr(step, name) for name in facts} == facts
