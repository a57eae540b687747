"""What the commands say of a file that keeps growing."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

from tests.support.project import Project


def test_a_provisional_version_is_never_told_to_be_in_sync(project: Project) -> None:
    place = project.write("run.log", "a line\n" * 100)
    project.configure(settle="0s")
    project.pushed()
    project.configure(settle="1h")
    with place.open("a") as file:
        file.write("more\n")
    now_ns = time.time_ns()
    with closing(sqlite3.connect(project.journal, isolation_level=None)) as journal:
        journal.execute(
            "UPDATE file SET synced_provisional = 1, synced_mtime_ns = 0, synced_ctime_ns = 0,"
            " synced_inode = 0, synced_at_ns = ?, changing_since_ns = ?",
            (now_ns - 240 * 10**9, now_ns - 7200 * 10**9),
        )
    status = project.run("status")
    assert status.exit_code == 1
    assert "  1 provisional\n" in status.out
    told = "keeps growing; the next version goes 10 min after the last one"
    assert f"provisional, 4 min old: {place}: {told}\n" in status.out
    assert f"provisional, 4 min old: {place}: {told}\n" in project.run("status", "--waiting").out
    found = project.run("status", "--json").json["mappings"]["main"]
    assert (found["provisional"], found["in_sync"], found["complete"]) == (1, 0, False)

    why = project.run("why", place)
    assert why.exit_code == 1
    assert "  state:      provisional, 4 min old\n" in why.out
    assert re.search(r"next: +a version goes in [56] min, and the whole file as soon as", why.out)

    listed = project.run("ls").out
    assert listed.splitlines()[1].startswith("~ ")
    assert "~ 1 provisional" in listed
    assert f"{place}" in project.run("ls", "--differs").out
