"""What is true of freed files: which copies are the only ones, and who can know that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from aqsync.config import MappingConfig
from aqsync.errors import LocalError, ManifestBroken
from aqsync.layout.manifest import ManifestFile, is_manifest_name, read
from aqsync.model import Adopted, FileRecord, FoundFreed, Freed, Outcome, Touched, Uploaded
from aqsync.sync.freeing import Prover
from aqsync.sync.jobs import Job
from tests.simulation.fake_disk import FakeDisk, File
from tests.simulation.fake_server import Event, Experiment, Who
from tests.support.fake_clock import FakeClock

LATELY_S = 150.0
"""What others do to manifests so shortly before may be missed: no list has to be younger."""
ALWAYS = float("-inf")
At = tuple[UUID, str]
"""An experiment, and a name there."""


def freed_in(content: bytes) -> dict[str, str] | None:
    """By name, the digests of what a manifest says was freed; None: it cannot be read."""
    try:
        entries = list(read([content])[1])
    except ManifestBroken:
        return None
    return {e.name: e.sha256 for e in entries if isinstance(e, ManifestFile) and e.freed_at}


@dataclass
class OnlyCopy:
    """A copy on the server of a file that a person has freed."""

    digest: bytes
    mapping: str
    path: str
    inode: int
    """Of the file that is gone."""
    known_to: set[Who]
    """Whose journals know it."""
    told_since: dict[str, float] = field(default_factory=dict)
    """By name, since when the manifests stand there that say so, by the monotonic clock."""
    hidden_since: dict[str, float] = field(default_factory=dict)
    """Likewise those that cannot be read, and may say so."""
    allowed: bool = False
    """A person who knows that allowed it to be replaced."""


def only_copy(file: FileRecord, proof: Freed, who: Who) -> OnlyCopy:
    """The copy of a file that was proved, noted and removed."""
    assert file.local is not None
    return OnlyCopy(proof.sha256, file.mapping, file.path, file.local.inode, {who})


def proofs_of(
    prover: Prover, mapping: MappingConfig, files: Iterable[FileRecord]
) -> list[tuple[FileRecord, Freed | str]]:
    """For each file what is proved of it, or why it stays.

    Raises:
        RemoteError: The server cannot be asked.
    """
    found: list[tuple[FileRecord, Freed | str]] = []
    for file in files:
        try:
            found.append((file, prover.prove(mapping, file)))
        except LocalError as exc:
            found.append((file, exc.message))
    return found


def removed_as_proved(disk: FakeDisk, place: str, file: FileRecord) -> bool:
    """Remove a file if it is the version that was proved and nobody writes to it.

    `aqsync.local.removal` does so on a real disk.
    """
    assert file.local is not None
    try:
        node = disk._get(place)
    except OSError:
        return False
    if not isinstance(node, File) or node.seen()[1:] != file.local.own:
        return False
    if node.writers or node.locked:
        return False
    disk.remove(place)
    return True


def manifests_in(experiment: Experiment | None) -> dict[str, bytes]:
    """The manifests that stand in an experiment, by name."""
    files = {} if experiment is None else experiment.files
    return {name: files[name].content for name in sorted(files) if is_manifest_name(name)}


class FreedTruth:
    """The freed files of a world.

    Args:
        clock: The time.
        digest: Makes digests.
        broken: The broken promises, in words.
    """

    def __init__(
        self, clock: FakeClock, digest: Callable[[bytes], bytes], broken: list[str]
    ) -> None:
        self._clock = clock
        self._digest = digest
        self._broken: Final = broken
        self.only: dict[At, OnlyCopy] = {}
        self.proved: defaultdict[At, set[bytes]] = defaultdict(set)
        """The digests of what was ever about to be freed: a journal may call it freed."""

    def removed(self, at: At, copy: OnlyCopy, manifests: dict[str, bytes]) -> None:
        """A file was removed here.

        Args:
            at: Where its copy is.
            copy: The copy.
            manifests: Those that stand in its experiment, by name.
        """
        self.only[at] = copy
        self.proved[at].add(copy.digest)
        for name, content in manifests.items():
            self._hear(at, copy, name, content, ALWAYS)

    def manifest(self, event: Event) -> None:
        """A manifest was stored or removed."""
        since = ALWAYS if event.who in {Who.US, Who.RIVAL} else self._clock.monotonic()
        for at, copy in self.only.items():
            if at[0] == event.uuid:
                content = None if event.after is None else event.after.content
                self._hear(at, copy, event.name, content, since)

    def _hear(self, at: At, copy: OnlyCopy, name: str, content: bytes | None, since: float) -> None:
        found = {} if content is None else freed_in(content)
        for told, holds in (
            (copy.hidden_since, found is None),
            (copy.told_since, found is not None and at[1] in found),
        ):
            if holds:
                told.setdefault(name, since)
            else:
                told.pop(name, None)

    def stored(self, event: Event, inode: int | None) -> None:
        """aqsync has stored or removed something.

        Args:
            event: What.
            inode: Of the file that is at its path; None: none is.
        """
        at = event.uuid, event.name
        copy = self.only.get(at)
        if (
            copy is None
            or event.before is None
            or self._digest(event.before.content) != copy.digest
        ):
            return
        if event.after is not None and self._digest(event.after.content) == copy.digest:
            return
        del self.only[at]
        if not copy.allowed and self._can_be_known(copy, event, inode):
            verb = "removed" if event.after is None else "replaced"
            self._broken.append(f"{event.name}, the only copy of a freed file, was {verb}")

    def _can_be_known(self, copy: OnlyCopy, event: Event, inode: int | None) -> bool:
        if event.who in copy.known_to:
            return True
        told = list(copy.told_since.values())
        if inode != copy.inode:  # else it passes for the same file, which goes on
            told += copy.hidden_since.values()
        return any(self._clock.monotonic() - since > LATELY_S for since in told)

    def outcome(self, job: Job, outcome: Outcome, who: Who = Who.RIVAL) -> None:
        """A job has ended.

        Args:
            job: Which.
            outcome: How.
            who: Whose it was.
        """
        at = job.uuid, job.file.remote_name
        copy = self.only.get(at)
        if copy is None:
            return
        if isinstance(outcome, FoundFreed):
            copy.known_to.add(who)
        elif job.file.freed is not None and isinstance(outcome, Uploaded | Touched | Adopted):
            del self.only[at]
            if not isinstance(outcome, Uploaded) and outcome.sha256 != copy.digest:
                self._broken.append(f"{at[1]} counts as here again with another content")

    def forgotten(self, at: At) -> None:
        """A person knows that the copy is lost."""
        self.only.pop(at, None)

    def allow(self, at: At) -> None:
        """A person allows that the copy is replaced."""
        if at in self.only:
            self.only[at].allowed = True

    def restarted(self, known: Iterable[tuple[str, str]]) -> None:
        """The journal is another one: it knows these copies, by UUID and name."""
        names = set(known)
        for (uuid, name), copy in self.only.items():
            if (str(uuid), name) not in names:
                copy.known_to.discard(Who.US)
