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
    name, verdict = _looked_into(source)
    return name if verdict is Verdict.BEING_WRITTEN else None


def is_finished(source: GuardedFile) -> bool:
    """Whether a file's own format says that its writer has closed it.

    Args:
        source: As for `still_written`.

    Raises:
        FileChanged: It became shorter.
        FileUnreadable: The disk failed to deliver.
    """
    return _looked_into(source)[1] is Verdict.FINISHED


def _looked_into(source: GuardedFile) -> tuple[str | None, Verdict]:
    """The name of its format, if that is known, and what format and locks say."""
    beginning = source.beginning()
    known = format_of(beginning)
    if known is None:
        return None, Verdict.CANNOT_TELL
    found = examine(known, View(source.size, beginning, source.read_at))
    if found is not Verdict.BEING_WRITTEN and known.locked and source.locked_for_writing():
        found = Verdict.BEING_WRITTEN
    return known.name, found
