"""Writing an archive that ``aqueduct import`` reads, piece by piece."""

from __future__ import annotations

import gzip
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from aqsync.server.moving.archive import (
    FILES,
    METADATA,
    VERSION,
    ArchivedExperiment,
    user_id,
)
from aqsync.server.moving.outbound import Outbound, pieces
from aqsync.server.moving.sink import Sink

_FASTEST = 1
_PIECE = 512 * 1024
_BLOCK = tarfile.BLOCKSIZE
_OTHERS_READ = 0o644
_OTHERS_ENTER = 0o755


def archive_chunks(
    outbound: Outbound, *, came: Callable[[int], object], file: Callable[[], object]
) -> Iterator[bytes]:
    """Give an archive of experiments with all that they have.

    Args:
        outbound: What is exported.
        came: Called with the number of bytes of files that have gone into it.
        file: Called for each file that has gone into it.

    Raises:
        MoveRefused: A file cannot be read to its end.
        OSError: The disk failed.
    """
    sink = Sink()
    with (
        gzip.GzipFile(fileobj=cast("BinaryIO", sink), mode="wb", compresslevel=_FASTEST) as packed,
        tarfile.TarFile(
            fileobj=cast("BinaryIO", packed), mode="w", format=tarfile.PAX_FORMAT
        ) as tar,
        tempfile.TemporaryFile() as metadata,
    ):
        _write_metadata(outbound, cast("BinaryIO", metadata))
        size = metadata.tell()
        metadata.seek(0)
        chunks = iter(lambda: metadata.read(_PIECE), b"")
        for _ in _add(tar, tarfile.TarInfo(METADATA), size, chunks):
            yield sink.taken()
        for experiment in outbound.experiments():
            folder = tarfile.TarInfo(f"{FILES}/{experiment.uuid}")
            folder.type, folder.mode = tarfile.DIRTYPE, _OTHERS_ENTER
            folder.mtime = int(experiment.created_at.timestamp())
            tar.addfile(folder)
            for name in outbound.names(experiment):
                with outbound.opened(experiment, name) as found:
                    if found is None:
                        continue
                    info = tarfile.TarInfo(f"{folder.name}/{name}")
                    info.mtime = found.facts.stored_at / 1e6
                    content = pieces(found, experiment.eid, name)
                    for number in _add(tar, info, found.facts.size, content):
                        came(number)
                        yield sink.taken()
                file()
            yield sink.taken()
    yield sink.taken()


def _add(
    tar: tarfile.TarFile, info: tarfile.TarInfo, size: int, chunks: Iterator[bytes]
) -> Iterator[int]:
    """Add a file chunk by chunk; give the number of bytes of each."""
    info.size, info.mode = size, _OTHERS_READ
    tar.addfile(info)  # the head alone
    tar.members.clear()  # type: ignore[attr-defined] # else all of them are kept in memory
    assert tar.fileobj is not None  # noqa: S101 - it is open
    for chunk in chunks:
        tar.fileobj.write(chunk)
        yield len(chunk)
    padding = -size % _BLOCK
    tar.fileobj.write(bytes(padding))
    tar.offset += size + padding
    yield 0


def _write_metadata(outbound: Outbound, place: BinaryIO) -> None:
    """Write what the archive tells of experiments; the memory holds one of them at a time.

    Somebody with experiments that do not follow each other stands in it several times, which the
    commands of Aqueduct understand.
    """
    place.write(f'{{"version": "{VERSION}", "variant": "core", "users": ['.encode())
    user = None
    for experiment in outbound.experiments():
        if experiment.created_by != user:
            place.write(b"" if user is None else b"]}, ")
            user = experiment.created_by
            name = json.dumps(user)
            head = f'{{"uuid": "{user_id(user)}", "username": {name}, "experiments": ['
            place.write(head.encode())
        else:
            place.write(b", ")
        text = ArchivedExperiment.of(outbound.whole(experiment)).model_dump_json()
        place.write(text.encode())
    place.write(b"]}" if user is not None else b"")
    place.write(b"]}")
