"""Whether a file's writer has not closed it, as the file's own format and locks say."""

from __future__ import annotations

from aqsync.local.formats import Verdict, View, examine, format_of
from aqsync.local.reader import GuardedFile


def still_written(source: GuardedFile) -> str | None:
    """The name of a file's format, if that says that its writer has not closed it; else None.

    Of most files no byte is read for it but those that are sent anyway, and of a format that is
    known a few more at its end.

    Args:
        source: The file, of which no chunk was taken.

    Raises:
        FileChanged: It became shorter.
        FileUnreadable: The disk failed to deliver.
    """
    beginning = source.beginning()
    known = format_of(beginning)
    if known is None:
        return None
    found = examine(known, View(source.size, beginning, source.read_at))
    written = found is Verdict.BEING_WRITTEN
    return known.name if written or (known.locked and source.locked_for_writing()) else None


def is_finished(source: GuardedFile) -> bool:
    """Whether a file's own format says that its writer has closed it.

    Args:
        source: As for `still_written`.

    Raises:
        FileChanged: It became shorter.
        FileUnreadable: The disk failed to deliver.
    """
    beginning = source.beginning()
    known = format_of(beginning)
    if known is None or (known.locked and source.locked_for_writing()):
        return False
    return examine(known, View(source.size, beginning, source.read_at)) is Verdict.FINISHED
