"""Is everything up there? What `aqsync status` says of what is still to come."""

from __future__ import annotations

from tests.support.project import Project


def test_many_files_are_told_by_number_and_by_what_stands_out(project: Project) -> None:
    for number in range(30):
        project.write(f"run.zarr/0/{number}", bytes(100))
    project.write("large.bin", bytes(2048))
    ran = project.run("status")
    assert ran.exit_code == 1
    lines = ran.out.splitlines()
    assert "  31 files (4.9 KiB) are still to come:" in lines
    assert any(line.startswith("    oldest:  ") for line in lines)
    assert "    largest: large.bin, 2.0 KiB" in lines
    assert sum(line.startswith("waiting: ") for line in lines) == 1
    named = project.run("status", "--all").out
    assert sum(line.startswith("waiting: ") for line in named.splitlines()) == 31

    waiting = project.run("status", "--waiting", "--sort", "size").out.splitlines()
    assert len(waiting) == 31
    assert waiting[0].split()[:2] == ["2.0", "KiB"]
    found = project.run("status", "--json").json["mappings"]["main"]
    assert (found["not_there"]["files"], found["not_there"]["bytes"]) == (31, 5048)
    assert found["not_there"]["largest"]["path"] == str(project.root / "large.bin")
    assert found["not_there"]["oldest"]["since"].endswith("+00:00")
    assert [group["files"] for group in found["groups"]] == [31]
    assert len(found["problems"]) == 31
    assert found["slowest"] is None

    project.pushed()
    assert "still to come" not in project.run("status").out
    assert project.run("status", "--waiting").out == ""
