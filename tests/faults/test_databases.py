"""Databases, as a person sees them."""

from __future__ import annotations

from pathlib import Path

from tests.support.databases import add_rows, open_database, rows_in
from tests.support.project import Project


def test_a_live_database_and_the_leftovers_of_an_earlier_release(
    project: Project, tmp_path: Path
) -> None:
    place = project.root / "run" / "experiments.db"
    writer = open_database(place)
    add_rows(writer, 20)
    project.configure(databases="file")
    project.push()
    project.push()  # a list has shown it
    assert project.remote_names() == {f"run~experiments.db{part}" for part in ("", "-wal", "-shm")}

    project.configure()
    said = project.run("status").out
    assert "leftover on the server, part of a database: run~experiments.db-wal in" in said
    assert "aqsync tidy" not in said
    early = project.run("tidy", "--yes")
    assert early.exit_code == 1
    assert "not yet, as its database is not on the server" in early.out

    assert project.push().exit_code == 0
    assert rows_in(project.read("run~experiments.db"), tmp_path) == 20
    why = project.run("why", Path(f"{place}-wal"))
    assert "part of the database experiments.db: it is sent with it" in why.out
    status = project.run("status")
    assert status.exit_code == 0
    assert "aqsync tidy" in status.out
    found = project.run("status", "--json").json["mappings"]["main"]["leftovers"]
    assert [each["name"] for each in found] == ["run~experiments.db-shm", "run~experiments.db-wal"]
    assert all(each["removable"] for each in found)

    unasked = project.run("tidy")
    assert unasked.exit_code == 2
    assert "no terminal" in unasked.text
    assert len(project.remote_names()) == 3
    assert project.run("tidy", "--json", "--yes").json == {"removed": 2, "left": 0}
    assert project.remote_names() == {"run~experiments.db"}
    nothing = project.run("tidy")
    assert (nothing.exit_code, nothing.out) == (0, "nothing to tidy\n")
    assert "leftover" not in project.run("status").out
    writer.close()
    assert project.push().exit_code == 0
    assert project.remote_names() == {"run~experiments.db"}


def test_a_damaged_database_goes_as_it_is_and_is_named(project: Project) -> None:
    place = project.root / "old.db"
    connection = open_database(place, "DELETE")
    add_rows(connection, 300)
    connection.close()
    content = bytearray(place.read_bytes())
    content[8192:12288] = b"\x55" * 4096
    project.write("old.db", bytes(content))
    assert project.push().exit_code == 0
    assert project.read("old.db") == content
    assert "  a database that SQLite found damaged, sent as it is: old.db (" in (
        project.run("status").out
    )
    [found] = project.run("status", "--json").json["mappings"]["main"]["damaged"]
    assert found["path"] == str(place)
    assert "SQLite found it damaged here when it was sent" in project.run("why", place).out


def test_a_dry_run_leaves_the_snapshots_of_a_daemon_alone(project: Project) -> None:
    left = project.journal.with_name("journal.db.snapshots") / "abc" / "database"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    assert project.push("--dry-run").exit_code in {0, 1}
    assert left.exists()
    project.push()
    assert not left.exists()
