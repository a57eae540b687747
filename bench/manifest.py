"""The manifest of a large experiment: it is made from the journal, and read again."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from aqsync.aqueduct.records import RemoteFile
from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.layout.manifest import manifest_name, read, write
from aqsync.layout.names import remote_name
from aqsync.sync.manifest_content import ManifestContent
from aqsync.sync.verification import Verifier
from bench.figures import Figure
from bench.processes import Run, run
from bench.stage import Stage

if TYPE_CHECKING:
    from aqsync.aqueduct.client import Client

FILES, QUICK_FILES = 100_000, 10_000
PER_FOLDER = 100
EID = "20261123-1"
MOST_BYTES = 8_000_000
"""Of 100,000 files."""
MOST_MB = 80
MOST_VERIFIED_S = 3.0
_BEGAN_NS = 1_795_428_000_000_000_000


def manifest(stage: Stage) -> Iterator[Figure]:
    files = QUICK_FILES if stage.quick else FILES
    journal, report = stage.folder / "manifest.db", stage.folder / "manifest.json"
    _fill(journal, files)
    told: list[dict[str, float]] = []

    def written() -> Run:
        made = run([sys.executable, "-m", "bench.manifest", journal, report])
        told.append(json.loads(report.read_text()))
        return made

    [runs] = stage.alternately(f"a manifest of {files} files", written)
    sizes = [each["bytes"] / 1e6 for each in told]
    most = MOST_BYTES / 1e6 * files / FILES
    yield Figure(f"manifest of {files} files: size", sizes, "MB", at_most=most)
    yield Figure("manifest: processor time to write it", [each["written_s"] for each in told], "s")
    yield Figure("manifest: processor time to read it", [each["read_s"] for each in told], "s")
    verified = [each["verified_s"] for each in told]
    yield Figure(
        "verify beside the list and the disk: processor time",
        verified,
        "s",
        at_most=MOST_VERIFIED_S,
    )
    both = [each["both_mb"] for each in told]
    yield Figure("manifest: peak memory of both", both, "MB", at_most=MOST_MB)
    memory = [each.peak_mb for each in runs]
    yield Figure("verify, with the journal's copy: peak memory", memory, "MB")


def _fill(place: Path, files: int) -> None:
    """A journal in which so many files are in sync."""
    with Journal.open_for_writing(place, _BEGAN_NS) as journal:
        mapping = journal.mappings.get("lab")
        journal.remote.found({EID: "0a4f5c5e-8d0c-4a57-9a13-6f4a6c6f2a11"})
        columns = (
            "mapping_id, directory, name, kind, size, mtime_ns, ctime_ns, inode, since_ns, eid,"
            " remote_name, synced_size, synced_mtime_ns, synced_ctime_ns, synced_inode,"
            " synced_sha256, synced_at_ns, synced_sequence, synced_modified_at"
        )
        journal._database.write_each(  # noqa: SLF001 - a hundred thousand scans would take minutes
            f"INSERT INTO file ({columns}) VALUES ({','.join('?' * 19)})",
            (_row(mapping.id, number) for number in range(files)),
        )


def _row(mapping_id: int, number: int) -> tuple[int | str | bytes, ...]:
    directory = f"2026-11-23/run_{number // PER_FOLDER:05}"
    name = f"q{number % PER_FOLDER:02}_t1.csv"
    digest = hashlib.sha256(b"%d" % number).digest()
    at_ns = _BEGAN_NS + number * 123_456_789
    seen = (1000 + number % 977, at_ns, at_ns, number + 1)
    remote = remote_name(f"{directory}/{name}")
    modified_at = f"2026-11-23T10:{number // 60 % 60:02}:{number % 60:02}.{number:06}+00:00"
    state = (mapping_id, directory, name, 0, *seen, at_ns, EID, remote)
    return (*state, *seen, digest, at_ns, 1, modified_at)


def _measure(place: Path, report: Path) -> None:
    mapping = MappingConfig.model_validate(
        {"name": "lab", "directory": "/data/lab", "experiment": EID}
    )
    with Journal.open_for_reading(place) as journal, tempfile.TemporaryFile() as file:
        began = time.process_time()
        content = ManifestContent(journal, [mapping], EID, _BEGAN_NS)
        write(file, content.header, content.entries())
        written_s, size = time.process_time() - began, file.tell()
        file.seek(0)
        began = time.process_time()
        _, entries = read(iter(partial(file.read, 1 << 18), b""))
        for _ in entries:
            pass
        read_s = time.process_time() - began
        both_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        verified_s = _verify(place, mapping, file)
    told = {"bytes": size, "written_s": written_s, "read_s": read_s, "verified_s": verified_s}
    told["both_mb"] = both_mb
    report.write_text(json.dumps(told))


def _verify(place: Path, mapping: MappingConfig, manifest: IO[bytes]) -> float:
    """Seconds that `aqsync verify` takes beside fetching the list and looking at the disk."""
    with Journal.copy_in_memory(place, _BEGAN_NS) as journal:
        lists = [
            RemoteFile(f.remote_name, str(f.modified_at)) for f in journal.manifests.files(EID)
        ]
        own = RemoteFile(manifest_name("lab", "0" * 12), "2026-11-23T12:00:00+00:00")
        journal.remote.next_sequence()  # later than all uploads
        sequence = journal.remote.next_sequence()
        journal.remote.listed({EID: [*lists, own]}, ([], b""), sequence, _BEGAN_NS)
        began = time.process_time()
        server = cast("Client", _Stored(manifest))
        verifier = Verifier(server, journal, [mapping], _BEGAN_NS, {mapping.name: ()})
        verifier.experiments([EID], only=None, whole=True)
        if verifier.found.differences:
            raise AssertionError(verifier.found.differences[:3])
        return time.process_time() - began


class _Stored:
    """A server that has one manifest."""

    def __init__(self, manifest: IO[bytes]) -> None:
        self._manifest = manifest

    @contextmanager
    def download(self, _uuid: object, _name: str) -> Iterator[_Stored]:
        self._manifest.seek(0)
        yield self

    def chunks(self) -> Iterator[bytes]:
        return iter(partial(self._manifest.read, 1 << 18), b"")


if __name__ == "__main__":
    _measure(*map(Path, sys.argv[1:3]))
