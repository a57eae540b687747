"""Files moved to or from an experiment, one after the other, each with a bar and an answer."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from aqsync.aqueduct.by_eid import name_by_eid
from aqsync.aqueduct.local_files import Progress
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.output import report_error, say, say_json
from aqsync.errors import (
    AqsyncError,
    ExitCode,
    ExperimentNotFound,
    HeaderDropped,
    Interrupted,
    LocalError,
    NameNotSendable,
    RemoteOperationError,
)
from aqsync.wording import printable, size_text

_WORTH_A_BAR = 1024 * 1024
"""A smaller file is done before its bar could be read."""


class Transfer(NamedTuple):
    """One file to be moved."""

    name: str
    """Its name in the experiment."""
    path: Path
    """Its place on this machine."""


class Moves:
    """Moves files one after the other, and says how each went; one bad file stops no other.

    Args:
        verb: What was done to a file then.
        found: The experiment.
        json: Whether to print JSON, at the end.
    """

    def __init__(self, verb: str, found: ExperimentRef, *, json: bool) -> None:
        self._verb = verb
        self._found = found
        self._json = json
        self._moved: list[dict[str, object]] = []
        self._problems: list[dict[str, str]] = []

    def run(
        self, transfers: Sequence[Transfer], move: Callable[[Transfer, Progress | None], int]
    ) -> ExitCode:
        """Move them all.

        Args:
            transfers: What to move.
            move: Moves one, tells how far it is, and returns its size in bytes.

        Raises:
            HeaderDropped, ExperimentNotFound: Every file would fail.
            Interrupted: A person ended it.
        """
        for number, transfer in enumerate(transfers, start=1):
            label = f"{number}/{len(transfers)} {transfer.name}"
            try:
                with _bar(label, quiet=self._json) as progress:
                    size = move(transfer, progress)
            except (HeaderDropped, ExperimentNotFound):
                raise  # every file would fail
            except (LocalError, RemoteOperationError, NameNotSendable) as exc:
                self._failed(transfer, exc)
            except KeyboardInterrupt:
                done = f"{len(self._moved)} of {len(transfers)} files"
                raise Interrupted(f"interrupted; {self._verb} {done}") from None
            else:
                self._done(transfer, size)
        if self._json:
            answer = {self._verb: self._moved, "problems": self._problems}
            say_json({"eid": self._found.eid, **answer})
        return ExitCode.INCOMPLETE if self._problems else ExitCode.OK

    def _done(self, transfer: Transfer, size: int) -> None:
        place = {"name": transfer.name, "path": str(transfer.path)}
        self._moved.append({**place, "bytes": size})
        if not self._json:
            # Where a download went is seen from its name only if it got no folders by it.
            other = self._verb == "downloaded" and transfer.path.name != transfer.name
            where = f" as {transfer.path}" if other else ""
            say(f"{self._verb} {transfer.name}{where} ({size_text(size)})")

    def _failed(self, transfer: Transfer, exc: AqsyncError) -> None:
        name_by_eid(exc, {self._found.uuid: self._found.eid})
        place = {"name": transfer.name, "path": str(transfer.path)}
        self._problems.append({**place, "reason": exc.message, "hint": exc.hint})
        if not self._json:
            report_error(exc)


def _bar(label: str, *, quiet: bool) -> AbstractContextManager[Progress | None]:
    if quiet or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from aqsync.aqueduct.transfer_bar import transfer_bar  # noqa: PLC0415 - rich is slow to import

    return transfer_bar(printable(label), least=_WORTH_A_BAR)
