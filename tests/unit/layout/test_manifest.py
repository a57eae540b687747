from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aqsync.errors import ManifestBroken
from aqsync.layout.manifest import (
    Entry,
    FileState,
    Header,
    ManifestFile,
    ManifestFolder,
    Room,
    Source,
    is_honest,
    is_manifest_name,
    manifest_name,
    placed,
    read,
    schema,
    write,
)
from aqsync.layout.names import local_path, remote_name
from tests.support.locales import plain_c

HEADER = Header(
    host="pc-1",
    experiment="0a4f5c5e-8d0c-4a57-9a13-6f4a6c6f2a11",
    eid="20261123-1",
    written_at="2026-11-30T12:00:00+00:00",
    sources=(Source(mapping="fridge-1", directory="/data/fridge-1", prefix="fridge-1"),),
)


def file_line(path: str = "sub/iq.csv", **changes: object) -> ManifestFile:
    known = {
        "name": remote_name(path, "fridge-1"),
        "size": 3,
        "sha256": "a" * 64,
        "mtime_ns": 1795428102123456789,
        "sent_at": "2026-11-30T11:59:00+00:00",
        "modified_at": "2026-11-30T11:59:00.123456+00:00",
        "source": 0,
    }
    return ManifestFile.model_validate(known | placed(path) | changes)


def written(*entries: Entry, header: Header = HEADER) -> bytes:
    target = io.BytesIO()
    write(target, header, entries)
    return target.getvalue()


def lines(*parts: object) -> bytes:
    content = b"".join(json.dumps(part).encode() + b"\n" for part in parts)
    return gzip.compress(content, mtime=0)  # cases are named after their content


def chunks(content: bytes, size: int = 7) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def test_what_is_written_is_read_again() -> None:
    entries: list[Entry] = [
        file_line(),
        file_line("ein\udcffes", state=FileState.PROVISIONAL, complete=False),
        file_line("Δ/f.csv", freed_at="2026-11-30T11:59:00+00:00"),
        ManifestFolder.model_validate(placed("empty/folder") | {"source": 0, "folder": True}),
    ]
    header, found = read(chunks(written(*entries)))
    assert header == HEADER
    assert list(found) == entries
    assert entries[1].local_path == "ein\udcffes"


def test_equal_manifests_are_equal_bytes() -> None:
    assert written(file_line()) == written(file_line())


def test_keys_of_a_later_release_are_passed_over() -> None:
    header = HEADER.model_dump() | {"later": 1}
    entry = file_line().model_dump(mode="json") | {"later": {"a": [1]}}
    assert list(read([lines(header, entry)])[1]) == [file_line()]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off"),
        (b"no gzip", "not gzip"),
        (written(file_line())[:-9], "cut off"),
        (gzip.compress(b"", mtime=0), "first line"),
        (lines({"format": "other"}), "first line"),
        (lines(HEADER.model_dump() | {"version": 2}), "version 2"),
        (lines(HEADER.model_dump(), {"path": "a"}), "line 2"),
        (gzip.compress(HEADER.model_dump_json().encode(), mtime=0), "within a line"),
        (gzip.compress(b"x" * 10_000_000, mtime=0), "over 64 KiB"),
        (lines(HEADER.model_dump(), {"path": "a" * 70_000}), "line 2 has over 64 KiB"),
    ],
)
def test_what_is_no_manifest_is_said(content: bytes, said: str) -> None:
    with pytest.raises(ManifestBroken, match=said):
        list(read(chunks(content, 1000))[1])


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a/\0b"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    entry = file_line().model_dump(mode="json") | {"path": path}
    with pytest.raises(ManifestBroken, match="line 2"):
        list(read([lines(HEADER.model_dump(), entry)])[1])


def test_a_line_of_an_unknown_source_is_left_out() -> None:
    assert list(read([written(file_line(source=1), file_line())])[1]) == [file_line()]


def test_a_name_that_the_path_does_not_get_is_not_honest() -> None:
    assert is_honest(file_line("x" * 300), HEADER)
    assert not is_honest(file_line(name=remote_name("sub/iq.csv")), HEADER)
    assert not is_honest(file_line(source=1), HEADER)


@pytest.mark.parametrize("label", ["pc-1", "Δ" * 64, "a~b", "", "...", "a/b"])
def test_no_path_gets_the_name_of_a_manifest(label: str) -> None:
    name = manifest_name(label, "0123456789ab")
    assert is_manifest_name(name)
    assert local_path(name) is None
    assert remote_name(name) != name
    assert len(name.encode()) <= 255


def test_the_schema_tells_each_kind_of_line() -> None:
    assert {"Header", "ManifestFile", "ManifestFolder"} <= set(str(schema()["$defs"]).split("'"))


def test_manifests_share_the_room_for_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.layout.manifest.MOST_LINES", 3)
    room = Room()
    hidden = file_line(source=7)
    assert list(read([written(hidden, hidden)], room)[1]) == []
    entries = read([written(file_line(), file_line())], room)[1]
    assert next(entries) == file_line()
    with pytest.raises(ManifestBroken, match="with others"):
        next(entries)


def test_a_path_is_the_same_bytes_in_every_locale() -> None:
    """Scripts may run in a locale that does not speak UTF-8; commands never do."""
    path = "漢/\udcff"
    code = f"""
from aqsync.layout.manifest import ManifestFolder, placed
path = {path!a}
entry = ManifestFolder.model_validate(placed(path) | {{"source": 0, "folder": True}})
assert entry.local_path == path
print(entry.path_base64)
"""
    environment = {**os.environ, **plain_c()}
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert base64.b64decode(told) == path.encode("utf-8", "surrogateescape")
