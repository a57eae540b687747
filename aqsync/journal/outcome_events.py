"""What an outcome means besides: an event of the history, tags that are earned. Pure."""

from __future__ import annotations

from functools import partial

from aqsync.journal.history import Event, HistoryKind
from aqsync.model import (
    SECOND_NS,
    Adopted,
    Failed,
    FileRecord,
    FoundOurOwn,
    Outcome,
    Removed,
    SyncedVersion,
    Touched,
    Uploaded,
)

PROVISIONAL = "provisional"
"""The text of an upload in the history."""


def event_of(file: FileRecord, outcome: Outcome, now_ns: int) -> Event | None:
    """The event for the history, if the outcome is worth one."""
    event = partial(Event, now_ns, mapping=file.mapping, path=file.path, eid=file.eid_shown)
    match outcome:
        case Uploaded(sha256=sha256, unfinished=unfinished):
            text = PROVISIONAL if outcome.provisional else ""
            if unfinished and not outcome.provisional:
                text = f"its writer had not closed it ({unfinished})"
            return event(
                HistoryKind.UPLOADED,
                text=text,
                size=outcome.size,
                sha256=sha256.hex(),
                written_ns=outcome.content_ns if outcome.provisional else file.since_ns,
                took_ns=None if outcome.took_s is None else int(outcome.took_s * SECOND_NS),
            )
        case FoundOurOwn(size, sha256) if known_version(file, sha256) is None:
            text = PROVISIONAL if is_provisional(file, sha256) else ""
            return event(HistoryKind.UPLOADED, text=text, size=size, sha256=sha256.hex())
        case Adopted(sha256=sha256):
            return event(HistoryKind.ADOPTED, text="", size=outcome.size, sha256=sha256.hex())
        case Removed():
            return event(HistoryKind.REMOVED, text=f"from {file.eid}")
        case Failed(why, permanent=True):
            return event(HistoryKind.FAILED, text=why.message, reason=why.reason)
        case _:
            return None


def is_provisional(file: FileRecord, sha256: bytes) -> bool:
    """Whether a version of ours that was found on the server was sent while the file changed."""
    found = known_version(file, sha256) or file.sent
    return found is not None and found.provisional


def earns_tags(file: FileRecord, outcome: Outcome) -> bool:
    """Whether an outcome earns the file's tags: a provisional version does not."""
    match outcome:
        case Uploaded(provisional=provisional):
            return not provisional
        case FoundOurOwn(sha256=sha256):
            return not is_provisional(file, sha256)
        case Touched():  # what was sent while the file changed turns out to be all of it
            return file.synced is not None and file.synced.provisional
        case _:
            return isinstance(outcome, Adopted)


def known_version(file: FileRecord, sha256: bytes) -> SyncedVersion | None:
    """The version known to be on the server, if it is this one; else its answer was lost."""
    synced = file.synced
    return synced if synced is not None and synced.sha256 == sha256 else None
