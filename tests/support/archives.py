"""Archives of experiments, as the command of Aqueduct writes them, and as nobody should."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

UUIDS = [UUID(int=number) for number in range(1, 9)]
TIME = 1_795_428_705.826756


class Entry(NamedTuple):
    """One entry of an archive."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mtime: float = TIME
    link: str = ""


def file(uuid: UUID, name: str, content: bytes = b"content", mtime: float = TIME) -> Entry:
    """A file of an experiment."""
    return Entry(f"experiments_files/{uuid}/{name}", content, mtime=mtime)


def experiment(number: int, **changes: Any) -> dict[str, Any]:
    """What an archive tells of an experiment."""
    return {
        "uuid": str(UUIDS[number]),
        "eid": f"20261123-{number + 1}",
        "title": f"title {number}",
        "description": "text",
        "created_at": "2026-11-23T10:11:45.826756Z",
        "updated_at": "2026-11-24T10:11:45.000001Z",
        "tags": [{"key": "alpha", "name": "Alpha"}],
    } | changes


def metadata(*experiments: dict[str, Any], **changes: Any) -> bytes:
    """The file that tells the rest."""
    user = {"uuid": str(UUID(int=0)), "username": "admin", "experiments": list(experiments)}
    return json.dumps({"version": "0.0.9", "variant": "core", "users": [user]} | changes).encode()


def written(path: Path, head: bytes | None, entries: Iterable[Entry] = ()) -> Path:
    """Write an archive.

    Args:
        path: Its path.
        head: What tells of the experiments; None: nothing does.
        entries: What else is in it.
    """
    every = list(entries) if head is None else [Entry("metadata.json", head), *entries]
    with tarfile.open(path, "w:gz") as tar:
        for entry in every:
            info = tarfile.TarInfo(entry.name)
            info.size, info.type, info.linkname = len(entry.content), entry.kind, entry.link
            info.mtime = entry.mtime
            tar.addfile(info, io.BytesIO(entry.content))
    return path


def repacked(path: Path, tar: bytes) -> Path:
    """Write an archive of the bytes of a tar file."""
    path.write_bytes(gzip.compress(tar, 1))
    return path
