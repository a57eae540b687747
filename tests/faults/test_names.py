"""Names that break programs: uploaded under a name that works, content whole, then quiet."""

from __future__ import annotations

import os

from aqsync.layout.names import local_path
from tests.support.project import Project

NAMES = {
    "plain.csv": "plain.csv",
    "with space.csv": "with space.csv",
    "line\nbreak.csv": "line=0Abreak.csv",
    "#7_rabi.csv": "=237_rabi.csv",
    "50%.csv": "50=25.csv",
    "5µs °C é.csv": "5µs °C é.csv",
    "量子.csv": "=E9=87=8F=E5=AD=90.csv",
    "🧊.csv": "=F0=9F=A7=8A.csv",
    "a~b=c.csv": "a=7Eb=3Dc.csv",
    "tab\tbell\a.csv": "tab=09bell=07.csv",
    'quote"<>|?*:\\.csv': "quote=22=3C=3E=7C=3F=2A=3A=5C.csv",
    "trailing.": "trailing=2E",
    "trailing ": "trailing=20",
    " leading": "=20leading",
    "con.txt": "=63on.txt",
    "[red]markup[/red].csv": "[red]markup[~red].csv",
    "-rf": "-rf",
    ".hidden": ".hidden",
    "{braces}": "{braces}",
    "zero\u200bwidth": "zero=E2=80=8Bwidth",
    "combining e\u0301": "combining e=CC=81",
    os.fsdecode(b"invalid \xff\xfe utf-8.csv"): "invalid =FF=FE utf-8.csv",
    os.fsdecode(b"folder \xe9/file \xe9.csv"): "folder =E9~file =E9.csv",
    "deep/er/and/#deeper/x": "deep~er~and~=23deeper~x",
}


def write_all(project: Project, paths: list[str]) -> dict[str, bytes]:
    contents = {path: f"content of {number}".encode() for number, path in enumerate(paths)}
    for path, content in contents.items():
        project.write(path, content)
    return contents


def test_every_name_arrives_with_its_content(project: Project) -> None:
    contents = write_all(project, list(NAMES))
    assert project.pushed()["uploaded"] == len(NAMES)
    assert project.remote() == {NAMES[path]: content for path, content in contents.items()}
    for path, name in NAMES.items():
        assert local_path(name) == path

    rows = project.file_rows()
    assert project.pushed()["unchanged"] == len(NAMES)
    assert project.file_rows() == rows


def test_every_name_is_found_by_path_and_fits_in_a_line(project: Project) -> None:
    project.configure(settle="30s")
    write_all(project, list(NAMES))
    for path in NAMES:
        file = project.root / path
        ran = project.run("push", "--no-wait", file)
        assert ran.exit_code == 1
        lines = ran.out.splitlines()
        assert len([line for line in lines if line.startswith("waiting: ")]) == 1
        assert all(line.isprintable() for line in (*lines, *ran.err.splitlines()))
        ran.text.encode()
        why = project.run("why", file)
        assert "state:      waiting" in why.out
        why.out.encode()
    status = project.run("status", "--all")
    assert f"{len(NAMES)} waiting" in status.out
    status.out.encode()


def test_names_at_the_limit(project: Project) -> None:
    """255 bytes is what a file system takes, and what the server's takes."""
    deep = "/".join(["folder-of-a-run"] * 40) + "/file.hdf5"
    paths = [
        "a" * 251 + ".csv",
        "µ" * 127 + "x",
        "#" * 255,
        "量" * 85,
        deep,
        deep.replace("file", "other"),
        os.fsdecode(b"\xff" * 255),
    ]
    contents = write_all(project, paths)
    assert project.pushed()["uploaded"] == len(paths)
    remote = project.remote()
    assert sorted(remote.values()) == sorted(contents.values()), "no two share a name"
    assert all(len(name.encode()) <= 255 for name in remote)
    assert "a" * 251 + ".csv" in remote
    assert "µ" * 127 + "x" in remote
    assert sum("=~" in name for name in remote) == 5
    assert sum(name.endswith(".hdf5") for name in remote) == 2
    rows = project.file_rows()
    assert project.pushed()["unchanged"] == len(paths)
    assert project.file_rows() == rows


def test_a_change_reaches_the_same_name(project: Project) -> None:
    deep = "/".join(["µ#" * 20] * 10)
    file = project.write(deep, "one")
    project.pushed()
    file.write_text("two, longer")
    project.pushed()
    assert list(project.remote().values()) == [b"two, longer"]


def test_an_odd_name_whose_file_is_held_is_told_as_one_line(project: Project) -> None:
    file = project.write("two\nlines \x1b[31m[bold].csv", "ours")
    project.put("two=0Alines =1B[31m[bold].csv", "theirs")
    ran = project.run("push")
    assert ran.exit_code == 1
    [line] = [line for line in ran.out.splitlines() if line.startswith("held: ")]
    assert "two\\nlines \\x1b[31m[bold].csv: conflict" in line
    assert "\x1b" not in ran.text
    assert file.read_text() == "ours"
