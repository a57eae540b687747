"""From what was observed to the next step: every branch, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.model import (
    Compare,
    Comparison,
    Decision,
    EntryKind,
    Explanation,
    Failure,
    FileRecord,
    Finding,
    Hold,
    InSync,
    OnLocalDelete,
    Policy,
    Problem,
    Reason,
    Recheck,
    RemoteView,
    RemoveRemote,
    Resends,
    SentVersion,
    ServerProblem,
    Signature,
    State,
    SyncedVersion,
    TransfersBlocked,
    Upload,
    Wait,
)
from aqsync.sync.backoff import LONGEST_BACKOFF_S, backoff_ns
from aqsync.sync.planner import decide, removal_barrier
from tests.support.examples import examples
from tests.support.fake_clock import SECOND_NS
from tests.support.reasons import said
from tests.support.records import (
    EMPTY,
    LATER,
    LONG_AGO,
    NEW,
    NOW,
    OURS,
    SENT,
    SETTLE,
    SYNCED,
    THEIRS,
    V1,
    V2,
    listed,
    synced,
)

PLAIN = Policy(settle_ns=SETTLE)
REMOVING = replace(PLAIN, on_local_delete=OnLocalDelete.REMOVE)
LOST = Problem(said("the server knows no experiment", "create it"), LONG_AGO)
AWAY = ServerProblem(
    said("no connection", "is it on?"),
    denied=False,
    since_ns=LONG_AGO,
    count=2,
    probe_at_ns=NOW + 9,
)
TOO_MANY = Reason.TOO_MANY_GONE.explain(gone=5, known=9, share="50%")
SHUT = TransfersBlocked(said("paused by a person", "`aqsync resume`"), LONG_AGO, NOW + 7)
CLOSED = replace(PLAIN, blocked=SHUT)
MINUTE_NS = 60 * SECOND_NS
CHANGED = replace(SYNCED, local=V2)
GONE = replace(SYNCED, local=None)
DIFFERS = Comparison(THEIRS, LONG_AGO + 1)
OLDER = Comparison(THEIRS, LONG_AGO + 1, Finding.OLDER, 4, b"older")
BEGINNING = Comparison(THEIRS, LONG_AGO + 1, Finding.BEGINNING, 4, b"first")
NEVER_LISTED = synced(modified_at=None, listed=False)
"""Accepted by the server, and in none of its lists."""


def resent(count: int, *, ago_ns: int = 3600 * SECOND_NS) -> Resends:
    return Resends(count, NOW - ago_ns)


A_DAY_NS = 24 * 3600 * SECOND_NS


def failed(*, count: int = 1, permanent: bool = False, at_ns: int = NOW - 1) -> Failure:
    return Failure(said("it failed", "do something"), permanent, count, at_ns)


Row = tuple[str, FileRecord, Policy, type[Decision], dict[str, Any]]

NEW_FILES: list[Row] = [
    ("not there", NEW, PLAIN, Upload, {"replaces": False, "since_ns": LONG_AGO}),
    (
        "list never fetched",
        replace(NEW, remote=listed(None, 0)),
        PLAIN,
        Wait,
        {"message": "the server's file list has not been fetched yet", "until_ns": None},
    ),
    ("name taken", replace(NEW, remote=listed(THEIRS)), PLAIN, Compare, {}),
    (
        "name taken by other content",
        replace(NEW, remote=listed(THEIRS), comparison=DIFFERS),
        PLAIN,
        Hold,
        {
            "message": "conflict: another file of this name was on the server first",
            "since_ns": LONG_AGO + 1,
            "state": State.HELD,
        },
    ),
    (
        "name taken, and changed there since it was compared",
        replace(NEW, remote=listed(LATER), comparison=DIFFERS),
        PLAIN,
        Compare,
        {},
    ),
    (
        "name taken, replacing allowed",
        replace(NEW, remote=listed(THEIRS), comparison=DIFFERS, may_replace=THEIRS),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "name taken, replacing another version allowed",
        replace(NEW, remote=listed(LATER), comparison=Comparison(LATER, 1), may_replace=THEIRS),
        PLAIN,
        Hold,
        {},
    ),
    (
        "sent, answer lost",
        replace(NEW, remote=listed(THEIRS), sent=SENT),
        PLAIN,
        Compare,
        {},
    ),
    ("sent, never arrived", replace(NEW, sent=SENT), PLAIN, Upload, {"replaces": False}),
    ("empty and new", replace(NEW, local=EMPTY), PLAIN, Upload, {"replaces": False}),
]

UNCHANGED_FILES: list[Row] = [
    ("listed as ours", SYNCED, PLAIN, InSync, {"message": "on the server with this content"}),
    (
        "not listed since",
        replace(SYNCED, synced=synced(sequence=9), remote=listed(None)),
        PLAIN,
        InSync,
        {"message": "accepted by the server, not listed since"},
    ),
    (
        "listed in the very sequence of the upload",
        replace(SYNCED, synced=synced(sequence=5), remote=listed(None)),
        PLAIN,
        InSync,
        {"message": "accepted by the server, not listed since"},
    ),
    (
        "listed with a time that the upload cannot have had",
        replace(SYNCED, synced=synced(modified_at=None)),
        PLAIN,
        Compare,
        {},
    ),
    (
        "the same, compared: not ours",
        replace(
            SYNCED,
            synced=synced(modified_at=None),
            remote=listed(THEIRS),
            comparison=DIFFERS,
        ),
        PLAIN,
        Hold,
        {"state": State.DIFFERS, "since_ns": DIFFERS.at_ns, "overwritable": True},
    ),
    (
        "another version is listed than ours",
        replace(SYNCED, remote=listed(THEIRS)),
        PLAIN,
        Compare,
        {"background": True, "since_ns": LONG_AGO},
    ),
    (
        "another version is listed, which a person allows to be replaced",
        replace(SYNCED, remote=listed(THEIRS), comparison=DIFFERS, may_replace=THEIRS),
        PLAIN,
        Upload,
        {"replaces": True, "again": False},
    ),
    (
        "another version is listed than the one allowed to be replaced",
        replace(SYNCED, remote=listed(THEIRS), comparison=DIFFERS, may_replace=LATER),
        PLAIN,
        Hold,
        {"state": State.DIFFERS},
    ),
    (
        "an older version of it is listed",
        replace(SYNCED, remote=listed(THEIRS), comparison=OLDER),
        PLAIN,
        Upload,
        {"replaces": True, "again": True},
    ),
    (
        "an older version of it is listed, for the second time within a minute",
        replace(SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(1, ago_ns=1)),
        PLAIN,
        Wait,
        {"state": State.DIFFERS, "until_ns": NOW - 1 + MINUTE_NS},
    ),
    (
        "an older version of it is listed, for the third time within ten minutes",
        replace(
            SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(2, ago_ns=MINUTE_NS)
        ),
        PLAIN,
        Wait,
        {"state": State.DIFFERS, "until_ns": NOW + 9 * MINUTE_NS},
    ),
    (
        "an older version of it is listed, for the third time today",
        replace(SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(2)),
        PLAIN,
        Upload,
        {"replaces": True, "again": True},
    ),
    (
        "an older version of it is listed, for the fourth time today",
        replace(SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(3)),
        PLAIN,
        Hold,
        {"state": State.DIFFERS, "overwritable": True},
    ),
    (
        "an older version of it is listed, for the fourth time since yesterday",
        replace(
            SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(3, ago_ns=A_DAY_NS)
        ),
        PLAIN,
        Upload,
        {"again": True},
    ),
    (
        "an older version of it is listed, and was put back before the clock was set back",
        replace(SYNCED, remote=listed(THEIRS), comparison=OLDER, resends=resent(3, ago_ns=-1)),
        PLAIN,
        Upload,
        {"again": True},
    ),
    (
        "its beginning is listed, though it has not changed",
        replace(SYNCED, remote=listed(THEIRS), comparison=BEGINNING),
        PLAIN,
        Hold,
        {"state": State.DIFFERS},
    ),
    (
        "accepted, and not in the list asked for since",
        replace(SYNCED, synced=NEVER_LISTED, remote=listed(None)),
        PLAIN,
        Upload,
        {"replaces": False, "again": True},
    ),
    (
        "accepted, and again and again not in the list asked for since",
        replace(SYNCED, synced=NEVER_LISTED, remote=listed(None), resends=resent(3)),
        PLAIN,
        Hold,
        {"state": State.HELD},
    ),
    (
        "accepted, not in the list asked for since, and a person insists",
        replace(SYNCED, synced=NEVER_LISTED, remote=listed(None), resends=resent(3), forced=True),
        PLAIN,
        Upload,
        {"replaces": False, "again": False},
    ),
    (
        "removed on the server",
        replace(SYNCED, remote=listed(None)),
        PLAIN,
        Hold,
        {"message": "removed on the server", "since_ns": LONG_AGO},
    ),
    (
        "removed on the server, known since when",
        replace(SYNCED, remote=listed(None), removed_at_ns=NOW - 7),
        PLAIN,
        Hold,
        {"since_ns": NOW - 7},
    ),
    (
        "removed on the server, wanted all the same",
        replace(SYNCED, remote=listed(None), forced=True),
        PLAIN,
        Upload,
        {"replaces": False},
    ),
]

CHANGED_FILES: list[Row] = [
    ("changed", CHANGED, PLAIN, Upload, {"replaces": True, "message": "changed since its upload"}),
    (
        "changed before the list shows the last upload",
        replace(CHANGED, synced=synced(sequence=9), remote=listed(THEIRS)),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "changed here and by others",
        replace(CHANGED, remote=listed(THEIRS)),
        PLAIN,
        Compare,
        {},
    ),
    (
        "changed, and the server has its beginning",
        replace(CHANGED, remote=listed(THEIRS), comparison=BEGINNING),
        PLAIN,
        Upload,
        {"replaces": True, "again": False},
    ),
    (
        "changed, and the server has another beginning by now",
        replace(CHANGED, remote=listed(LATER), comparison=BEGINNING),
        PLAIN,
        Compare,
        {"background": False},
    ),
    (
        "changed, and the server has an older version",
        replace(CHANGED, remote=listed(THEIRS), comparison=OLDER),
        PLAIN,
        Upload,
        {"replaces": True, "again": True},
    ),
    (
        "changed, and the server has an older version for the fourth time",
        replace(CHANGED, remote=listed(THEIRS), comparison=OLDER, resends=resent(3)),
        PLAIN,
        Hold,
        {"state": State.HELD, "overwritable": True},
    ),
    (
        "changed, and never listed",
        replace(CHANGED, synced=NEVER_LISTED, remote=listed(None)),
        PLAIN,
        Upload,
        {"replaces": False, "again": True},
    ),
    (
        "new, and the server has its beginning",
        replace(NEW, remote=listed(THEIRS), comparison=BEGINNING),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "new, and the server has a version that was sent before",
        replace(NEW, remote=listed(THEIRS), comparison=OLDER),
        PLAIN,
        Upload,
        {"replaces": True, "again": True},
    ),
    (
        "gone, and the server has an older version: no removal",
        replace(GONE, remote=listed(THEIRS), comparison=OLDER),
        REMOVING,
        InSync,
        {},
    ),
    (
        "changed here and by others, compared",
        replace(CHANGED, remote=listed(THEIRS), comparison=DIFFERS),
        PLAIN,
        Hold,
        {
            "message": "conflict: changed here, and by others on the server since our upload",
            "state": State.HELD,
        },
    ),
    (
        "changed here and by others, replacing allowed",
        replace(CHANGED, remote=listed(THEIRS), comparison=DIFFERS, may_replace=THEIRS),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "changed here, the time of our version never learned",
        replace(CHANGED, synced=synced(modified_at=None), remote=listed(THEIRS)),
        PLAIN,
        Compare,
        {},
    ),
    (
        "changed here, removed there",
        replace(CHANGED, remote=listed(None)),
        PLAIN,
        Hold,
        {"message": "removed on the server"},
    ),
    (
        "changed here, removed there by us while it was gone",
        replace(CHANGED, remote=listed(None), removing=True),
        PLAIN,
        Upload,
        {"replaces": False},
    ),
    (
        "unchanged and back, removed there by us while it was gone",
        replace(SYNCED, remote=listed(None), removing=True),
        PLAIN,
        Upload,
        {"replaces": False},
    ),
    (
        "unchanged and back, not removed by us after all",
        replace(SYNCED, removing=True),
        PLAIN,
        InSync,
        {"message": "on the server with this content"},
    ),
    (
        "changed here, removed there, wanted all the same",
        replace(CHANGED, remote=listed(None), forced=True),
        PLAIN,
        Upload,
        {"replaces": False},
    ),
    (
        "empty now, and removed on the server: there is no good copy",
        replace(SYNCED, local=EMPTY, remote=listed(None)),
        PLAIN,
        Hold,
        {"message": "removed on the server"},
    ),
    (
        "empty now, not listed since: nobody has looked",
        replace(SYNCED, local=EMPTY, synced=synced(sequence=9), remote=listed(None)),
        PLAIN,
        Hold,
        {"message": "the file is empty now; the good copy on the server stays"},
    ),
    (
        "empty now, changed by others on the server",
        replace(SYNCED, local=EMPTY, remote=listed(THEIRS)),
        PLAIN,
        Hold,
        {"message": "the file is empty now; the good copy on the server stays"},
    ),
    (
        "empty now",
        replace(SYNCED, local=EMPTY),
        PLAIN,
        Hold,
        {"message": "the file is empty now; the good copy on the server stays"},
    ),
    (
        "empty only just now: it is perhaps being written anew",
        replace(SYNCED, local=EMPTY, since_ns=NOW - SETTLE // 2),
        PLAIN,
        Wait,
        {"message": "may still be changing"},
    ),
    (
        "empty now, wanted all the same",
        replace(SYNCED, local=EMPTY, forced=True),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "empty now as before",
        replace(SYNCED, local=EMPTY, synced=synced(EMPTY._replace(mtime_ns=1))),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
]

GONE_FILES: list[Row] = [
    ("kept", GONE, PLAIN, InSync, {"message": "deleted here; the copy on the server is kept"}),
    ("never uploaded", replace(GONE, synced=None), REMOVING, InSync, {}),
    ("removed", GONE, REMOVING, RemoveRemote, {"since_ns": LONG_AGO}),
    (
        "not listed since its upload",
        replace(GONE, synced=synced(sequence=9)),
        REMOVING,
        Wait,
        {"until_ns": None},
    ),
    (
        "gone there too",
        replace(GONE, remote=listed(None)),
        REMOVING,
        InSync,
        {"message": "deleted here and on the server"},
    ),
    (
        "changed by others",
        replace(GONE, remote=listed(THEIRS)),
        REMOVING,
        InSync,
        {"message": "deleted here; others have changed the copy on the server: kept"},
    ),
    (
        "the time of our version never learned",
        replace(GONE, synced=synced(modified_at=None)),
        REMOVING,
        InSync,
        {},
    ),
    (
        "too many at once",
        GONE,
        replace(REMOVING, removal_barrier=TOO_MANY),
        Hold,
        {"why": TOO_MANY},
    ),
    (
        "too many at once, wanted all the same",
        replace(GONE, forced=True),
        replace(REMOVING, removal_barrier=TOO_MANY),
        RemoveRemote,
        {},
    ),
    (
        "from an experiment that is gone too, and whose list was never fetched since",
        replace(GONE, synced=synced(sequence=9)),
        replace(REMOVING, experiment_problem=LOST),
        Hold,
        {"message": LOST.message},
    ),
    (
        "from a root that is not the known one",
        replace(GONE, forced=True),
        replace(REMOVING, root_problem=LOST),
        Hold,
        {"message": LOST.message, "since_ns": LOST.since_ns},
    ),
    (
        "from a root that is not the known one, removed on the server and wanted again",
        replace(SYNCED, forced=True, remote=listed(None)),
        replace(PLAIN, root_problem=LOST),
        Hold,
        {"message": LOST.message, "since_ns": LOST.since_ns},
    ),
    (
        "from a root that is not the known one, to be compared",
        replace(SYNCED, synced=synced(modified_at=None), remote=listed(THEIRS)),
        replace(PLAIN, root_problem=LOST),
        Hold,
        {"message": LOST.message},
    ),
    (
        "from a root that is not the known one, and new",
        NEW,
        replace(PLAIN, root_problem=LOST),
        Hold,
        {"message": LOST.message},
    ),
    (
        "gone only just now",
        replace(GONE, since_ns=NOW - 1),
        REMOVING,
        Wait,
        {"message": "gone only just now", "until_ns": NOW - 1 + SETTLE},
    ),
    (
        "its experiment cannot be used",
        GONE,
        replace(REMOVING, experiment_problem=LOST),
        Hold,
        {"message": LOST.message, "hint": LOST.hint, "since_ns": LOST.since_ns},
    ),
    (
        "gone, and a symbolic link in its place is gone too",
        replace(GONE, kind=EntryKind.SYMLINK),
        REMOVING,
        RemoveRemote,
        {},
    ),
    ("in no experiment any more", replace(GONE, eid=None, synced=None), REMOVING, InSync, {}),
]

OTHER_FILES: list[Row] = [
    (
        "symbolic link",
        replace(NEW, kind=EntryKind.SYMLINK, eid=None, remote_name=""),
        PLAIN,
        Hold,
        {"state": State.SKIPPED, "message": "symbolic link, not followed"},
    ),
    (
        "FIFO in the place of a synced file",
        replace(SYNCED, kind=EntryKind.SPECIAL),
        PLAIN,
        Hold,
        {"state": State.SKIPPED, "message": "FIFO, socket or device, never opened"},
    ),
    (
        "unmapped",
        replace(NEW, eid=None, remote_name=""),
        PLAIN,
        Hold,
        {"state": State.UNMAPPED, "message": "no pattern leads this path to an experiment"},
    ),
    (
        "experiment unknown",
        NEW,
        replace(PLAIN, experiment_problem=LOST),
        Hold,
        {"message": LOST.message, "hint": LOST.hint, "since_ns": LOST.since_ns},
    ),
]

IN_THE_WAY: list[Row] = [
    (
        "young",
        replace(NEW, since_ns=NOW - 1),
        PLAIN,
        Wait,
        {"message": "may still be changing", "until_ns": NOW - 1 + SETTLE, "state": State.WAITING},
    ),
    ("settled to the nanosecond", replace(NEW, since_ns=NOW - SETTLE), PLAIN, Upload, {}),
    (
        "one nanosecond short of settled",
        replace(NEW, since_ns=NOW - SETTLE + 1),
        PLAIN,
        Wait,
        {"until_ns": NOW + 1},
    ),
    (
        "seen in the future: the clock was set back",
        replace(NEW, since_ns=NOW + 3600 * SECOND_NS),
        PLAIN,
        Wait,
        {"until_ns": NOW + SETTLE},
    ),
    ("no settle time", replace(NEW, since_ns=NOW), Policy(settle_ns=0), Upload, {}),
    (
        "young and to be compared",
        replace(NEW, since_ns=NOW, remote=listed(THEIRS)),
        PLAIN,
        Wait,
        {},
    ),
    (
        "failed",
        replace(NEW, failure=failed()),
        PLAIN,
        Wait,
        {
            "message": "it failed",
            "hint": "do something",
            "since_ns": NOW - 1,
            "until_ns": NOW - 1 + backoff_ns(1, NEW.id),
            "state": State.FAILED,
        },
    ),
    (
        "failed long ago",
        replace(NEW, failure=failed(count=50, at_ns=NOW - 20 * 60 * SECOND_NS)),
        PLAIN,
        Upload,
        {},
    ),
    (
        "failed in the future: the clock was set back",
        replace(NEW, failure=failed(at_ns=NOW + 3600 * SECOND_NS)),
        PLAIN,
        Upload,
        {},
    ),
    (
        "refused",
        replace(NEW, failure=failed(permanent=True, at_ns=LONG_AGO)),
        PLAIN,
        Hold,
        {"message": "it failed", "hint": "do something", "state": State.HELD},
    ),
    (
        "refused, but in sync now",
        replace(SYNCED, failure=failed(permanent=True)),
        PLAIN,
        InSync,
        {},
    ),
    (
        "server away",
        NEW,
        replace(PLAIN, server_problem=AWAY),
        Wait,
        {"message": "no connection", "hint": "is it on?", "until_ns": NOW + 9},
    ),
    ("server away, in sync", SYNCED, replace(PLAIN, server_problem=AWAY), InSync, {}),
    (
        "server away, removal due",
        GONE,
        replace(REMOVING, server_problem=AWAY),
        Wait,
        {"message": "no connection"},
    ),
    (
        "server away and refused before: the refusal is what must be dealt with",
        replace(NEW, failure=failed(permanent=True)),
        replace(PLAIN, server_problem=AWAY),
        Hold,
        {},
    ),
    (
        "closed",
        NEW,
        CLOSED,
        Wait,
        {
            "message": SHUT.message,
            "since_ns": SHUT.since_ns,
            "until_ns": SHUT.until_ns,
            "hint": SHUT.hint,
            "state": State.WAITING,
        },
    ),
    (
        "closed until a person opens",
        NEW,
        replace(PLAIN, blocked=replace(SHUT, until_ns=None)),
        Wait,
        {"until_ns": None},
    ),
    ("closed, in sync", SYNCED, CLOSED, InSync, {}),
    ("closed, removal due", GONE, replace(REMOVING, blocked=SHUT), Wait, {"message": SHUT.message}),
    (
        "closed, to be compared",
        replace(NEW, remote=listed(THEIRS)),
        CLOSED,
        Wait,
        {"message": SHUT.message},
    ),
    (
        "closed, list never fetched",
        replace(NEW, remote=listed(None, 0)),
        CLOSED,
        Wait,
        {"message": SHUT.message},
    ),
    ("closed and young", replace(NEW, since_ns=NOW), CLOSED, Wait, {"message": SHUT.message}),
    (
        "closed, failed before",
        replace(NEW, failure=failed()),
        CLOSED,
        Wait,
        {"message": SHUT.message, "state": State.WAITING},
    ),
    (
        "closed, refused before: the refusal is what must be dealt with",
        replace(NEW, failure=failed(permanent=True)),
        CLOSED,
        Hold,
        {"message": "it failed"},
    ),
    (
        "closed, and a conflict",
        replace(NEW, remote=listed(THEIRS), comparison=DIFFERS),
        CLOSED,
        Hold,
        {},
    ),
    (
        "closed and the server away",
        NEW,
        replace(CLOSED, server_problem=AWAY),
        Wait,
        {"message": SHUT.message},
    ),
    (
        "has been changing for just a minute",
        replace(NEW, since_ns=NOW, changing_since_ns=NOW - MINUTE_NS),
        PLAIN,
        Wait,
        {"message": "may still be changing", "since_ns": NOW},
    ),
    (
        "has been changing for more than a minute",
        replace(NEW, since_ns=NOW, changing_since_ns=NOW - MINUTE_NS - 1),
        PLAIN,
        Wait,
        {
            "message": "keeps changing before it can be sent; it must stand still for 5 s",
            "since_ns": NOW - MINUTE_NS - 1,
            "until_ns": NOW + SETTLE,
            "state": State.WAITING,
        },
    ),
    (
        "has been changing for some long settle times",
        replace(NEW, since_ns=NOW, changing_since_ns=NOW - 5 * MINUTE_NS),
        Policy(settle_ns=MINUTE_NS),
        Wait,
        {"message": "may still be changing"},
    ),
    (
        "has been changing, and has settled",
        replace(NEW, changing_since_ns=LONG_AGO),
        PLAIN,
        Upload,
        {"since_ns": LONG_AGO},
    ),
]

BARELY: list[Row] = [
    (
        "changed here, listed in the very sequence of its upload",
        replace(CHANGED, synced=synced(sequence=5), remote=listed(None)),
        PLAIN,
        Upload,
        {"replaces": True},
    ),
    (
        "gone, listed in the very sequence of its upload",
        replace(GONE, synced=synced(sequence=5), remote=listed(OURS)),
        REMOVING,
        Wait,
        {"message": "the server's file list has not been fetched since", "until_ns": None},
    ),
    (
        "empty now, and held one byte",
        replace(SYNCED, local=EMPTY, synced=synced(V1._replace(size=1))),
        PLAIN,
        Hold,
        {},
    ),
    (
        "holds one byte now",
        replace(SYNCED, local=V2._replace(size=1)),
        PLAIN,
        Upload,
        {},
    ),
    (
        "unchanged, another version than the listed one was compared",
        replace(
            SYNCED,
            synced=synced(modified_at=None),
            remote=listed(LATER),
            comparison=Comparison(THEIRS, 1),
        ),
        PLAIN,
        Compare,
        {},
    ),
    (
        "gone and kept, its experiment too",
        GONE,
        replace(PLAIN, experiment_problem=LOST),
        InSync,
        {},
    ),
    (
        "new, may replace the version of others, but the root is in doubt",
        replace(NEW, remote=listed(THEIRS), may_replace=THEIRS),
        replace(PLAIN, root_problem=LOST),
        Hold,
        {"message": LOST.message, "hint": LOST.hint},
    ),
    (
        "gone and not listed since, and the root is in doubt",
        replace(GONE, synced=synced(sequence=5), remote=listed(OURS)),
        replace(REMOVING, root_problem=LOST),
        Hold,
        {"message": LOST.message},
    ),
    (
        "its place cannot be looked at",
        NEW,
        replace(PLAIN, place_problem=LOST),
        Hold,
        {"message": LOST.message, "hint": LOST.hint, "since_ns": LONG_AGO},
    ),
    (
        "has been changing for more than five long settle times",
        replace(NEW, since_ns=NOW, changing_since_ns=NOW - 5 * MINUTE_NS - 1),
        replace(PLAIN, settle_ns=MINUTE_NS),
        Wait,
        {
            "message": "keeps changing before it can be sent; it must stand still for 1 min",
            "hint": "if it only grows, name it in `match` of `growing`;"
            " if it is not wanted, `ignore` it",
        },
    ),
]

INSISTED = replace(CHANGED, remote=listed(None), forced=True)
AS_ALLOWED = replace(NEW, remote=listed(THEIRS), may_replace=THEIRS)
IN_CONFLICT = replace(NEW, remote=listed(THEIRS), comparison=DIFFERS)
RETRY = "`aqsync retry PATH`"
WORDS: list[tuple[FileRecord, Policy, str, str | None]] = [
    (NEW, PLAIN, "not on the server yet", None),
    (CHANGED, PLAIN, "changed since its upload", None),
    (INSISTED, PLAIN, "to be sent again though removed on the server", None),
    (replace(INSISTED, forced=False), PLAIN, "removed on the server", f"{RETRY} sends it again"),
    (
        replace(INSISTED, forced=False, removing=True),
        PLAIN,
        "it is back, and was removed meanwhile",
        None,
    ),
    (AS_ALLOWED, PLAIN, "to replace the version on the server, as allowed", None),
    (
        replace(NEW, remote=listed(THEIRS)),
        PLAIN,
        "a file of this name is on the server already",
        None,
    ),
    (
        replace(SYNCED, synced=synced(modified_at=None)),
        PLAIN,
        "the server lists a version that may not be the one we sent",
        None,
    ),
    (
        IN_CONFLICT,
        PLAIN,
        "conflict: another file of this name was on the server first",
        (
            "compare the two; rename the local file,"
            " or let `aqsync push --overwrite PATH` replace the one on the server"
        ),
    ),
    (
        replace(SYNCED, local=EMPTY),
        PLAIN,
        "the file is empty now; the good copy on the server stays",
        f"restore the file, or send it as it is with {RETRY}",
    ),
    (replace(NEW, local=None), PLAIN, "gone before it was uploaded", None),
    (GONE, REMOVING, "deleted here", None),
    (
        GONE,
        replace(REMOVING, removal_barrier=TOO_MANY),
        "5 of 9 files are gone at once, more than remove_share allows (50%)",
        f"nothing was removed from the server; if they are meant: {RETRY}",
    ),
    (
        replace(NEW, eid=None),
        PLAIN,
        "no pattern leads this path to an experiment",
        "move the file, or widen the mapping's `path` pattern",
    ),
    (
        replace(NEW, kind=EntryKind.SYMLINK),
        PLAIN,
        "symbolic link, not followed",
        "map the directory that it points to, or put the file itself here",
    ),
    (replace(NEW, kind=EntryKind.SPECIAL), PLAIN, "FIFO, socket or device, never opened", ""),
]


@pytest.mark.parametrize(
    ("file", "policy", "reason", "hint"), WORDS, ids=[row[2][:40] for row in WORDS]
)
def test_what_people_are_told(
    file: FileRecord, policy: Policy, reason: str, hint: str | None
) -> None:
    step = decide(file, policy, NOW)
    assert step.message == reason
    assert step.hint == (hint or "")


ALL = NEW_FILES + UNCHANGED_FILES + CHANGED_FILES + GONE_FILES + OTHER_FILES + IN_THE_WAY + BARELY


@pytest.mark.parametrize(
    ("file", "policy", "kind", "facts"), [row[1:] for row in ALL], ids=[row[0] for row in ALL]
)
def test_decision(
    file: FileRecord, policy: Policy, kind: type[Decision], facts: dict[str, Any]
) -> None:
    step = decide(file, policy, NOW)
    assert isinstance(step, kind), step
    assert {name: getattr(step, name) for name in facts} == facts


def test_what_waits_for_a_person_says_what_to_do() -> None:
    for name, file, policy, _, _ in ALL:
        step = decide(file, policy, NOW)
        if isinstance(step, Hold) and file.kind is not EntryKind.SPECIAL:
            assert step.hint, name


# What holds for every file

signatures = st.sampled_from([Signature(10, 1, 1, 7), V2, EMPTY])
times = st.one_of(st.integers(NOW - 2 * SETTLE, NOW + 2 * SETTLE), st.integers(-(2**63), 2**63 - 1))
moments = st.sampled_from([OURS, THEIRS, LATER])
counts = st.integers(0, 10**6)
texts = st.text(max_size=4)
whys = st.builds(Explanation, st.sampled_from(Reason), texts, texts)
problems = st.builds(Problem, whys, times)
files = st.builds(
    FileRecord,
    id=st.integers(1, 2**63 - 1),
    mapping=texts,
    path=texts,
    kind=st.sampled_from(EntryKind),
    local=st.none() | signatures,
    since_ns=times,
    eid=st.none() | st.just("20261123-1"),
    remote_name=texts,
    synced=st.none()
    | st.builds(
        SyncedVersion,
        signatures,
        st.binary(max_size=2),
        times,
        st.integers(0, 9),
        st.none() | moments,
        st.booleans(),
    ),
    sent=st.none() | st.builds(SentVersion, st.binary(max_size=2), counts),
    remote=st.builds(RemoteView, st.integers(0, 9), st.none() | moments),
    comparison=st.none() | st.builds(Comparison, moments, times, st.sampled_from(Finding)),
    failure=st.none() | st.builds(Failure, whys, st.booleans(), st.integers(1, 10**6), times),
    removed_at_ns=st.none() | times,
    forced=st.booleans(),
    may_replace=st.none() | moments,
    changing_since_ns=st.none() | times,
    removing=st.booleans(),
    resends=st.none() | st.builds(Resends, st.integers(1, 9), times),
)
policies = st.builds(
    Policy,
    settle_ns=st.sampled_from([0, SETTLE, 30 * 86_400 * SECOND_NS]),
    on_local_delete=st.sampled_from(OnLocalDelete),
    removal_barrier=st.none() | st.just(TOO_MANY),
    root_problem=st.none() | problems,
    experiment_problem=st.none() | problems,
    blocked=st.none() | st.builds(TransfersBlocked, whys, times, st.none() | times),
    server_problem=st.none() | st.builds(ServerProblem, whys, st.booleans(), times, counts, times),
)


@examples(200)
@given(files, policies, times)
def test_every_file_has_one_decision(file: FileRecord, policy: Policy, now_ns: int) -> None:
    step = decide(file, policy, now_ns)
    assert step == decide(file, policy, now_ns)
    assert isinstance(step, InSync | Wait | Upload | Compare | RemoveRemote | Hold)
    assert step.state in State


@examples(200)
@given(files, policies, times)
def test_a_step_is_taken_only_where_it_is_safe(
    file: FileRecord, policy: Policy, now_ns: int
) -> None:
    step = decide(file, policy, now_ns)
    if not isinstance(step, Upload | Compare | RemoveRemote):
        return
    listed_at, sequence = file.remote.modified_at, file.remote.listed_sequence
    assert file.kind is EntryKind.FILE
    assert policy.server_problem is None
    assert policy.blocked is None
    assert policy.experiment_problem is None
    assert policy.root_problem is None
    assert file.failure is None or not file.failure.permanent
    assert min(file.since_ns, now_ns) + policy.settle_ns <= now_ns  # the clock was set back
    if isinstance(step, RemoveRemote):
        assert file.local is None
        assert policy.on_local_delete is OnLocalDelete.REMOVE
        assert policy.removal_barrier is None or file.forced
        assert file.synced is not None
        assert listed_at is not None
        assert listed_at == file.synced.modified_at
        return
    assert file.local is not None
    assert file.eid is not None
    if isinstance(step, Compare):
        assert listed_at is not None
        return
    if listed_at is not None and (file.synced is None or sequence > file.synced.sequence):
        ours = file.synced is not None and file.synced.modified_at == listed_at
        assert step.replaces
        assert ours or file.may_replace == listed_at or continues_ours(file, listed_at, now_ns)
    if step.again:
        assert sends_left(file, now_ns)
    if file.synced is None:
        assert sequence > 0, "nothing is sent to where nobody has looked"


def continues_ours(file: FileRecord, listed_at: str, now_ns: int) -> bool:
    """Whether a comparison with just this version showed that nothing of others is lost."""
    compared = file.comparison
    if compared is None or compared.modified_at != listed_at:
        return False
    changed = file.synced is None or file.synced.signature != file.local
    return (compared.finding is Finding.BEGINNING and changed) or (
        compared.finding is Finding.OLDER and sends_left(file, now_ns)
    )


def sends_left(file: FileRecord, now_ns: int) -> bool:
    before = file.resends
    return before is None or before.count < 3 or not 0 <= now_ns - before.since_ns < A_DAY_NS


@examples(150)
@given(files, policies, times)
def test_waiting_comes_to_an_end(file: FileRecord, policy: Policy, now_ns: int) -> None:
    """Waiting until the time given is enough, unless something else is waited for then."""
    policy = replace(policy, server_problem=None, blocked=None)
    # The scanner sets the age of what was first seen in the future to now.
    file = replace(file, since_ns=min(file.since_ns, now_ns))
    for _ in range(4):
        step = decide(file, policy, now_ns)
        if not isinstance(step, Wait) or step.until_ns is None:
            return
        assert step.until_ns > now_ns
        assert step.until_ns - now_ns <= max(policy.settle_ns, 1.2 * LONGEST_BACKOFF_S * SECOND_NS)
        now_ns = step.until_ns
    pytest.fail(f"it waits for ever: {step}")


# Pauses and barriers


@given(st.integers(1, 10**9), st.integers(0, 2**63 - 1))
def test_the_pause_stays_within_a_fifth_of_its_length(failures: int, salt: int) -> None:
    meant_s = min(2.0 ** min(failures - 1, 40), LONGEST_BACKOFF_S)
    pause_s = backoff_ns(failures, salt) / SECOND_NS
    assert 0.8 * meant_s <= pause_s + 1e-6
    assert pause_s <= 1.2 * meant_s


@given(st.integers(0, 2**63 - 1))
def test_the_pause_grows_up_to_the_longest(salt: int) -> None:
    pauses = [backoff_ns(failures, salt) for failures in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses == [backoff_ns(failures, salt) for failures in range(1, 12)]


@pytest.mark.parametrize(
    ("failures", "salt", "pause_ms"),
    [
        (1, 1, 905.6),
        (1, 7, 1_132.0),
        (3, 7, 4_537.6),
        (10, 7, 482_713.6),
        (11, 7, 1_029_600.0),
        (60, 123_456, 790_560.0),
    ],
)
def test_the_pause_of_a_file_is_the_same_in_every_process(
    failures: int, salt: int, pause_ms: float
) -> None:
    assert backoff_ns(failures, salt) == round(pause_ms * 1e6)


def test_the_pauses_of_many_files_are_spread() -> None:
    pauses = {backoff_ns(11, salt) // SECOND_NS for salt in range(1000)}
    assert len(pauses) > 200
    assert max(pauses) - min(pauses) > 300


@pytest.mark.parametrize(
    ("gone", "known", "share", "allowed"),
    [
        (0, 0, 0.5, True),
        (0, 10, 0.0, True),
        (1, 10, 0.0, False),
        (5, 10, 0.5, True),
        (6, 10, 0.5, False),
        (1, 1, 0.5, False),
        (1, 2, 0.5, True),
        (10, 10, 1.0, True),
        (1, 3, 0.333, False),
    ],
)
def test_how_many_may_be_removed_at_once(
    gone: int, known: int, share: float, *, allowed: bool
) -> None:
    barrier = removal_barrier(gone, known, share)
    assert (barrier is None) is allowed
    if barrier is not None:
        assert barrier.message == (
            f"{gone} of {known} files are gone at once, more than remove_share allows ({share:.0%})"
        )


def test_with_coarse_times_a_file_stands_still_for_their_granularity_and_a_second() -> None:
    written_ns = NOW - NOW % (2 * SECOND_NS)
    coarse = Signature(size=10, mtime_ns=written_ns, ctime_ns=written_ns, inode=7)
    file = replace(NEW, local=coarse, since_ns=written_ns)
    quick = replace(PLAIN, settle_ns=SECOND_NS // 5)
    settled_ns = written_ns + 3 * SECOND_NS
    step = decide(file, quick, settled_ns - 1)
    assert isinstance(step, Wait)
    assert step.until_ns == settled_ns
    assert isinstance(decide(file, quick, settled_ns), Upload)
    set_by_a_program = replace(file, local=coarse._replace(ctime_ns=written_ns + 1))
    assert isinstance(decide(set_by_a_program, quick, written_ns + SECOND_NS // 5), Upload)


# In sync as far as the signature tells


def young(at_ns: int, **changes: Any) -> FileRecord:
    version = replace(synced(), recheck_at_ns=at_ns)
    return replace(SYNCED, **{"synced": version, **changes})


def test_a_version_that_was_read_young_is_in_sync_and_checked_again_later() -> None:
    step = decide(young(NOW + 39 * SECOND_NS + 1), PLAIN, NOW)
    assert isinstance(step, InSync)
    assert step.message == "on the server with this content; checked again in 40 s"
    assert step.since_ns == LONG_AGO
    assert step.state is State.IN_SYNC


def test_it_is_read_again_when_it_is_due() -> None:
    step = decide(young(NOW), PLAIN, NOW)
    assert isinstance(step, Recheck)
    assert step.message == "on the server with this content; to be checked again"
    assert step.since_ns == LONG_AGO
    assert step.state is State.IN_SYNC


def test_one_that_no_list_has_shown_yet_is_read_again_too() -> None:
    assert isinstance(decide(young(NOW, remote=listed(None, 1)), PLAIN, NOW), Recheck)


def test_a_version_replaced_meanwhile_is_not_checked() -> None:
    assert isinstance(decide(young(NOW, local=V2), PLAIN, NOW), Upload)
    assert isinstance(decide(young(NOW, local=None), PLAIN, NOW), InSync)


def test_one_that_is_not_in_sync_is_not_checked() -> None:
    assert isinstance(decide(young(NOW, remote=listed(None)), PLAIN, NOW), Hold)


def test_nothing_is_read_again_where_that_is_switched_off() -> None:
    step = decide(young(NOW), replace(PLAIN, recheck=False), NOW)
    assert step == InSync(Reason.ON_SERVER.explain(), LONG_AGO)


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (CLOSED, SHUT.message),
        (replace(PLAIN, place_problem=LOST), LOST.message),
        (replace(PLAIN, root_problem=LOST), LOST.message),
    ],
)
def test_it_waits_for_its_place_and_for_people(policy: Policy, why: str) -> None:
    step = decide(young(NOW), policy, NOW)
    assert isinstance(step, InSync)
    assert (
        step.message == f"on the server with this content; checked again when this is over: {why}"
    )


def test_it_needs_no_server() -> None:
    assert isinstance(decide(young(NOW), replace(PLAIN, server_problem=AWAY), NOW), Recheck)


def test_one_that_cannot_be_read_again_is_not_called_in_sync() -> None:
    step = decide(young(NOW, failure=failed()), PLAIN, NOW)
    assert isinstance(step, Wait)
    assert (step.state, step.message) == (State.FAILED, "it failed")
    later_ns = step.until_ns or 0
    assert isinstance(decide(young(NOW, failure=failed()), PLAIN, later_ns), Recheck)
    step = decide(young(NOW, failure=failed(permanent=True)), PLAIN, NOW)
    assert isinstance(step, Hold)
    assert step.hint == "do something"
