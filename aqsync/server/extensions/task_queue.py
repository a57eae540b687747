"""What runs tasks, whichever way they are queued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from aqsync.server.catalog.database import Connection

STOP_SECONDS = 3.0
"""How long a script has after each signal when the server ends."""

SERVER_DIED = "The server died while this task ran."


class TaskQueue(Protocol):
    """Runs tasks in the order of their arrival, a limited number at once. Any thread may call."""

    def start(self) -> None:
        """End what a crashed server left behind, and begin to run the tasks that wait."""

    def enqueue(self, connection: Connection, task: UUID) -> None:
        """Put a task into the queue, in the transaction that enters it."""

    def wake(self) -> None:
        """Look at the queue, since there is a new task."""

    def cancel(self, task: UUID) -> None:
        """Make sure that a task does not start, or ask its script to end."""

    def end_all(self, tasks: Iterable[UUID]) -> None:
        """Ask the scripts of tasks to end."""

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """End the scripts that run here, and wait until they have ended.

        Args:
            patience: How long each signal is given to work, in seconds.
        """
