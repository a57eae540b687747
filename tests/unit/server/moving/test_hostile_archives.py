"""Anybody may have made an archive: one that does harm is refused before anything is written."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aqsync.server.moving.archive_import import ArchiveImport
from aqsync.server.moving.archive_reader import Archive
from aqsync.server.moving.inbound import Inbound
from aqsync.server.moving.moved import MoveRefused
from aqsync.server.storage import Storage
from tests.support.archives import (
    UUIDS,
    Entry,
    experiment,
    file,
    metadata,
    repacked,
    written,
)

ONE = UUIDS[0]
HEAD = metadata(experiment(0))


def refused(storage: Storage, path: Path) -> MoveRefused:
    """Let it be refused, by whichever of the two looks; nothing may have been written."""
    moving = ArchiveImport(Archive(path), Inbound(storage))
    with pytest.raises(MoveRefused) as caught:
        moving.check(lambda _: None)
    assert storage.catalog.uuids() == []
    assert "Traceback" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    "name",
    [
        f"experiments_files/{ONE}/../../evil",
        f"experiments_files/{ONE}/..",
        f"experiments_files/../{ONE}/evil",
        "/etc/passwd",
        "../evil",
        f"experiments_files/{ONE}/a/b",
        f"experiments_files/{ONE}/a\\b",
        f"experiments_files/{ONE}/NUL",
        f"experiments_files/{ONE}/" + "x" * 256,
        f"experiments_files/{ONE}/ends with a dot.",
        f"experiments_files/{ONE}/line\nbreak",
        "somewhere/else",
    ],
)
def test_no_name_leads_anywhere_else(storage: Storage, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "a.tar.gz", HEAD, [Entry(name, b"x")])
    error = refused(storage, path)
    assert error.details
    assert "skip-refused" in error.hint


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"3"])
def test_only_files_are_files(storage: Storage, tmp_path: Path, kind: bytes) -> None:
    entry = Entry(f"experiments_files/{ONE}/link", kind=kind, link="/etc/passwd")
    error = refused(storage, written(tmp_path / "a.tar.gz", HEAD, [entry]))
    assert "no file" in error.details[0]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([file(ONE, "a"), file(ONE, "a")], "twice"),
        ([file(ONE, "a"), file(UUIDS[1], "b"), file(ONE, "c")], "several places"),
        ([Entry("metadata.json", HEAD)], "twice"),
        ([file(ONE, "a", mtime=1e18)], "impossible time"),
    ],
)
def test_an_archive_that_contradicts_itself_is_refused(
    storage: Storage, tmp_path: Path, entries: Iterable[Entry], said: str
) -> None:
    head = metadata(experiment(0), experiment(1))
    assert said in refused(storage, written(tmp_path / "a.tar.gz", head, entries)).message


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        metadata(experiment(0), version=7),
        metadata(experiment(0), version="1.0.0"),
        metadata(experiment(0), variant="other"),
        metadata(experiment(0), users="nobody"),
        metadata(experiment(0, uuid="no")),
        metadata(experiment(0, eid="")),
        metadata(experiment(0, eid=" 1")),
        metadata(experiment(0, eid="a\nb")),
        metadata(experiment(0, eid="x" * 65)),
        metadata(experiment(0, title="x" * 257)),
        metadata(experiment(0, title="\0")),
        metadata(experiment(0, title=None)),
        metadata(experiment(0, description="x" * 5001)),
        metadata(experiment(0, created_at="yesterday")),
        metadata(experiment(0, created_at="0001-01-01T00:00:00Z")),
        metadata(experiment(0, tags="Alpha")),
        metadata(experiment(0, tags=[{"key": "a b", "name": "a b"}])),
        metadata(experiment(0, aqsync_tasks=[{"uuid": 5}])),
        metadata(experiment(0), experiment(0, eid="20261123-9")),
        metadata(experiment(0), experiment(1, eid="20261123-1")),
    ],
)
def test_what_is_told_wrongly_is_refused(storage: Storage, tmp_path: Path, head: bytes) -> None:
    refused(storage, written(tmp_path / "a.tar.gz", head))


def test_an_archive_without_its_head_is_refused(storage: Storage, tmp_path: Path) -> None:
    assert "metadata.json" in refused(storage, written(tmp_path / "a", None)).message
    late = [file(ONE, "a"), Entry("metadata.json", HEAD)]
    assert "metadata.json" in refused(storage, written(tmp_path / "b", None, late)).message


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"no tar")], ids=["empty", "no gzip", "no tar"]
)
def test_another_file_is_refused(storage: Storage, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    refused(storage, path)


def test_a_missing_file_is_refused(storage: Storage, tmp_path: Path) -> None:
    assert "cannot be read" in refused(storage, tmp_path / "missing").message


def test_no_cut_of_an_archive_passes_for_a_whole_one(storage: Storage, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.tar.gz", HEAD, [file(ONE, "a", bytes(3000))]).read_bytes()
    path = tmp_path / "cut.tar.gz"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(storage, path)


def test_no_damaged_entry_passes_for_the_end(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    good = gzip.decompress(written(path, HEAD, [file(ONE, "a"), file(ONE, "b")]).read_bytes())
    place = good.index(f"experiments_files/{ONE}/b".encode())
    damaged = bytearray(good)
    damaged[place] ^= 1
    refused(storage, repacked(path, bytes(damaged)))
    refused(storage, repacked(path, good[: len(good) // 512 * 512 - 20 * 512]))
    refused(storage, repacked(path, good + b"x"))
    refused(storage, repacked(path, good + bytes(2 * 1024 * 1024)))


def test_a_bomb_is_noticed_before_it_is_unpacked(storage: Storage, tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"experiments_files/{ONE}/huge")
    info.size = 1 << 50
    head = tarfile.TarInfo("metadata.json")
    head.size = len(HEAD)
    tar = head.tobuf(tarfile.PAX_FORMAT) + HEAD + bytes(-len(HEAD) % 512)
    tar += info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000)
    assert "no room" in refused(storage, repacked(tmp_path / "a.tar.gz", tar)).message


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_no_long_name_fills_the_memory(storage: Storage, tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, 1 << 40
    tar = info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000)
    assert "too long" in refused(storage, repacked(tmp_path / "a.tar.gz", tar)).message


def test_no_endless_head_fills_the_memory(storage: Storage, tmp_path: Path) -> None:
    info = tarfile.TarInfo("metadata.json")
    info.size = 1 << 40
    tar = info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000)
    assert "MiB" in refused(storage, repacked(tmp_path / "a.tar.gz", tar)).message


def test_many_entries_take_no_memory(storage: Storage, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tar.gz", HEAD, [file(ONE, f"{n}") for n in range(300)])
    kept: list[int] = []
    original = tarfile.TarFile.next

    def counted(self: Any) -> tarfile.TarInfo | None:
        kept.append(len(self.members))
        return original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarfile.TarFile, "next", counted)
        ArchiveImport(Archive(path), Inbound(storage)).check(lambda _: None)
    assert max(kept) <= 1


def test_what_is_refused_can_be_left_out(storage: Storage, tmp_path: Path) -> None:
    entries = [
        file(ONE, "good"),
        Entry(f"experiments_files/{ONE}/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        Entry("experiments_files/.gitkeep", b"x"),
        Entry("experiments_files/of-nobody/a", b"x"),
    ]
    path = written(tmp_path / "a.tar.gz", HEAD, entries)
    moving = ArchiveImport(Archive(path), Inbound(storage), skip_refused=True)
    moving.run(moving.check(lambda _: None), lambda _: None)
    assert storage.files.listing(ONE).names() == ["good"]
    tally = moving.inbound.tally
    assert tally.difference_count == 1
    assert "link" in tally.differences[0]
    assert "of-nobody" in tally.notes[0]
