"""From a running server into a server's storage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from threading import Event
from typing import NamedTuple, TypeVar
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.side_by_side import side_by_side
from aqsync.aqueduct.whole_experiments import WholeExperiment
from aqsync.errors import Interrupted, RemoteFileNotFound, ServerFailed, ServerUnreachable
from aqsync.moving.coming import (
    experiment_faults,
    file_faults,
    keepable,
    task_faults,
    whole_of,
)
from aqsync.server.moving.inbound import Brought, ExperimentFiles, Inbound, Tally, Wish
from aqsync.server.moving.moved import ComingFile, MoveRefused, Refusals

_T = TypeVar("_T")

_AT_ONCE = 50
_ROUNDS = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_PATIENCE_S = 300.0
"""How long the server may be away before the import ends, to be continued later."""


@dataclass(slots=True)
class Found(Refusals):
    """What a server has.

    Args:
        experiments: UUID and EID of each.
        files: How many files they have.
    """

    experiments: list[tuple[UUID, str]]
    files: int = 0


class _Job(NamedTuple):
    files: ExperimentFiles
    uuid: UUID
    name: str
    modified_at: int
    wish: Wish


class ServerImport:
    """Brings what a running server has.

    Args:
        server: The server.
        inbound: Brings it into a storage.
        skip_refused: Whether what cannot be brought is left out; else nothing is brought.
        came: Called with the number of bytes that have come; from several threads.
        file: Called for each file that has been dealt with.
        stop: Set when it is to end.
    """

    def __init__(
        self,
        server: Client,
        inbound: Inbound,
        *,
        skip_refused: bool = False,
        came: Callable[[int], object] = lambda _: None,
        file: Callable[[], object] = lambda: None,
        stop: Event | None = None,
    ) -> None:
        self._server = server
        self._inbound = inbound
        self._skip_refused = skip_refused
        self._came = came
        self._file = file
        self._stop = stop or Event()
        self._unsettled = 0

    def check(self) -> Found:
        """Look at all that the server lists; nothing is written.

        Raises:
            MoveRefused: Another experiment here has the EID of one of them, or something cannot
                be brought.
            RemoteError: The server cannot be asked.
        """
        found = Found(self._experiments())
        self._inbound.require_no_clash(found.experiments)
        for whole in self._described(found.experiments):
            found.files += len(whole.files)
            for sentence in (*experiment_faults(whole), *file_faults(whole)):
                found.refuse(sentence)
        if found.refused and not self._skip_refused:
            raise MoveRefused(
                f"{found.refused_count} things on the server cannot be imported",
                "With --skip-refused all the rest is imported.",
                tuple(found.refused),
            )
        return found

    def run(self, found: Found) -> Tally:
        """Bring it, after `check`, and what changes at the source meanwhile.

        It ends when all that the server lists was compared with what is here.

        Raises:
            MoveRefused: There is no room, or an experiment has come whose EID another one has.
            RemoteError: The server cannot be asked any more.
            OSError: The disk failed.
        """
        rounds: list[Tally] = []
        experiments = found.experiments
        for _ in range(_ROUNDS):
            tally = self._inbound.tally = Tally()
            self._unsettled = 0
            self._bring(experiments)
            rounds.append(tally)
            if not (tally.new or tally.renewed or tally.files or self._unsettled):
                break
            experiments = self._experiments()
            self._inbound.require_no_clash(experiments)
        else:
            tally.differ("the source keeps changing: the same command brings what is new")
        return _sum(rounds)

    def _experiments(self) -> list[tuple[UUID, str]]:
        found = self._patiently(lambda: {each.uuid: each.eid for each in self._server.whole.refs()})
        return list(found.items())

    def _described(self, experiments: Sequence[tuple[UUID, str]]) -> Iterator[WholeExperiment]:
        """Give what is still there."""
        rest = iter(experiments)
        while chunk := [uuid for uuid, _ in islice(rest, _AT_ONCE)]:
            self._go_on()
            for _, whole in self._patiently(lambda: list(self._server.whole.described(chunk))):
                if whole is not None:
                    yield whole

    def _bring(self, experiments: Sequence[tuple[UUID, str]]) -> None:
        for start in range(0, len(experiments), _AT_ONCE):
            begun = [
                (self._inbound.files_of(whole.experiment.uuid), whole)
                for whole in self._described(experiments[start : start + _AT_ONCE])
                if self._enter(whole)
            ]
            jobs = (job for files, whole in begun for job in self._jobs(files, whole))
            for files, brought in side_by_side(
                jobs, self._do, stop=self._stop, abort=self._server.close
            ):
                self._file()
                if brought is None:
                    self._unsettled += 1
                else:
                    files.take(brought)
            for files, whole in begun:
                files.end(file.name for file in whole.files)

    def _enter(self, whole: WholeExperiment) -> bool:
        """Enter an experiment with its tasks; tell whether it can be kept."""
        tally, uuid = self._inbound.tally, whole.experiment.uuid
        for sentence in file_faults(whole):
            tally.differ(f"left out: {sentence}")
        faults = [*experiment_faults(whole)]
        for sentence in faults:
            tally.differ(f"left out: {sentence}")
        if faults:
            return False
        tasks = self._patiently(lambda: self._server.whole.tasks(uuid)) if whole.has_tasks else []
        for task in tasks:
            for sentence in task_faults(whole, task):
                tally.differ(f"left out: {sentence}")
        return self._inbound.enter(whole_of(whole, tasks))

    def _jobs(self, files: ExperimentFiles, whole: WholeExperiment) -> Iterator[_Job]:
        for file, modified_at in keepable(whole):
            wish = files.wish(file.name, modified_at)
            if wish in {Wish.BRING, Wish.COMPARE}:
                yield _Job(files, whole.experiment.uuid, file.name, modified_at, wish)
            else:
                files.leave(file.name, wish)
                self._file()

    def _do(self, job: _Job) -> tuple[ExperimentFiles, Brought | None]:
        """Do a job; what becomes of the file is None if it is another one at the source by now."""
        if job.wish is Wish.COMPARE:
            compared = job.files.compare(job.name)
            if compared is not None:
                return job.files, compared
        # A server that has to read a huge file for its SHA-256 may take too long: once is enough.
        digest = chain([True], repeat(False))
        return job.files, self._patiently(lambda: self._fetched(job, digest=next(digest)))

    def _fetched(self, job: _Job, *, digest: bool) -> Brought | None:
        try:
            with self._server.download(job.uuid, job.name, digest=digest) as coming:
                second = coming.modified_second
                if second is not None and abs(second - job.modified_at // 1_000_000) > 1:
                    return None
                return job.files.bring(
                    ComingFile(
                        job.uuid,
                        job.name,
                        job.modified_at,
                        coming.length,
                        self._counted(coming),
                        coming.sha256,
                    )
                )
        except RemoteFileNotFound:
            return None

    def _counted(self, coming: Download) -> Iterator[bytes]:
        for chunk in coming.chunks():
            self._go_on()
            self._came(len(chunk))
            yield chunk

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """Ask again while the server is away, with growing pauses."""
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except (ServerUnreachable, ServerFailed):
                self._go_on()
                if time.monotonic() - began > _PATIENCE_S:
                    raise
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the import was broken off")


def _sum(rounds: Sequence[Tally]) -> Tally:
    """What several rounds did together: what was there first, and what differs at the end."""
    first, last = rounds[0], rounds[-1]
    return Tally(
        sum(each.new for each in rounds),
        sum(each.renewed for each in rounds),
        first.there,
        sum(each.files for each in rounds),
        sum(each.bytes for each in rounds),
        first.present,
        last.tasks,
        last.differences,
        last.difference_count,
        list(dict.fromkeys(note for each in rounds for note in each.notes)),
    )
