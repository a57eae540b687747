"""What tests write into a journal, in few words."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from aqsync.journal import Journal
from aqsync.journal.observations import Observed
from aqsync.model import EntryKind, FileRecord, Signature, Uploaded

NOW = 1_795_428_000_000_000_000
EID = "20261123-1"
V1 = Signature(size=10, mtime_ns=100, ctime_ns=100, inode=7)
V2 = Signature(size=20, mtime_ns=200, ctime_ns=200, inode=7)
SHA1, SHA2 = b"\1" * 32, b"\2" * 32
ANY_TIME = (0.0, 4e9)
"""Bounds that exclude no time."""
AT1, AT2 = "2026-11-23T10:00:00+00:00", "2026-11-23T11:00:00+00:00"

NOT_UTF8 = ["bad-\udcff.csv", "d\udc80r/x.csv", "d\udc80r/\udcfe", "µ/温度.csv", "new\nline"]
"""Names as `os.fsdecode` gives them: raw bytes, and other things that go wrong."""


class Notes(NamedTuple):
    """A journal and one mapping of it."""

    journal: Journal
    mapping_id: int

    def count_present(self) -> int:
        """How many entries were here when last seen."""
        seen = self.journal.observations
        return sum(
            size is not None
            for directory in seen.directories(self.mapping_id)
            for _, size, *_ in seen.known_in(self.mapping_id, directory).values()
        )

    def see(
        self,
        path: str,
        signature: Signature = V1,
        *,
        since_ns: int = NOW,
        eid: str | None = EID,
        name: str | None = None,
        kind: EntryKind = EntryKind.FILE,
    ) -> FileRecord:
        """The scanner sees an entry."""
        name = path.encode("ascii", "replace").decode() if name is None else name
        seen = Observed(path, kind, signature, since_ns, eid, name if eid else "")
        self.journal.observations.observe(self.mapping_id, [seen])
        return self.at(path)

    def at(self, path: str) -> FileRecord:
        found = self.find(path)
        assert found is not None
        return found

    def find(self, path: str) -> FileRecord | None:
        return self.journal.observations.record_at(self.mapping_id, path)

    def sync(self, path: str, signature: Signature = V1, sha256: bytes = SHA1) -> FileRecord:
        """The file is seen and uploaded, and not listed yet."""
        self.see(path, signature)
        done = Uploaded(signature, sha256, ANY_TIME)
        self.journal.outcomes.record(self.at(path), done, NOW)
        return self.at(path)

    def list(self, files: dict[str, str], *, eid: str = EID, sequence: int | None = None) -> int:
        """The server lists these files of an experiment; returns the list's sequence."""
        remote = self.journal.remote
        known = remote.experiments().get(eid)
        if known is None or known.uuid is None:
            remote.found({eid: str(uuid4())})
        if sequence is None:
            sequence = remote.next_sequence()
        asked = ([remote.uuid(eid)], repr(files).encode())
        remote.listed({eid: list(files.items())}, asked, sequence, NOW)
        return sequence


def notes(journal: Journal, mapping: str = "m") -> Notes:
    return Notes(journal, journal.mappings.get(mapping).id)
