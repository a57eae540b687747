"""What the manifests of an experiment say, read from the server when it is asked for.

Anybody who may upload to an experiment can write a manifest. So a line only tells where to look:
nothing is replaced or removed because of one, and one that says that a file was freed only keeps
aqsync from replacing or removing it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.errors import ManifestBroken, RemoteFileNotFound
from aqsync.journal import Journal
from aqsync.journal.manifest_lines import ManifestLine, ManifestLines
from aqsync.layout.manifest import MOST_LINES, Entry, Header, ManifestFile, is_honest, read
from aqsync.log import Log
from aqsync.sync.rate import RateLimit, received

MOST_MANIFESTS = 64
"""Manifests of one experiment that are read at most: the newest."""
MOST_PACKED = 256 * 1024 * 1024
"""Bytes of a manifest, as it lies on the server, that are read at most."""

_LARGEST = 2**63 - 1

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class KnownManifest:
    """A manifest that was read, or could not be."""

    name: str
    modified_at: str
    """The server's time of the version that was read."""
    number: int
    """Which it is of all that were read; `ManifestLine.manifest` names it."""
    header: Header | None
    """None: it cannot be read."""
    files: int
    """How many honest lines it has."""
    problem: str = ""
    """Why it cannot be read."""


class KnownManifests:
    """Reads the manifests of experiments, each version at most once; usable from several threads.

    A manifest that is no manifest, is too large, or is one too many is said once and passed over;
    a line whose name is not the one that its path gets is passed over too.

    Args:
        server: Where they are.
        journal: Knows the lists of files.
        aborted: Asked between chunks; true breaks the reading off.
        rate: Limits the downloads; None: no limit.

    Attributes:
        moved: Called for each chunk: a large manifest that comes slowly is no hang.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        *,
        aborted: Callable[[], bool] = lambda: False,
        rate: RateLimit | None = None,
    ) -> None:
        self.moved: Callable[[], None] = lambda: None
        self._server = server
        self._journal = journal
        self._aborted = aborted
        self._rate = rate
        self._guard = threading.Lock()
        self._reading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """By UUID: what an experiment's manifests hold up is this experiment alone."""
        self._known: defaultdict[str, dict[str, KnownManifest]] = defaultdict(dict)
        """By UUID and name."""
        self._lines = ManifestLines()
        self._numbers = count(1)

    def close(self) -> None:
        """Forget everything; no thread may read any more."""
        self._known.clear()
        self._lines.close()

    def line(self, eid: str, name: str, listed: str) -> ManifestLine | None:
        """What a manifest says of a version of a file.

        Args:
            eid: The experiment.
            name: The file's name there.
            listed: The version's time in the list of files.

        Returns:
            A line for just this version; None: there is none.

        Raises:
            RemoteError: The server cannot be asked.
            LocalError: The disk for temporary files has no room.
        """
        return self._first(eid, name, lambda line: line.modified_at == listed)

    def freed(self, eid: str, name: str) -> ManifestLine | None:
        """A line that says that the file was freed, so that the server's copy is the only one.

        What this journal wrote last is not read: the journal knows it. It raises as `line` does.
        """
        ours = self._journal.manifests.own(eid)
        return self._first(eid, name, lambda line: line.freed_at is not None, but=ours)

    def manifests(self, eid: str, *, but: str | None = None) -> list[KnownManifest]:
        """The manifests that the experiment's list shows, newest first; also the unreadable ones.

        It raises as `line` does.

        Args:
            eid: The experiment.
            but: The name of one that is left out.
        """
        uuid = self._journal.remote.uuid(eid)
        with self._lock(uuid):
            known, listed = self._known[uuid], self._journal.manifests.listed(eid)
            if gone := known.keys() - listed.keys():
                # There may be room now for some that were passed over.
                gone |= {name for name, each in known.items() if each.problem}
            self._forget(known, gone)
            if but is not None:
                listed.pop(but, None)
            newest = sorted(listed, key=lambda name: (listed[name], name), reverse=True)
            for number, name in enumerate(newest):
                if name in known and known[name].modified_at == listed[name]:
                    continue
                self._forget(known, known.keys() & {name})
                new = KnownManifest(name, listed[name], next(self._numbers), None, 0)
                room = MOST_LINES - sum(each.files for each in known.values())
                known[name] = (
                    self._read(UUID(uuid), new, room)
                    if number < MOST_MANIFESTS
                    else _passed_over(new, f"it is one of over {MOST_MANIFESTS} in its experiment")
                )
            return [known[name] for name in newest]

    def lines(self, manifest: KnownManifest) -> Iterator[ManifestLine]:
        """Every honest line of a manifest, by name."""
        return self._lines.all(manifest.number)

    def _first(
        self,
        eid: str,
        name: str,
        fits: Callable[[ManifestLine], bool],
        but: str | None = None,
    ) -> ManifestLine | None:
        for manifest in self.manifests(eid, but=but):
            line = self._lines.of(manifest.number, name) if manifest.files else None
            if line is not None and fits(line):
                return line
        return None

    def _lock(self, uuid: str) -> threading.Lock:
        with self._guard:
            return self._reading[uuid]

    def _forget(self, known: dict[str, KnownManifest], names: Collection[str]) -> None:
        for name in names:
            self._lines.forget(known.pop(name).number)

    def _read(self, uuid: UUID, new: KnownManifest, room: int) -> KnownManifest:
        try:
            with (
                self._server.download(uuid, new.name) as coming,
                closing(self._received(coming.chunks())) as chunks,
            ):
                header, entries = read(chunks)
                self._lines.add(_lines_of(header, entries, new.number, room))
        except RemoteFileNotFound:
            # It may be being replaced, so nobody knows what it says before the next list.
            return replace(new, problem="it is gone since it was listed")
        except ManifestBroken as exc:
            self._lines.forget(new.number)
            return _passed_over(new, exc.message)
        except BaseException:
            self._lines.forget(new.number)
            raise
        return replace(new, header=header, files=self._lines.count(new.number))

    def _received(self, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
        total = 0
        for chunk in received(chunks, self._rate, self._aborted):
            self.moved()
            total += len(chunk)
            if total > MOST_PACKED:
                raise ManifestBroken(f"it has more than {MOST_PACKED >> 20} MiB")
            yield chunk


def _lines_of(
    header: Header, entries: Iterator[Entry], number: int, room: int
) -> Iterator[ManifestLine]:
    """The honest lines of files.

    Raises:
        ManifestBroken: They are more than there is room for.
    """
    for entry in entries:
        if not isinstance(entry, ManifestFile) or not is_honest(entry, header):
            continue
        if entry.size > _LARGEST or abs(entry.mtime_ns) > _LARGEST:
            continue  # no file is so large or so old
        room -= 1
        if room < 0:
            raise ManifestBroken(f"with others of its experiment it has over {MOST_LINES:,} files")
        yield ManifestLine(
            number,
            entry.name,
            entry.source,
            entry.local_path,
            entry.size,
            bytes.fromhex(entry.sha256),
            entry.mtime_ns,
            entry.modified_at,
            entry.state,
            entry.complete,
            entry.freed_at,
        )


def _passed_over(manifest: KnownManifest, why: str) -> KnownManifest:
    log.warning("a manifest is passed over", name=manifest.name, reason=why)
    return replace(manifest, problem=why)
