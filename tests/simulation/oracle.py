"""The oracle: it knows what really happened, and judges each action of aqsync by the promises.

It is told of everything that is done on the disk and on the server, and judges what aqsync does
there at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.layout.manifest import is_manifest_name
from aqsync.layout.names import remote_name
from aqsync.local.formats import hdf5
from aqsync.local.rules import Rules
from aqsync.local.sqlite_files import database_of
from aqsync.model import Adopted, Databases, EntryKind, Reason, RemoveRemote, Upload
from aqsync.sync.jobs import Job
from aqsync.sync.remote_check import SHORTEST_WINDOW_S
from tests.simulation.fake_disk import FakeDisk, File, Folder, Node, _covering
from tests.simulation.fake_server import Event, Who
from tests.simulation.freed_truth import FreedTruth
from tests.simulation.manifest_truth import ManifestTruth
from tests.simulation.measured_truth import Decided, MeasuredTruth
from tests.simulation.paid_truth import PaidTruth
from tests.simulation.places import BUDGET, DATABASE, GIVE_UP_S, LOG
from tests.simulation.tapes import WrittenDatabase, number_in
from tests.support.fake_clock import FakeClock

SLACK_S = 0.001
DATABASE_HEADER = b"SQLite format 3\0"
WINDOW_S = SHORTEST_WINDOW_S
WINDOW_IN_LISTS = 20
"""What others store is safe after this time, or this many times the duration of one list, even if
the server does not check conditions."""
DATED_WITHIN_S = 2.2
"""How exactly aqsync knows the server's clock."""


def sha256(content: bytes) -> bytes:
    """The digest of a content."""
    return hashlib.sha256(content).digest()


@cache
def rules_of(mapping: MappingConfig, root_ignore: str = "") -> Rules:
    """A mapping's rules."""
    return Rules(mapping, root_ignore)


class State(NamedTuple):
    """A file as it is at some moment."""

    content: bytes
    mtime_ns: int
    ctime_ns: int
    inode: int
    home: Folder
    """The root that it is below, or the top of the mounted disk that it is on."""
    locked: bool = False

    @property
    def signature(self) -> tuple[int, int, int, int]:
        """What a scan sees of it."""
        return len(self.content), self.mtime_ns, self.ctime_ns, self.inode


Signatures = dict[tuple[int, int, int, int], bytes]
"""Contents by their signature."""


@dataclass
class Begun:
    """A job that has begun, and what it has seen."""

    job: Job
    at: float
    opened: float | None = None
    """When it last opened its file."""
    written_s_ago: float = -1.0
    """How old the file was when it was opened, by the wall clock."""
    there: bool = False
    """Its file was there at its last look; it cannot know of one that comes later."""
    home: Folder | None = None
    """The root or disk of the file that it opened, or that it is to remove."""
    renamed_to: str | None = None
    """The other name of the file that it is to remove."""
    lists_asked_at: dict[str, float] = field(default_factory=dict)
    """By EID, when the list of the decision was requested."""
    given_up: bool = False
    """It was given up, as its disk did not answer."""
    delayed_s: float = 0.0
    """How long it was interrupted by others."""
    known: Decided | None = None
    """What could be known of its measurement; None: its mapping has none."""
    locked: bool = False
    """A program held a lock for writing on its file when it was opened."""
    opened_twice: bool = False
    still_s: float = 0.0
    """For how long its file had stood still when it began, as far as the journal knew."""
    ordered: bool = False
    """A push waits for it, which does not wait for a budget."""
    no_room: bool = False
    """There was no room for its snapshot, and the file was not opened since."""
    floor: int | None = None
    """Of a database: the last row that was committed before it was first looked at."""
    seen: int | None = None
    """The last row that was committed before it was last looked at."""


@dataclass
class Remote:
    """What is known of one name on the server."""

    ours: bool
    at: float
    passed_for_ours: bool = False
    """Others stored it right after us, so that no list can tell it from ours."""
    others_removed: bool = False
    ours_removed: bool = False
    home: Folder | None = None
    """Where our version came from."""


class Version(NamedTuple):
    """A file on the server, at some time."""

    sha256: bytes
    passed_for_ours: bool


class Measuring:
    """The truth about programs that measure, and about what they keep open.

    Args:
        mappings: Which mappings there are.
        clock: The time.
        large: From how many bytes on a file pays for each of its versions.
    """

    def __init__(self, mappings: Iterable[MappingConfig], clock: FakeClock, large: int) -> None:
        self.measured = {m.name: MeasuredTruth(m, clock) for m in mappings if m.measurement}
        self.decided: dict[str, Decided] = {}
        """By mapping, what could be known when the dispatcher's present step began."""
        self.databases: dict[tuple[str, str], WrittenDatabase] = {}
        """By mapping and path."""
        self.rewritten: dict[str, Callable[[], None]] = {}
        """By place, what the writer of a log does while that is read."""
        self.paid = PaidTruth(large)
        self.spent: Counter[tuple[str, str]] = Counter()
        """By mapping and path, bytes of all provisional versions since the last other one."""
        self.rules_changed: set[str] = set()
        """Mappings whose ignore file was changed."""
        self.unfinished: set[bytes] = set()
        """Contents that say of themselves that their writer has not closed them."""
        self.sent: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        """By experiment and name, the digests of what we stored there."""
        self.broken: list[str] = []
        self.manifests = ManifestTruth(clock, sha256, self.broken)
        self.freed = FreedTruth(clock, sha256, self.broken)
        self.adopted: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        """By experiment and name, the digests of what a comparison found there."""


class Oracle(Measuring):
    """The truth about one world.

    Args:
        mappings: Which mappings it has.
        disk: Its disk.
        clock: Its time.
        large: See `Measuring`.

    Attributes:
        broken: The broken promises, in words.
        had: By mapping and path, every content that was ever there.
        gone: By mapping, where and at which path somebody deleted or moved a file away.
        held: By experiment and name, the digests of all that was ever there or reported there.
        mine: By experiment and name, the digests of what aqsync sent there or found equal.
        versions: By experiment, name and the server's time, what was there.
        undone: By experiment and name, how often others replaced or removed our version.
        list_s: How long the slowest recent list took.
        forgotten: By experiment and name, how often the server did not store what it accepted.
        remote: By experiment and name, whose it is.
        jumps: How often the wall clock jumped.
        forgot: Whether the journal may lack what it was told.
    """

    def __init__(
        self, mappings: Iterable[MappingConfig], disk: FakeDisk, clock: FakeClock, large: int
    ) -> None:
        self.mappings = tuple(mappings)
        super().__init__(self.mappings, clock, large)
        self.forgot: Callable[[], bool] = lambda: False
        self.had: defaultdict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.gone: dict[str, set[tuple[Folder | None, str]]] = {
            m.name: set() for m in self.mappings
        }
        self.visible: dict[str, dict[str, State]] = {m.name: {} for m in self.mappings}
        self.held: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        self.mine: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        self.latest: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        """By experiment and name, the digest of what we stored there last or found to be equal, and
        of what we have sent since without an answer."""
        self.forgotten: Counter[tuple[UUID, str]] = Counter()
        self.undone: Counter[tuple[UUID, str]] = Counter()
        self.versions: dict[tuple[UUID, str, str], Version] = {}
        self.list_s = 0.0
        self.remote: dict[tuple[UUID, str], Remote] = {}
        self.allowed: set[tuple[str, str]] = set()
        """By mapping and path, what a person allowed to be overwritten."""
        self._doubtful_until: dict[tuple[UUID, str], float] = {}
        """By experiment and name, until when a file of others would count as ours."""
        self._signatures: defaultdict[tuple[str, str], Signatures] = defaultdict(dict)
        self.unseen: dict[tuple[str, str], float] = {}
        """By mapping and path, when its content last changed with the same signature."""
        self.alike: set[tuple[str, str]] = set()
        """By mapping and path, files that had the same signature with another content before."""
        self.jumps = 0
        self.jobs: list[Begun] = []
        """The running jobs, the innermost last."""
        self._disk = disk
        self._clock = clock
        self.names: dict[str, set[str]] = {m.name: set() for m in self.mappings}
        """By mapping, the paths at which there ever was a file."""
        self.targets: dict[tuple[str, str], tuple[str, str]] = {}
        """By mapping and path, the experiment and the name there."""
        self._paths: dict[tuple[str, str], tuple[MappingConfig, str]] = {}
        self.seen_empty: set[str] = set()
        """Mappings whose root is empty and was scanned since."""
        self._empty_since_ns: dict[str, int] = {}
        """By mapping, since when its root is empty."""
        self.other_roots: set[str] = set()
        """Mappings that once had another root, or one that a person accepted."""
        self._in_other_roots: defaultdict[tuple[str, str], set[bytes]] = defaultdict(set)
        """By mapping and path, contents of other directories that took the root's place."""
        self.approved: set[str] = set()
        """Mappings whose root a person has accepted."""
        self._checks_until = -1.0
        """Until when aqsync may believe that the server checks conditions."""
        self._roots: dict[str, Folder | None] = {}
        """By mapping, its root at the last look."""

    def path_of(self, eid: str, name: str) -> tuple[MappingConfig, str] | None:
        """The mapping and path that a name in an experiment belongs to."""
        return self._paths.get((eid, name))

    # What others do

    def asked_open(self, root: str) -> None:
        """It is asked which files below a root are open for writing."""
        for mapping in self.mappings:
            if str(mapping.directory) == root and mapping.name in self.measured:
                found = self._disk.being_written(root) if self._disk.tells_open else None
                self.measured[mapping.name].asked(found)

    def look(self, *, by_action: bool) -> None:
        """See what is on the disk now.

        Args:
            by_action: Missing files were deleted or moved; if false, they only cannot be seen.
        """
        for mapping in self.mappings:
            root = self._root(mapping)
            if self._roots.setdefault(mapping.name, root) is not root:
                self.other_roots.add(mapping.name)
                self._roots[mapping.name] = root
            if not self.is_empty(mapping):
                self._empty_since_ns.pop(mapping.name, None)
            else:
                self._empty_since_ns.setdefault(mapping.name, self._clock.now_ns())
            before, now = self.visible[mapping.name], self._see(mapping)
            if now == before:
                continue
            gone = self.gone[mapping.name]
            self.paid.gone(mapping.name, before.keys() - now.keys())
            for path, state in now.items():
                gone.discard((state.home, path))
                if before.get(path) != state:
                    self._born(mapping, path, state, before.get(path))
            if by_action:
                gone.update((before[path].home, path) for path in before if path not in now)
            self.visible[mapping.name] = now
            if mapping.name in self.measured:
                self.measured[mapping.name].look(now)
        for database in self.databases.values():
            database.is_there()

    def _see(self, mapping: MappingConfig) -> dict[str, State]:
        found: dict[str, State] = {}
        root = self._root(mapping)
        if root is None:
            return found
        waiting: list[tuple[str, Node, Folder]] = [("", root, root)]
        while waiting:
            path, node, home = waiting.pop()
            if isinstance(node, File):
                times = node.mtime_ns, node.ctime_ns
                found[path] = State(node.content, *times, node.inode, home, node.locked)
            elif isinstance(node, Folder):
                prefix = f"{path}/" if path else ""
                for name, entry in node.entries.items():
                    top = _covering(entry)
                    new_home = top if isinstance(top, Folder) and top is not entry else home
                    waiting.append((prefix + name, top, new_home))
        return found

    def home(self, mapping: MappingConfig, path: str) -> Folder | None:
        """The root or the top of the mounted disk where a path would be now."""
        node: Node | None
        node = home = self._root(mapping)
        for part in path.split("/")[:-1]:
            if not isinstance(node, Folder) or part not in node.entries:
                break
            entry = node.entries[part]
            node = _covering(entry)
            if isinstance(node, Folder) and node is not entry:
                home = node
        return home

    def _root(self, mapping: MappingConfig) -> Folder | None:
        try:
            root = self._disk._get(str(mapping.directory))
        except OSError:
            return None
        return root if isinstance(root, Folder) else None

    def mapping(self, name: str) -> MappingConfig:
        """The mapping of this name."""
        [mapping] = [m for m in self.mappings if m.name == name]
        return mapping

    def _born(self, mapping: MappingConfig, path: str, state: State, last: State | None) -> None:
        if path not in self.names[mapping.name]:
            self.names[mapping.name].add(path)
            eid = rules_of(mapping).experiment_of(path)
            if eid is not None:
                target = eid, remote_name(path, mapping.prefix)
                self.targets[mapping.name, path] = target
                self._paths[target] = mapping, path
        self.had[mapping.name, path].add(state.content)
        if last is not None and last.signature == state.signature:
            self.unseen[mapping.name, path] = self._clock.monotonic()
            return
        before = self._signatures[mapping.name, path].setdefault(state.signature, state.content)
        if before != state.content and self.jumps:
            self.alike.add((mapping.name, path))

    def server_clock_set(self) -> None:
        """The server's clock was set, so its times are less certain."""
        later = self._clock.monotonic() + 150
        self._doubtful_until = dict.fromkeys(self._doubtful_until, later)

    def accept_root(self, mapping: MappingConfig) -> None:
        """A person says that a root is right as it is."""
        self.approved.add(mapping.name)
        self.other_roots.add(mapping.name)
        lost = self.names[mapping.name] - self.visible[mapping.name].keys()
        self.gone[mapping.name].update((self.home(mapping, path), path) for path in lost)

    def other_root_has(self, mapping: MappingConfig, path: str, content: bytes) -> None:
        """Another directory takes a root's place, with another file of this name in it."""
        self._in_other_roots[mapping.name, path].add(content)

    def own_contents(self, mapping: MappingConfig, path: str) -> list[bytes]:
        """All contents that a file had, except those of another directory in the root's place."""
        return sorted(self.had[mapping.name, path] - self._in_other_roots[mapping.name, path])

    # What aqsync does

    def is_empty(self, mapping: MappingConfig) -> bool:
        """Whether a root is empty."""
        root = self._root(mapping)
        return root is not None and not root.entries

    def looked_at(self, mapping: MappingConfig, *, empty: bool) -> None:
        """A scan of a root has ended.

        Args:
            mapping: Its mapping.
            empty: It was empty when the scan began.
        """
        if empty and self.is_empty(mapping):
            self.seen_empty.add(mapping.name)
        else:
            self.seen_empty.discard(mapping.name)

    def began(self, job: Job, renamed_to: str | None) -> Begun:
        """A job begins."""
        file = job.file
        mapping = self.mapping(file.mapping)
        if isinstance(job.step, RemoveRemote) and file.mapping in self.seen_empty:
            since_ns = self._empty_since_ns.get(file.mapping, file.since_ns)
            in_doubt = self.is_empty(mapping) and file.mapping not in self.other_roots
            if in_doubt and file.since_ns > since_ns:
                self.broken.append(f"{file.path} is removed from the server: the root is empty")
        there = file.path in self.visible[file.mapping]
        home = self.home(mapping, file.path)
        begun = Begun(job, self._clock.monotonic(), None, -1.0, there, home, renamed_to)
        begun.known = self.decided.get(file.mapping)
        begun.still_s = (self._clock.now_ns() - file.since_ns) / 1e9
        return begun

    def answered(self, *, checked: bool) -> None:
        """An answer says whether the condition of a request was checked."""
        now = self._clock.monotonic()
        self._checks_until = float("inf") if checked else min(self._checks_until, now)

    def restarted(self) -> None:
        """A new process has no jobs, and does not know whether the server checks conditions."""
        self.jobs.clear()
        self.spent.clear()
        self.paid.clear()
        self._checks_until = -1.0

    def held_as_removed(self, eid: str, uuid: UUID, name: str) -> None:
        """A file is said to be removed on the server."""
        known = self.remote.get((uuid, name))
        if known is None or not (known.others_removed or known.ours_removed):
            self.broken.append(f"{eid}/{name} is held as removed on the server: nobody removed it")

    def counts_as_lost(self, eid: str, uuid: UUID, name: str) -> None:
        """An upload that the server accepted counts as lost by it."""
        at = uuid, name
        known = self.remote.get(at)
        if known is None or not known.ours or self.forgot():
            return
        if not (
            self.undone[at] or self.forgotten[at] or known.others_removed or known.ours_removed
        ):
            self.broken.append(f"{eid}/{name} counts as lost by the server, which has kept it")

    def looked(self, place: str) -> None:
        """A file, or a directory on the way to it, is about to be looked at."""
        for begun in self.jobs[-1:]:
            file = begun.job.file
            target = f"{self.mapping(file.mapping).directory}/{file.path}"
            if f"{target}/".startswith(f"{place}/"):
                begun.there = file.path in self.visible[file.mapping]
                self._reads(begun)
            database = self.databases.get((file.mapping, file.path))
            if place == target and database is not None and database.is_there():
                begun.seen = database.committed

    def opened(self, place: str) -> None:
        """A file is opened."""
        begun = self.jobs[-1] if self.jobs else None
        if begun is None:
            self.broken.append(f"{place} was opened outside of any job")
            return
        begun.opened_twice = begun.opened is not None
        begun.no_room = False
        begun.opened = self._clock.monotonic()
        self._reads(begun)
        begun.home = self.home(self.mapping(begun.job.file.mapping), begun.job.file.path)
        try:
            node = self._disk._get(place)
        except OSError:
            return
        begun.written_s_ago = (self._clock.now_ns() - node.mtime_ns) / 1e9
        begun.locked = isinstance(node, File) and node.locked
        if begun.job.file.kind is not EntryKind.FILE:
            self.broken.append(f"{place} was opened, though it was known to be no file")

    def _reads(self, begun: Begun) -> None:
        """What is committed by now must be in what is sent."""
        file = begun.job.file
        database = self.databases.get((file.mapping, file.path))
        if begun.floor is None and database is not None and database.is_there():
            begun.floor = database.committed

    def in_sync_with(self, content: bytes) -> None:
        """A job has ended, and what it read is called in sync with this content."""
        begun = self.jobs[-1]
        if begun.job.databases is not Databases.SNAPSHOT:
            return  # its log goes by itself
        number = number_in(content) if content.startswith(DATABASE_HEADER) else None
        if begun.seen is not None and number is not None and number < begun.seen:
            self.broken.append(
                f"{begun.job.file.path} is called in sync with {number} rows, and was seen with"
                f" {begun.seen}"
            )

    def sending(self, name: str, digest: bytes) -> None:
        """From now on the version may be on the server, even if the upload fails."""
        at = self.jobs[-1].job.uuid, name
        self.mine[at].add(digest)
        self.latest[at].add(digest)

    def found_equal(self, uuid: UUID, name: str, digest: bytes) -> None:
        """A comparison has found the server's version equal to the file."""
        self.mine[uuid, name].add(digest)
        self.adopted[uuid, name].add(digest)
        self.latest[uuid, name] = {digest}

    def claimed(self, uuid: UUID, name: str, outcome: Adopted) -> None:
        """A manifest's word was taken for the server's version: if it is true, ours may repeat it.

        Of a database it is the digest of a snapshot, which no file here ever had.
        """
        stood = self.versions.get((uuid, name, outcome.modified_at))
        if stood is not None and stood.sha256 == outcome.sha256:
            self.adopted[uuid, name].add(outcome.sha256)

    def read_now(self, uuid: UUID, name: str, digest: bytes) -> None:
        """A comparison has read what a manifest's word was taken for: from now on it is ours."""
        if digest in self.adopted[uuid, name]:
            self.found_equal(uuid, name, digest)

    def delayed(self, seconds: float) -> None:
        """The running jobs were interrupted, or their requests took, for this many seconds."""
        for begun in self.jobs:
            begun.delayed_s += seconds

    def listed(self, seconds: float) -> None:
        """A list took this many seconds."""
        self.list_s = max(self.list_s, seconds)

    def _told_of(self, uuid: UUID, name: str) -> set[bytes]:
        """The digests of contents that a manifest may tell of."""
        eids = {eid for eid, known in self._paths if known == name}
        found = (self._paths[eid, name] for eid in eids)
        had = (self.had[mapping.name, path] for mapping, path in found)
        told = self.mine[uuid, name] | self.adopted[uuid, name]
        return told.union(*({sha256(each) for each in all_} for all_ in had))

    def stored(self, event: Event) -> None:
        """Something was stored or removed on the server."""
        if is_manifest_name(event.name):
            self.manifests.stored(event, self._told_of)
            self.freed.manifest(event)
            return
        at = (event.uuid, event.name)
        if event.who in {Who.US, Who.RIVAL}:
            self.freed.stored(event, self._inode_at(at))
        before = self.remote.get(at)
        if event.who in {Who.US, Who.FORGOTTEN}:
            self._judge(event, before)
        if event.after is not None:
            digest = sha256(event.after.content)
            self.held[at].add(digest)
            if event.ours:
                self.mine[at].add(digest)
            if event.who is Who.US:
                self.latest[at] = {digest}
                self.sent[at].add(digest)
        if event.who is Who.FORGOTTEN:
            self.forgotten[at] += 1
            self._pass_for_lost(event, before)
            return
        if event.who is not Who.US and before is not None and before.ours:
            self.undone[at] += 1
        after = self.remote[at] = self._after(event, before)
        if event.after is not None:
            version = Version(sha256(event.after.content), after.passed_for_ours)
            self.versions[*at, event.after.modified_at] = version

    def _inode_at(self, at: tuple[UUID, str]) -> int | None:
        """Of the file that is at the path of a freed one now; None: none is."""
        copy = self.freed.only.get(at)
        state = None if copy is None else self.visible[copy.mapping].get(copy.path)
        return None if state is None else state.inode

    def _doubt(self, event: Event) -> Begun | None:
        """For a while, files of others would count as our upload.

        Not if the server has named the exact time.
        """
        now = self._clock.monotonic()
        begun = self.jobs[-1] if self.jobs else None
        opened = begun.opened if begun is not None and begun.opened is not None else now
        until = 0.0 if event.conditional else now + (now - opened) + DATED_WITHIN_S
        self._doubtful_until[event.uuid, event.name] = until
        return begun

    def _pass_for_lost(self, event: Event, before: Remote | None) -> None:
        """The server has lost our upload: a file that others stored just before counts as it.

        Not if that file was listed when the upload was decided on.
        """
        begun = self._doubt(event)
        if begun is None or event.before is None or before is None or event.conditional:
            return
        since = begun.at if begun.opened is None else begun.opened
        if event.before.modified_at == begun.job.file.remote.modified_at or before.ours:
            return
        if before.at >= since - DATED_WITHIN_S:
            before.passed_for_ours = True
            version = Version(sha256(event.before.content), passed_for_ours=True)
            self.versions[event.uuid, event.name, event.before.modified_at] = version

    def _after(self, event: Event, before: Remote | None) -> Remote:
        at = (event.uuid, event.name)
        after = Remote(self._is_mine(event), self._clock.monotonic())
        if before is not None:
            after.others_removed, after.ours_removed = before.others_removed, before.ours_removed
            after.home = before.home
        if event.who is Who.US:
            after.ours_removed = after.ours_removed or event.after is None
            begun = self._doubt(event)
            after.home = begun.home if begun is not None else None
        elif event.who is not Who.LATE:
            after.passed_for_ours = after.at <= self._doubtful_until.get(at, 0.0)
            after.others_removed = after.others_removed or event.after is None
        return after

    def _is_mine(self, event: Event) -> bool:
        """Whether what stands there now, or the removal, is ours."""
        if event.who is Who.RESTORED and event.after is not None:
            return sha256(event.after.content) in self.mine[event.uuid, event.name]
        return event.ours

    def _judge(self, event: Event, before: Remote | None) -> None:
        if not self.jobs:
            self.broken.append(f"{event.name} was changed on the server outside of any job")
            return
        begun = self.jobs[-1]
        file = begun.job.file
        if begun.given_up:
            self.broken.append(f"{event.name} was changed on the server after it was given up")
        if event.who is Who.US:
            self._judge_loss(event, before, begun)
        if event.after is None:
            self._judge_removal(event, before, begun)
            return
        mapping = self.mapping(file.mapping)
        if mapping.databases is not Databases.FILE:
            self._judge_part(file.mapping, file.path)
        self._judge_root(event, before, mapping, file.path)
        is_database = event.after.content.startswith(DATABASE_HEADER)
        if is_database and mapping.databases is Databases.IGNORE:
            self.broken.append(f"{file.path} was sent, and {mapping.name} ignores databases")
        elif is_database and mapping.databases is Databases.SNAPSHOT:
            self._judge_database(event.after.content, begun)
        elif isinstance(begun.job.step, Upload) and begun.job.step.provisional:
            self._judge_beginning(event, begun)
        else:
            self._judge_whole(event.after.content, begun, mapping.settle)
        # Once the wall clock has jumped, ages mean little.
        if not (self.jumps or file.forced):
            self._judge_measurement(event, begun, mapping)

    def _judge_whole(self, content: bytes, begun: Begun, settle_s: float) -> None:
        """What is sent was once the file's content, and had settled."""
        file = begun.job.file
        unseen_at = self.unseen.get((file.mapping, file.path), -1.0)
        unseen = begun.opened is not None and unseen_at >= begun.opened
        if content not in self.had[file.mapping, file.path] and not unseen:
            self.broken.append(f"{file.path} never was {content!r}, but that was sent (torn?)")
        if self.jumps:
            return
        if 0 <= begun.written_s_ago < settle_s - SLACK_S:
            self.broken.append(
                f"{file.path} was sent {begun.written_s_ago:.3f} s after it was written"
            )
        if not file.forced:
            self._judge_unfinished(content, begun)

    def _judge_part(self, mapping: str, path: str) -> None:
        """A part of a database is not sent by itself."""
        base = database_of(path)
        database = None if base is None else self.databases.get((mapping, base))
        if database is not None and database.is_there() and base in self.visible[mapping]:
            self.broken.append(f"{path} was sent by itself")

    def _judge_database(self, content: bytes, begun: Begun) -> None:
        """A database is whole, and has all that was committed before it was read."""
        file = begun.job.file
        database = self.databases.get((file.mapping, file.path))
        if database is None or begun.floor is None or not database.is_there():
            return
        number = number_in(content)
        if number is None:
            self.broken.append(f"{file.path} was sent damaged")
        elif not begun.floor <= number <= database.committed:
            self.broken.append(
                f"{file.path} was sent with {number} rows: {begun.floor} were committed before it"
                f" was read, and {database.committed} are now"
            )

    def _judge_beginning(self, event: Event, begun: Begun) -> None:
        """What is sent of a file while it grows once was its beginning, and continues what was."""
        assert event.after is not None
        file, content = begun.job.file, event.after.content
        if file.path.endswith(LOG):
            if not any(had.startswith(content) for had in self.had[file.mapping, file.path]):
                self.broken.append(f"{file.path} never began with {content!r} (torn?)")
            if not content.endswith(b"\n"):
                self.broken.append(f"{file.path} was sent up to the middle of a line")
        elif content in self.unfinished:
            self.broken.append(f"{file.path} was sent while it changes, and is not finished")
        if event.before is None or not file.path.endswith(LOG):
            return
        ours = sha256(event.before.content) in self.latest[event.uuid, event.name]
        if ours and not content.startswith(event.before.content):
            self.broken.append(f"{file.path} was rewritten, and sent before it stood still")

    def uploaded(self, begun: Begun, size: int, *, provisional: bool) -> None:
        """A version has arrived, and aqsync knows it."""
        file = begun.job.file
        at = file.mapping, file.path
        now = self._clock.monotonic()
        wrong = self.paid.sent(at, size, now=now, begun=begun.at, still_s=begun.still_s)
        as_usual = begun.job.step.reason is Reason.CHANGED and not (begun.ordered or file.forced)
        if wrong and as_usual and not self.jumps:
            self.broken.append(wrong)
        if not provisional:
            self.spent.pop(at, None)
            return
        self.spent[at] += size
        if self.spent[at] > BUDGET * size and not self.jumps:
            self.broken.append(
                f"{file.path}, {size} bytes, was sent while it grew: {self.spent[at]}"
            )

    def _judge_unfinished(self, content: bytes, begun: Begun) -> None:
        """What says that its writer has not closed it waits for some time."""
        file = begun.job.file
        if not 0 <= begun.written_s_ago < GIVE_UP_S - SLACK_S:
            return
        state = self.visible[file.mapping].get(file.path)
        locked = begun.locked and state is not None and state.locked
        if content in self.unfinished or (locked and content.startswith(hdf5.MAGIC)):
            self.broken.append(
                f"{file.path} was sent {begun.written_s_ago:.3f} s after it was written, though its"
                " writer has not closed it"
            )

    def _judge_measurement(self, event: Event, begun: Begun, mapping: MappingConfig) -> None:
        """Nothing of a measurement is sent before it is complete, and the last file comes last."""
        path = begun.job.file.path
        if mapping.name not in self.measured or mapping.name in self.rules_changed or self.forgot():
            return

        def held(other: str) -> set[bytes] | None:
            at = mapping.name, other
            if at in self.unseen or DATABASE in other or at not in self.targets:
                return None
            if not rules_of(mapping).selects(other):
                return None
            return self.held[event.uuid, self.targets[at][1]]

        truth = self.measured[mapping.name]
        if truth.is_incomplete(path, begun):
            self.broken.append(f"{path} was sent while its measurement was incomplete")
        elif other := truth.missing(path, begun, held):
            self.broken.append(f"{path} was sent before {other} of the same measurement")

    def _judge_loss(self, event: Event, before: Remote | None, begun: Begun) -> None:
        """What others put on the server must not be lost."""
        if event.before is None or before is None or self._is_ours_to_lose(event, begun):
            return
        if before.passed_for_ours:
            return
        window = max(WINDOW_S, WINDOW_IN_LISTS * self.list_s) + begun.delayed_s + SLACK_S
        age = self._clock.monotonic() - before.at
        if age <= window and not event.conditional:
            return  # it was stored too late to be in a list
        if begun.at <= self._checks_until and not event.conditional:
            return  # by its last answer the server checks conditions
        verb = "removed" if event.after is None else "overwritten"
        self.broken.append(
            f"{event.name}, which others had put on the server {age:.3f} s before, was {verb}"
        )

    def _is_ours_to_lose(self, event: Event, begun: Begun) -> bool:
        """Whether the version that was there may be replaced or removed by us."""
        file = begun.job.file
        assert event.before is not None
        digest = sha256(event.before.content)
        if event.after is None:  # an older version of ours must not be removed
            return digest in self.latest[event.uuid, event.name] or self.forgot()
        return (
            digest in self.mine[event.uuid, event.name]
            or (event.before.content and event.after.content.startswith(event.before.content))
            or (file.mapping, file.path) in self.allowed
        )

    def _judge_root(
        self, event: Event, before: Remote | None, mapping: MappingConfig, path: str
    ) -> None:
        """A file of another directory in the root's place must not replace what was sent."""
        assert event.after is not None
        others = self._in_other_roots[mapping.name, path]
        if mapping.name in self.approved or before is None or not before.ours:
            return
        if event.before is not None and event.after.content in others:
            self.broken.append(f"{event.name} was replaced by the file of another root")

    def _judge_removal(self, event: Event, before: Remote | None, begun: Begun) -> None:
        file = begun.job.file
        mapping = self.mapping(file.mapping)
        if mapping.on_local_delete != "remove":
            self.broken.append(f"{event.name} was removed, though {mapping.name} keeps")
        if begun.there:
            self.broken.append(f"{event.name} was removed, though {file.path} is here")
        if file.path in self.visible[mapping.name]:
            return
        homes = {begun.home, self.home(mapping, file.path), None if before is None else before.home}
        if not any((home, file.path) in self.gone[mapping.name] for home in homes):
            self.broken.append(f"{event.name} was removed, though nobody deleted {file.path}")
