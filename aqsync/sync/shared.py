"""What outlives a session, and is used by the next one too."""

from __future__ import annotations

from threading import Lock

from aqsync.clock import Clock
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.local.snapshot import Snapshots
from aqsync.sync.outcome_log import OutcomeLog
from aqsync.sync.rate import RateLimit
from aqsync.sync.server_state import ServerState
from aqsync.sync.work_queue import WorkQueue


class Shared:
    """What all sessions of a process share.

    Args:
        journal: What is known.
        clock: The time.
        rate: How fast transfers may go, in all.
        errands: Waits for calls on a disk, or gives them up.

    Attributes:
        snapshots: Makes snapshots of databases, beside the journal.
        acting: Held by the session that begins actions and asks how they are.
        queue: Every file that needs work.
        outcomes: What happened to files.
        state: Whether the server can be used.
    """

    def __init__(self, journal: Journal, clock: Clock, rate: RateLimit, errands: Errands) -> None:
        self.journal = journal
        self.clock = clock
        self.rate = rate
        self.errands = errands
        self.snapshots = Snapshots(journal.path.with_name(f"{journal.path.name}.snapshots"), clock)
        if journal.is_written:  # else those of the process that writes it lie there
            self.snapshots.clear()
        self.acting = Lock()
        self.queue = WorkQueue()
        self.outcomes = OutcomeLog()
        self.state = ServerState(journal, clock)
