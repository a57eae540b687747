"""From an archive into a server's storage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

from aqsync.server.moving.archive_reader import Archive, Came, Contents
from aqsync.server.moving.inbound import Brought, ExperimentFiles, Inbound, Wish
from aqsync.server.moving.moved import ComingFile, MoveRefused, Whole

_THREADS = 4
_SMALL = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveImport:
    """Brings what an archive holds.

    Args:
        archive: The archive.
        inbound: Brings it into a storage.
        skip_refused: Whether what cannot be brought is left out; else nothing is brought.
    """

    archive: Archive
    inbound: Inbound
    skip_refused: bool = False

    def check(self, came: Came) -> Contents:
        """Look at all of it; nothing is written.

        Args:
            came: Called with the number of compressed bytes that were read.

        Raises:
            MoveRefused: It cannot be brought.
        """
        contents = self.archive.check(room=self._room, came=came)
        if contents.refused and not self.skip_refused:
            raise MoveRefused(
                f"{contents.refused_count} things in the archive cannot be imported",
                "With --skip-refused all the rest is imported.",
                tuple(contents.refused),
            )
        return contents

    def _room(self, experiments: list[Whole]) -> int:
        known = [(each.experiment.uuid, each.experiment.eid) for each in experiments]
        self.inbound.require_no_clash(known)
        return self.inbound.left_for(uuid for uuid, _ in known)

    def run(
        self, contents: Contents, came: Came, file: Callable[[], object] = lambda: None
    ) -> None:
        """Bring it, after `check`.

        Args:
            contents: What `check` has found.
            came: Called with the number of compressed bytes that were read.
            file: Called for each file that has been dealt with.

        Raises:
            MoveRefused: The archive cannot be read any more, or there is no room.
            OSError: The disk failed.
        """
        tally = self.inbound.tally
        for sentence in contents.refused:
            tally.differ(f"left out: {sentence}")
        tally.difference_count = contents.refused_count
        if contents.strangers:
            tally.note(
                "the archive has files of no experiment that it tells of, which stay out: "
                + ", ".join(sorted(contents.strangers))
            )
        if contents.experiments and not contents.has_files:
            tally.note("the archive has no files: it was made without --experiment-files")
        here = {
            whole.experiment.uuid for whole in contents.experiments if self.inbound.enter(whole)
        }
        files: ExperimentFiles | None = None
        with _SideBySide() as side_by_side:
            before, names = None, set[str]()
            for coming in self.archive.files(came=came):
                if coming.uuid not in here:
                    continue
                if files is None or coming.uuid != before:
                    side_by_side.drain()
                    if files is not None:
                        files.end(names)
                    files = self.inbound.files_of(coming.uuid)
                    before, names = coming.uuid, set()
                names.add(coming.name)
                side_by_side.begin(files, coming)
                file()
            side_by_side.drain()
        if files is not None:
            files.end(names)


class _SideBySide:
    """Stores small files several at a time, since each waits for the disk; they come in order."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "import")
        self._begun: deque[tuple[ExperimentFiles, Future[Brought]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def begin(self, files: ExperimentFiles, coming: ComingFile) -> None:
        """Do what is to be done about a file; a small one may still be under way on return."""
        wish = files.wish(coming.name, coming.modified_at)
        if wish is Wish.COMPARE:
            compared = files.compare(coming.name)
            if compared is not None:
                files.take(compared)
                return
            wish = Wish.BRING
        if wish is not Wish.BRING:
            files.leave(coming.name, wish)
        elif coming.size is None or coming.size > _SMALL:
            files.take(files.bring(coming))
        else:
            whole = replace(coming, chunks=iter(list(coming.chunks)))
            self._begun.append((files, self._threads.submit(files.bring, whole)))
            if len(self._begun) > 2 * _THREADS:
                self._take_one()

    def drain(self) -> None:
        """Wait for all that is under way."""
        while self._begun:
            self._take_one()

    def _take_one(self) -> None:
        files, future = self._begun.popleft()
        files.take(future.result())
