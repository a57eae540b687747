"""``aqsync files``."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.local_files import write_whole
from aqsync.aqueduct.records import FileLists, RemoteFile
from aqsync.errors import LocalError
from aqsync.layout.names import is_plain
from tests.support.remote import Remote


def test_list(remote: Remote) -> None:
    ran = remote.run("files", "list", remote.eid)
    assert (ran.exit_code, ran.out, ran.err) == (0, "", f"{remote.eid} has no files\n")
    remote.put("b µ.csv")
    remote.put("a.csv")
    lines = remote.did("files", "list", remote.eid).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["NAME", "a.csv", "b µ.csv"]
    listed = remote.json("files", "list", remote.eid)
    assert [file["name"] for file in listed] == ["a.csv", "b µ.csv"]
    assert all(file["uploaded_at"].endswith("+00:00") for file in listed)


def test_put_and_get(remote: Remote) -> None:
    Path("a.csv").write_bytes(b"a" * 2000)
    Path("empty").touch()
    out = remote.did("files", "put", remote.eid, "a.csv", "empty")
    assert out == "uploaded a.csv (2.0 KiB)\nuploaded empty (0 B)\n"
    assert remote.did("files", "get", remote.eid, "--to", "in/here").splitlines() == [
        "downloaded a.csv (2.0 KiB)",
        "downloaded empty (0 B)",
    ]
    assert {p.name: p.read_bytes() for p in Path("in/here").iterdir()} == {
        "a.csv": b"a" * 2000,
        "empty": b"",
    }


def test_put_under_another_name(remote: Remote) -> None:
    Path("漢.csv").write_bytes(b"x")
    complaint = remote.refused(1, "files", "put", remote.eid, "漢.csv")
    assert "cannot be sent" in complaint
    answer = remote.json("files", "put", remote.eid, "漢.csv", "--name", "kan.csv")
    assert answer == {
        "eid": remote.eid,
        "uploaded": [{"name": "kan.csv", "path": "漢.csv", "bytes": 1}],
        "problems": [],
    }
    assert remote.read("kan.csv") == b"x"


def test_put_replaces_only_when_told(remote: Remote) -> None:
    remote.put("a.csv", b"old")
    Path("a.csv").write_bytes(b"new")
    complaint = remote.refused(1, "files", "put", remote.eid, "a.csv")
    assert f"'a.csv' is in {remote.eid} already" in complaint
    assert "--overwrite" in complaint
    assert remote.read("a.csv") == b"old"
    remote.did("files", "put", remote.eid, "a.csv", "--overwrite")
    assert remote.read("a.csv") == b"new"


def test_one_bad_file_stops_no_other(remote: Remote) -> None:
    Path("good").write_bytes(b"x")
    Path("bad:name").write_bytes(b"x")
    os.mkfifo("fifo")
    Path("folder").mkdir()
    ran = remote.run(
        "files", "put", remote.eid, "none", "fifo", "folder", "bad:name", "good", "--json"
    )
    assert ran.exit_code == 1
    assert [each["name"] for each in ran.json["uploaded"]] == ["good"]
    problems = ran.json["problems"]
    assert [each["path"] for each in problems] == ["none", "fifo", "folder", "bad:name"]
    assert all(each.keys() == {"name", "path", "reason", "hint"} for each in problems)
    assert str(remote.experiment.uuid) not in ran.text
    assert remote.names() == {"good"}


def test_two_files_of_one_name_are_not_put(remote: Remote) -> None:
    for folder in ("x", "y"):
        Path(folder).mkdir()
        Path(folder, "a").touch()
    assert "would both become 'a'" in remote.refused(2, "files", "put", remote.eid, "x/a", "y/a")
    assert "--name" in remote.refused(2, "files", "put", remote.eid, "x/a", "y/a", "--name", "b")
    assert remote.names() == set()


def test_get_replaces_only_when_told(remote: Remote) -> None:
    remote.put("a", b"theirs")
    remote.put("b", b"theirs")
    Path("a").write_bytes(b"mine")
    Path("b").symlink_to("nowhere")
    ran = remote.run("files", "get", remote.eid)
    assert (ran.exit_code, ran.out) == (1, "")
    assert ran.err.count("exists already, and was left as it is") == 2
    assert Path("a").read_bytes() == b"mine"
    remote.did("files", "get", remote.eid, "a", "b", "a", "--overwrite")
    assert Path("a").read_bytes() == b"theirs"
    assert not Path("b").is_symlink()
    assert not Path("nowhere").exists()


def test_a_file_that_appears_meanwhile_is_not_replaced(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.put("a", b"theirs")
    real = Client.download

    def download(*arguments: Any) -> Any:
        Path("a").write_bytes(b"mine")
        return real(*arguments)

    monkeypatch.setattr(Client, "download", download)
    assert "File exists" in remote.refused(1, "files", "get", remote.eid, "a")
    assert Path("a").read_bytes() == b"mine"
    assert [path.name for path in Path.cwd().iterdir()] == ["a"]


def test_a_disk_without_links_keeps_the_promise(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    remote.put("a", b"theirs")
    remote.did("files", "get", remote.eid)
    assert Path("a").read_bytes() == b"theirs"
    Path("a").write_bytes(b"mine")
    with pytest.raises(LocalError, match="File exists"):
        write_whole(Path("a"), [b"theirs"], replace=False)
    assert Path("a").read_bytes() == b"mine"
    assert [path.name for path in Path.cwd().iterdir()] == ["a"]


def test_get_what_is_not_there(remote: Remote) -> None:
    remote.put("a")
    complaint = remote.refused(1, "files", "get", remote.eid, "a", "../x", "--to", "out")
    assert "no file '../x'" in complaint
    assert not Path("out").exists()


def test_get_into_what_is_no_directory(remote: Remote) -> None:
    remote.put("a")
    Path("out").touch()
    assert "cannot be made" in remote.refused(1, "files", "get", remote.eid, "--to", "out")


def test_get_all_of_nothing(remote: Remote) -> None:
    ran = remote.run("files", "get", remote.eid, "--to", "out")
    assert (ran.exit_code, ran.err) == (0, f"{remote.eid} has no files\n")
    answer = remote.json("files", "get", remote.eid)
    assert answer == {"eid": remote.eid, "downloaded": [], "problems": []}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.csv", True),
        (".hidden", True),
        ("a b~c=20µ", True),
        ("...", True),
        ("", False),
        (".", False),
        ("..", False),
        ("/etc/passwd", False),
        ("../a", False),
        ("a/b", False),
        ("a/", False),
        ("a\\b", False),
        ("..\\a", False),
        ("C:a", False),
        ("a\0b", False),
    ],
)
def test_which_names_stay_in_their_directory(name: str, plain: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_plain(name) == plain


def test_a_server_cannot_write_beyond_the_directory(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.put("good")
    names = ["../out", "/tmp/out", "..", "good"]
    lists = FileLists(
        b"",
        {remote.experiment.uuid: [RemoteFile(each, "2026-11-23T10:00:00+00:00") for each in names]},
    )
    monkeypatch.setattr(Client, "list_files", lambda *_: lists)
    ran = remote.run("files", "get", remote.eid, "--to", "in", "--overwrite")
    assert ran.exit_code == 1
    assert ran.out == "downloaded good (7 B)\n"
    assert ran.err.count("cannot be the name of a file on this machine") == 3
    assert [path.name for path in Path.cwd().rglob("*")] == ["in", "good"]


def test_remove(remote: Remote) -> None:
    for name in ("a", "b", "c"):
        remote.put(name)
    assert "no terminal" in remote.refused(2, "files", "remove", remote.eid, "a")
    assert "no file 'x'" in remote.refused(1, "files", "remove", remote.eid, "a", "x", "--yes")
    assert remote.names() == {"a", "b", "c"}
    assert remote.did("files", "remove", remote.eid, "a", "--yes") == (
        f"removed a from {remote.eid}\n"
    )
    answer = remote.json("files", "remove", remote.eid, "b", "b", "--yes")
    assert answer == {"eid": remote.eid, "removed": ["b"]}
    assert remote.names() == {"c"}


def test_a_configuration_is_got_only_by_its_name(remote: Remote) -> None:
    remote.put("aqsync.yaml", b"server: {url: 'http://elsewhere'}")
    remote.put("b")
    ran = remote.run("files", "get", remote.eid)
    assert (ran.exit_code, Path("b").exists(), Path("aqsync.yaml").exists()) == (1, True, False)
    assert "would take it for their configuration" in ran.err
    remote.did("files", "get", remote.eid, "aqsync.yaml")
    assert Path("aqsync.yaml").exists()
