"""Whether a file's writer has not closed it, as the file's own format and locks say."""

from __future__ import annotations

from aqsync.local.formats import View, WriterState, examine, format_of
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
    name, found = _looked_into(source)
    return name if found is WriterState.BEING_WRITTEN else None


def is_finished(source: GuardedFile) -> bool:
    """Whether a file's own format says that its writer has closed it.

    Args:
        source: As for `still_written`.

    Raises:
        FileChanged: It became shorter.
        FileUnreadable: The disk failed to deliver.
    """
    return _looked_into(source)[1] is WriterState.FINISHED


def _looked_into(source: GuardedFile) -> tuple[str | None, WriterState]:
    """The name of its format, if that is known, and what format and locks say."""
    beginning = source.beginning()
    known = format_of(beginning)
    if known is None:
        return None, WriterState.CANNOT_TELL
    found = examine(known, View(source.size, beginning, source.read_at))
    if found is not WriterState.BEING_WRITTEN and known.locked and source.locked_for_writing():
        found = WriterState.BEING_WRITTEN
    return known.name, found
