"""Both sides beside each other, and that this says the same as the planner."""

from __future__ import annotations

import pytest

from aqsync.journal import Journal
from aqsync.journal.comparison import LocalFile, RemoteFile, SyncStatus
from aqsync.model import Adopted, EntryKind, FoundDifferent, InSync, OnLocalDelete, Policy
from aqsync.sync.planner import decide
from tests.support.notes import AT1, AT2, EID, NOT_UTF8, NOW, SHA1, V1, V2, Notes, notes
from tests.unit.journal.test_quiet import fill

OTHER = "20261123-2"


def standings(noted: Notes) -> dict[str, SyncStatus]:
    return {side.path: side.status for side in noted.journal.comparisons.local(noted.mapping_id)}


def names(noted: Notes, eid: str = EID) -> list[str]:
    found = noted.journal.comparisons.remote_only(eid, [noted.mapping_id])
    return [side.remote_name for side in found]


def adopt(noted: Notes, path: str, at: str) -> None:
    noted.see(path, V1)
    noted.journal.outcomes.record(noted.at(path), Adopted(V1, SHA1, at), NOW)


def test_how_the_sides_stand(journal: Journal) -> None:
    noted = notes(journal)
    noted.see("unlisted", eid=OTHER)
    noted.see("unmapped", eid=None)
    noted.see("link", kind=EntryKind.SYMLINK, eid=None)
    for path in ("same", "changed here", "changed there", "removed there", "gone here"):
        adopt(noted, path, AT1)
    noted.see("changed here", V2)
    noted.see("both, never synced")
    noted.see("new")
    journal.observations.gone(noted.mapping_id, ["gone here"], NOW)
    listed = ("same", "changed here", "gone here", "both, never synced", "foreign")
    noted.list(dict.fromkeys(listed, AT1) | {"changed there": AT2})
    noted.sync("sent since")
    noted.sync("sent since and changed")
    noted.see("sent since and changed", V2)
    assert standings(noted) == {
        "unlisted": SyncStatus.UNKNOWN,
        "unmapped": SyncStatus.LOCAL_ONLY,
        "same": SyncStatus.IN_SYNC,
        "changed here": SyncStatus.DIFFERS,
        "changed there": SyncStatus.DIFFERS,
        "removed there": SyncStatus.LOCAL_ONLY,
        "both, never synced": SyncStatus.DIFFERS,
        "new": SyncStatus.LOCAL_ONLY,
        "sent since": SyncStatus.IN_SYNC,
        "sent since and changed": SyncStatus.DIFFERS,
    }
    assert list(journal.comparisons.remote_only(EID, [noted.mapping_id])) == [
        RemoteFile("foreign", AT1, None, None),
        RemoteFile("gone here", AT1, "m", "gone here"),
    ]
    for only in SyncStatus:
        some = list(journal.comparisons.local(noted.mapping_id, only))
        assert {side.path for side in some} == {
            path for path, status in standings(noted).items() if status is only
        }
    [same] = [s for s in journal.comparisons.local(noted.mapping_id) if s.path == "same"]
    assert same == LocalFile(SyncStatus.IN_SYNC, "same", 10, 100, EID, "same", AT1, None)


def test_a_file_of_any_mapping_that_counts_has_its_name(journal: Journal) -> None:
    noted, other = notes(journal), notes(journal, "other")
    other.see("a")
    noted.list({"a": AT1, "b": AT1})
    assert names(noted) == ["a", "b"]
    both = [noted.mapping_id, other.mapping_id]
    assert [side.remote_name for side in journal.comparisons.remote_only(EID, both)] == ["b"]


def test_everything_comes_once_and_in_order(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqsync.journal.comparison._BATCH", 2)
    noted = notes(journal)
    paths = [*NOT_UTF8, "a", "b", "run/a", "run/b", "run-2/a", "x/y/z"]
    for path in paths:
        noted.see(path)
    noted.list({f"{number:02}": AT1 for number in range(7)})
    found = [side.path for side in journal.comparisons.local(noted.mapping_id)]
    assert sorted(found) == sorted(paths)
    text = [path for path in found if path.isascii()]
    assert text == sorted(text, key=lambda path: path.rpartition("/")[::2])
    assert names(noted) == [f"{number:02}" for number in range(7)]


def test_what_stands_well_is_what_the_planner_calls_in_sync(journal: Journal) -> None:
    noted = notes(journal)
    fill(noted)
    with journal._database.reading() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM file ORDER BY id")]
    stands = standings(noted)
    seen = set()
    policy = Policy(0, OnLocalDelete.REMOVE)
    for start in range(0, len(ids), 500):
        for file in journal.observations.records(ids[start : start + 500]):
            if file.local is None or file.kind is not EntryKind.FILE:
                assert file.path not in stands
                continue
            step = decide(file, policy, NOW)
            well = isinstance(step, InSync)
            assert (stands[file.path] is SyncStatus.IN_SYNC) is well, (file, step)
            seen.add(stands[file.path])
    others = {SyncStatus.REMOTE_ONLY, SyncStatus.DIFFERS_THERE, SyncStatus.PROVISIONAL}
    assert seen == set(SyncStatus) - others


def test_what_was_compared_and_is_not_ours_differs_on_the_server(journal: Journal) -> None:
    noted = notes(journal)
    for path in ("compared", "changed too", "not compared"):
        adopt(noted, path, AT1)
        noted.list(dict.fromkeys(("compared", "changed too", "not compared"), AT2))
        if path != "not compared":
            journal.outcomes.record(noted.at(path), FoundDifferent(AT2), NOW)
    noted.see("changed too", V2)
    assert standings(noted) == {
        "compared": SyncStatus.DIFFERS_THERE,
        "changed too": SyncStatus.DIFFERS,
        "not compared": SyncStatus.DIFFERS,
    }
    differing = journal.comparisons.local(noted.mapping_id, SyncStatus.DIFFERS)
    assert len(list(differing)) == 3


def test_no_question_sorts_or_walks_over_everything(journal: Journal) -> None:
    """A page of a large answer costs as much as the page, not as the answer."""
    noted = notes(journal)
    plans: list[str] = []
    with journal._database.reading() as connection:

        def explain(statement: str) -> None:
            if statement.startswith("SELECT"):
                connection.set_trace_callback(None)
                rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                plans.extend(row[3] for row in rows)
                connection.set_trace_callback(explain)

        connection.set_trace_callback(explain)
        list(journal.comparisons.local(noted.mapping_id))
        names(noted)
        connection.set_trace_callback(None)
    assert plans
    assert not [plan for plan in plans if "TEMP B-TREE" in plan or plan.startswith("SCAN")], plans
