"""Whether what stands at a root, and at the disks mounted below it, is what was known there.

If it is not, files that are missing were not deleted, and nothing must be uploaded from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aqsync.config import MappingConfig
from aqsync.errors import RootInDoubt
from aqsync.journal import Journal
from aqsync.journal.mappings import MappingRecord, RootIdentity
from aqsync.journal.observations import KnownVersion
from aqsync.local.likeness import Likeness, likeness
from aqsync.local.roots import StandingRoot
from aqsync.local.rules import Rules
from aqsync.local.submounts import Submounts
from aqsync.model import Reason
from aqsync.wording import counted


@dataclass(frozen=True, slots=True)
class Recognition:
    """What one scan asks about the directory it found.

    Attributes:
        mapping: Whose root it is.
        journal: Knows what was there.
        record: The mapping's.
        accepted: What a person had accepted, by path, when the scan began.
        root: What stands there now.
        rules: What is selected now.
        goes_on: Asked before each directory; after false the rest is not looked at.
    """

    mapping: MappingConfig
    journal: Journal
    record: MappingRecord
    accepted: dict[str, RootIdentity]
    root: StandingRoot
    rules: Rules
    goes_on: Callable[[], bool]

    def is_accepted(self, path: str, now: RootIdentity) -> bool:
        """Whether a person has accepted this directory, and no other, in this place."""
        return path in self.accepted and now.is_same(self.accepted[path])

    def submounts(self) -> Submounts:
        """The disks mounted below the root."""

        def accepts(path: str, top: RootIdentity, known: RootIdentity | None) -> bool:
            if self.record.root is None or self.is_accepted(path, top):
                return True
            found = self._likeness(path)
            proven = known is not None and found.proves(top, known)
            return proven or found.objection is None

        known = self.journal.mappings.mounts(self.record.id)
        identity = self.root.identity
        if self.is_accepted("", identity):  # so was that nothing is mounted elsewhere
            known = {path: top for path, top in known.items() if path in self.accepted}
        return Submounts(
            self.root.disk, self.mapping.directory, identity.device, known=known, accepts=accepts
        )

    def is_another(self, mounts: Submounts) -> bool:
        """Whether it is a directory that was not the root before, but may be from now on.

        Raises:
            RootInDoubt: It must not be taken for the root.
        """
        before, now = self.record.root, self.root.identity
        if before is None or now.is_same(before) or self.is_accepted("", now):
            return False
        found = self._likeness("", mounts.hides)
        if found.proves(now, before):
            return False
        if found.objection is not None:
            raise self._in_doubt(f"is not the one known before, and {found.objection}")
        return True

    def doubt(self, missing: Sequence[str], *, empty: bool, another: bool) -> RootInDoubt | None:
        """Why missing files may not count as gone; None: they may.

        Args:
            missing: Which.
            empty: The whole root was looked at, and holds nothing.
            another: See `is_another`.
        """
        if not missing or self.record.root is None or self.is_accepted("", self.root.identity):
            return None
        if another:  # files were deleted since they were compared with the known ones
            return self._in_doubt("is not the one known before, and is being changed")
        if empty:
            return self._in_doubt(f"is empty and lacks {counted(len(missing), 'known file')}")
        return None

    def _in_doubt(self, doubt: str) -> RootInDoubt:
        why = Reason.ROOT_IN_DOUBT.explain(
            root=self.mapping.directory, doubt=doubt, mapping=self.mapping.name
        )
        return RootInDoubt(why.message, hint=why.hint)

    def _likeness(
        self, path: str, hides: Callable[[str], bool] = lambda _directory: False
    ) -> Likeness:
        """How what stands at a path compares with what is known to be there.

        Args:
            path: A directory below the root; empty: the root itself.
            hides: Whether a directory is on a disk that is away, so that it tells nothing.
        """
        observations, record = self.journal.observations, self.record
        # Another root must not leave out what it lacks by patterns of its own.
        selects = self.rules.selects if path else Rules(self.mapping).selects
        reselect = record.selection_rules != self.rules.selection_fingerprint

        def versions_in(directory: str) -> dict[str, KnownVersion]:
            versions = observations.versions_in(record.id, directory)
            if not reselect:
                return versions
            within = f"{directory}/" if directory else ""
            return {name: v for name, v in versions.items() if selects(within + name)}

        return likeness(
            self.root.disk,
            self.mapping.directory,
            (d for d in observations.directories(record.id, path) if not hides(d)),
            versions_in,
            self.goes_on,
        )
