"""From an archive into a server's storage."""

from __future__ import annotations

from dataclasses import dataclass

from aqsync.server.moving.archive_reader import Archive, Came, Contents
from aqsync.server.moving.inbound import ExperimentFiles, Inbound, Wish
from aqsync.server.moving.moved import ComingFile, MoveRefused, Whole


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

    def run(self, contents: Contents, came: Came) -> None:
        """Bring it, after `check`.

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
        for whole in contents.experiments:
            self.inbound.enter(whole)
        files: ExperimentFiles | None = None
        before, names = None, set[str]()
        for coming in self.archive.files(came=came):
            if files is None or coming.uuid != before:
                if files is not None:
                    files.end(names)
                files = self.inbound.files_of(coming.uuid)
                before, names = coming.uuid, set()
            names.add(coming.name)
            _bring(files, coming)
        if files is not None:
            files.end(names)


def _bring(files: ExperimentFiles, coming: ComingFile) -> None:
    wish = files.wish(coming.name, coming.modified_at)
    if wish is Wish.COMPARE:
        compared = files.compare(coming.name)
        if compared is not None:
            files.take(compared)
            return
        wish = Wish.BRING
    if wish is Wish.BRING:
        files.take(files.bring(coming))
    else:
        files.leave(coming.name, wish)
