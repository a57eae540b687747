"""What SQL leaves out as quiet is what the planner calls in sync, and the bulk of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest

from aqsync.journal import Journal
from aqsync.model import EntryKind, FileRecord, InSync, OnLocalDelete, Policy, Reason, Signature
from aqsync.sync.planner import decide
from aqsync.sync.summary import is_kept
from tests.support.notes import Notes, notes
from tests.support.records import EMPTY, LONG_AGO, NOW, OURS, THEIRS, V1, V2


class Facts(NamedTuple):
    """What bears on whether a file is quiet."""

    kind: int
    local: Signature | None
    synced: Signature | None
    synced_sequence: int
    synced_modified_at: str | None
    remote: str | None
    listed_sequence: int
    problem: str | None
    mapped: bool


ALL = [
    Facts(*values)
    for values in itertools.product(
        (0, 1),
        (V1, V1._replace(log=1), V2, EMPTY, None),
        (V1, EMPTY, None),
        (0, 3, 5, 6),
        (OURS, None),
        (OURS, THEIRS, None),
        (0, 5),
        (None, "lost"),
        (True, False),
    )
]


def fill(noted: Notes) -> None:
    """One file for every combination of facts, one experiment for each state of a list."""
    states = sorted({(f.listed_sequence, f.problem or "") for f in ALL})
    eids = {state: f"20261123-{number}" for number, state in enumerate(states)}
    files, remote_files = [], []
    for number, facts in enumerate(ALL):
        eid = eids[facts.listed_sequence, facts.problem or ""]
        local = facts.local or V1
        synced: tuple[object, ...] = (*(None,) * 4, 0, *(None,) * 4)
        if facts.synced:
            proof = (b"x", 1, facts.synced_sequence, facts.synced_modified_at)
            synced = (*facts.synced, *proof)
        size = None if facts.local is None else local.size
        where = eid if facts.mapped else None
        row = (noted.mapping_id, f"{number}", facts.kind, size, *local[1:], where, f"{number}")
        files.append((*row, *synced))
        if facts.remote:
            remote_files.append((eid, f"{number}", facts.remote))
    with noted.journal._database.writing() as connection:
        connection.executemany(
            "INSERT INTO experiment (eid, uuid, listed_sequence, problem_message, problem_hint,"
            " problem_since_ns) VALUES (?, 'uuid', ?, nullif(?, ''), '', 1)",
            [(eid, *state) for state, eid in eids.items()],
        )
        connection.executemany("INSERT INTO remote_file VALUES (?, ?, ?)", remote_files)
        connection.executemany(
            "INSERT INTO file (mapping_id, directory, since_ns, name, kind, size, mtime_ns,"
            " ctime_ns, inode, log, eid, remote_name, synced_size, synced_mtime_ns,"
            " synced_ctime_ns, synced_inode, synced_log, synced_sha256, synced_at_ns,"
            " synced_sequence, synced_modified_at)"
            f" VALUES (?, '', {LONG_AGO}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            files,
        )


def steps(
    noted: Notes, identities: list[int], on_local_delete: OnLocalDelete
) -> Iterator[tuple[FileRecord, object]]:
    """Files with their decisions, by the strictest policy."""
    base = Policy(0, on_local_delete, Reason.TOO_MANY_GONE.explain(gone=9, known=9, share="0%"))
    problems = {e.eid: e.problem for e in noted.journal.remote.experiments().values()}
    for start in range(0, len(identities), 500):
        for file in noted.journal.observations.records(identities[start : start + 500]):
            problem = problems.get(file.eid) if file.eid else None
            yield file, decide(file, replace(base, experiment_problem=problem), NOW)


@pytest.mark.parametrize("on_local_delete", OnLocalDelete)
def test_quiet_files_are_in_sync_and_no_others_that_are_plainly_so(
    journal: Journal, on_local_delete: OnLocalDelete
) -> None:
    keep = on_local_delete is OnLocalDelete.KEEP
    noted = notes(journal)
    fill(noted)
    with journal._database.reading() as connection:
        everything = {row[0] for row in connection.execute("SELECT id FROM file")}
    waiting = journal.observations.unquiet(noted.mapping_id, keep=keep)
    unquiet = {file.id for file in waiting}
    quiet = everything - unquiet
    counted = journal.observations.quiet(noted.mapping_id, keep=keep)
    gone = kept = 0
    for file, step in steps(noted, sorted(quiet), on_local_delete):
        assert isinstance(step, InSync), file
        gone += file.local is None
        kept += file.local is None and is_kept(file)
    assert counted.kept == kept
    assert counted.files == len(quiet) - gone > 0
    assert (gone > 0) is keep
    plain_reasons = {Reason.ON_SERVER}
    if keep:
        plain_reasons |= {
            Reason.GONE_BEFORE_UPLOAD,
            Reason.DELETED_ON_BOTH_SIDES,
            Reason.DELETED_COPY_KEPT,
        }
    for file, step in steps(noted, sorted(unquiet), on_local_delete):
        plain = isinstance(step, InSync) and step.reason in plain_reasons
        assert not plain, f"left to be looked at closely, though it is in sync: {file}"


def test_what_a_measurement_lacks_is_what_is_not_in_sync_and_nothing_else(
    journal: Journal,
) -> None:
    noted = notes(journal)
    fill(noted)
    with journal._database.reading() as connection:
        connection.execute("UPDATE file SET directory = 'run'")
        everything = {row[0] for row in connection.execute("SELECT id FROM file")}
    lacking = {each.id for each in journal.measurements.not_there(noted.mapping_id, "run")}
    [counted] = journal.measurements.counts(noted.mapping_id, "run")
    files = 0
    for file, step in steps(noted, sorted(everything), OnLocalDelete.KEEP):
        if file.kind is EntryKind.FILE and file.local is not None:
            files += 1
            assert isinstance(step, InSync) is (file.id not in lacking), file
    assert (counted.files, counted.not_there) == (files, len(lacking))
    assert 0 < len(lacking) < files
