"""What outlives a configuration, and so is the same for one session and the next."""

from __future__ import annotations

from aqsync.clock import Clock
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.sync.outcome_log import OutcomeLog
from aqsync.sync.rate import RateLimit
from aqsync.sync.server_state import ServerState
from aqsync.sync.work_queue import WorkQueue


class Shared:
    """What is the same for all sessions of a process.

    Args:
        journal: What is known.
        clock: The time.
        rate: How fast transfers may go, in all.
        errands: Through it, what is done on a disk is waited for, or given up.

    Attributes:
        queue: Every file that needs work.
        outcomes: What happened to files.
        state: Whether the server can be used.
    """

    def __init__(self, journal: Journal, clock: Clock, rate: RateLimit, errands: Errands) -> None:
        self.journal = journal
        self.clock = clock
        self.rate = rate
        self.errands = errands
        self.queue = WorkQueue()
        self.outcomes = OutcomeLog()
        self.state = ServerState(journal, clock)
