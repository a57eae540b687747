"""What goes on only once a person has done something: by reason, with what may be done."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from operator import attrgetter

from aqsync.config import MappingConfig
from aqsync.model import Explanation, Reason, State
from aqsync.sync.overview import MappingOverview, Overview
from aqsync.sync.problem_groups import Group
from aqsync.sync.summary import FileProblem

OVERWRITABLE = frozenset(
    {
        Reason.CONFLICT_NAME_TAKEN,
        Reason.CONFLICT_BOTH_CHANGED,
        Reason.CONFLICT_FREED,
        Reason.DIFFERS,
        Reason.OLDER_PUT_BACK,
    }
)
"""Where `aqsync push --overwrite` replaces the file on the server."""
LOST_BY_RETRY = {
    Reason.EMPTIED: "The good copy on the server is replaced by an empty file, and is lost.",
    Reason.TOO_MANY_GONE: "The copies on the server are removed, and are lost.",
    Reason.FREED_GONE: "aqsync forgets the file: nothing tells any more that it was here.",
    Reason.FREED_REPLACED: "aqsync forgets the file: nothing tells any more that it was here.",
}
"""Where trying again takes something away, and is asked about first."""
_ACCEPTABLE = frozenset(
    {
        Reason.ROOT_IN_DOUBT,
        Reason.DISK_AWAY,
        Reason.DISK_REPLACED,
        Reason.DISK_EMPTY,
        Reason.DISK_COVERED,
    }
)
"""Where a person may accept a mapping's directory as it is now."""
_path = attrgetter("path")


@dataclass(frozen=True, slots=True)
class Needed(Group):
    """All that needs a person for one reason in one mapping; at least one problem."""

    mapping: MappingConfig

    @property
    def state(self) -> State:
        """Of all of them."""
        return self.first.state

    @property
    def why(self) -> Explanation:
        """Of the first one; the others have the same reason."""
        return self.first.why

    @property
    def age_s(self) -> float:
        """For how long the longest-standing has been so."""
        return max(problem.age_seconds or 0.0 for problem in self.problems)

    @property
    def names_files(self) -> bool:
        """Whether each problem is one of a file, and not one of a place or of many files."""
        return self.first.files is None and self.first.size is not None

    @property
    def names_runs(self) -> bool:
        """Whether each problem is one of an action that has run, or should have, on a folder."""
        return bool(self.first.actions) and self.first.path.startswith("/")

    @property
    def lost_by_retry(self) -> str | None:
        """What trying again takes away; None: nothing."""
        return LOST_BY_RETRY.get(self.why.reason) if self.names_files else None

    @property
    def overwritable(self) -> bool:
        """Whether the files on the server may be replaced."""
        return self.names_files and self.why.reason in OVERWRITABLE

    @property
    def acceptable(self) -> bool:
        """Whether the mapping's directory may be accepted as it is."""
        return self.why.reason in _ACCEPTABLE

    def path_of(self, problem: FileProblem) -> str:
        """A file's path below the mapping's root."""
        return problem.path.removeprefix(str(self.mapping.directory).rstrip("/") + "/")


class Reasons:
    """All that needs a person, put together once for each overview; usable from several threads."""

    def __init__(self) -> None:
        self._of: tuple[MappingOverview, ...] | None = None
        self._known: list[Needed] = []
        self._lock = threading.Lock()

    def of(self, found: Overview) -> list[Needed]:
        """What needs a person by an overview."""
        with self._lock:
            if found.mappings is not self._of:
                self._known, self._of = by_reason(found), found.mappings
            return self._known


def by_reason(found: Overview) -> list[Needed]:
    """All that needs a person: a mapping after the other, and in each by state and reason."""
    needed = []
    for each in found.mappings:
        by: dict[tuple[State, Reason], list[FileProblem]] = {}
        for group in each.needs_you:
            by.setdefault((group.first.state, group.first.why.reason), []).extend(group.problems)
        needed += [Needed(sorted(some, key=_path), each.mapping) for some in by.values()]
    return needed
