"""The result of a push as data, which a command or the daemon's client prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aqsync.errors import ExitCode
from aqsync.model import Explanation, State, explanation_of
from aqsync.sync.summary import FileProblem
from aqsync.wording import seconds_text, size_text


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did and how everything stands after it."""

    counts: dict[str, int]
    """Files by result, and ``tags``."""
    bytes: int
    seconds: float
    interrupted: bool
    complete: bool
    """Whether everything that was to be pushed is in sync, its tags included."""
    server: Explanation | None
    """Why the server could not be used; None: it could."""
    problems: list[FileProblem]
    notes: list[str]
    """Things that may not be as intended, for a person."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit status of the command."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.server is not None:
            return ExitCode.SERVER
        return ExitCode.OK if self.complete else ExitCode.INCOMPLETE

    @property
    def words(self) -> str:
        """What was done, for a person: ``2 uploaded, 1 unchanged: 3.1 MiB in 2 s, 1.5 MiB/s``."""
        counts = dict(self.counts)
        rate = f", {size_text(self.bytes / self.seconds)}/s" if self.bytes else ""
        shown = [f"{counts.pop('uploaded')} uploaded", f"{counts.pop('unchanged')} unchanged"]
        words = {"differs": State.DIFFERS.value, "tags": "tag" if counts["tags"] == 1 else "tags"}
        shown += [f"{count} {words.get(name, name)}" for name, count in counts.items() if count]
        took = seconds_text(self.seconds)
        return f"{', '.join(shown)}: {size_text(self.bytes)} in {took}{rate}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        server = self.server and {
            "code": self.server.reason.value,
            "reason": self.server.message,
            "hint": self.server.hint,
        }
        return {
            **self.counts,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "complete": self.complete,
            "server": server,
            "problems": [problem.to_dict() for problem in self.problems],
            "notes": self.notes,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> PushReport:
        """Made again from `to_dict`.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is of another type.
            ValueError: Something has no such value.
        """
        server = found["server"]
        return cls(
            counts={key: int(found[key]) for key in COUNTS},
            bytes=int(found["bytes"]),
            seconds=float(found["seconds"]),
            interrupted=bool(found["interrupted"]),
            complete=bool(found["complete"]),
            server=server and explanation_of(server["code"], server["reason"], server["hint"]),
            problems=[FileProblem.from_dict(problem) for problem in found["problems"]],
            notes=[str(note) for note in found["notes"]],
        )


COUNTS = (
    "uploaded",
    "adopted",
    "unchanged",
    "differs",
    "held",
    "waiting",
    "failed",
    "removed",
    "unmapped",
    "skipped",
    "tags",
)
