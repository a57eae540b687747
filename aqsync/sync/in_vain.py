"""Jobs that end without a result, as the file or the list was another when they began.

The next look or list usually shows what is there now. If neither does, again and again, the file
has failed: it is told, and tried again with growing pauses.
"""

from __future__ import annotations

from dataclasses import dataclass

from aqsync.model import ChangedMeanwhile, Failed, FileRecord, Outcome, Reason, Signature

MOST_PATIENCE_S = 60.0
"""The longest pause before a file is looked at again."""
ENOUGH = 6
"""So many jobs in vain in a row, by the same signature and list, are a failure. One push can find
that out."""


@dataclass(slots=True)
class _Row:
    known: tuple[Signature | None, str | None]
    """What the last of them was decided by: the file's signature, and the listed time."""
    times: int = 0
    alike: int = 0
    """How many of them were decided by just that."""


class InVain:
    """Which files' last jobs were in vain. Of any one file, one thread at a time tells."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}

    def add(self, file: FileRecord, outcome: Outcome) -> Failed | None:
        """A job has ended.

        Args:
            file: As it was when the job began.
            outcome: What came of it.

        Returns:
            The failure that this is, if nothing has shown what changes.
        """
        if not isinstance(outcome, ChangedMeanwhile):
            self.forget(file.id)
            return None
        known = file.local, file.remote.modified_at
        row = self._rows.setdefault(file.id, _Row(known))
        row.times += 1
        row.alike = row.alike + 1 if row.known == known else 1
        row.known = known
        return Failed(Reason.IN_VAIN.explain(), permanent=False) if row.alike >= ENOUGH else None

    def pause_s(self, file_id: int) -> float:
        """Seconds until a file is looked at again: none after the first time, then more and more.

        The scanner may never see it as it is.
        """
        times = self._rows[file_id].times
        return min(2.0 ** min(times - 2, 10), MOST_PATIENCE_S) if times > 1 else 0.0

    def forget(self, file_id: int) -> None:
        """A job on a file was not in vain, or it is no longer known."""
        self._rows.pop(file_id, None)
