"""Leases: what keeps blobs from the sweep while they are written, or read after their removal.

A server renews all its leases as long as it lives, so that a slow transfer of many hours is safe,
and what a killed server was about is known an hour later.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from aqsync.server.catalog.database import Connection, Database, transaction

LEASE_US = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease of a blob.

    Args:
        id: Its own name.
        blob: The blob's key.
    """

    id: str
    blob: str


class Leases:
    """The leases of this process. Any thread may call.

    Args:
        database: Where they are noted.
        clock: Tells the time in microseconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._held: set[Lease] = set()
        self._given_up: list[Lease] = []

    @transaction
    def take(self, blob: str, *, writing: bool) -> Lease:
        """Keep a blob from the sweep until the lease is given up, or this process is gone."""
        lease = Lease(secrets.token_hex(16), blob)
        with self._database.changing() as database:
            database.execute(
                "INSERT INTO blob_lease (id, blob, writing, until) VALUES (?, ?, ?, ?)",
                (lease.id, blob, int(writing), self._clock() + LEASE_US),
            )
        with self._lock:
            self._held.add(lease)
        return lease

    def forget(self, lease: Lease) -> None:
        """Renew a lease no more: it has been ended, or is left to the sweep."""
        with self._lock:
            self._held.discard(lease)

    def give_up(self, lease: Lease) -> None:
        """End a lease soon, without waiting."""
        with self._lock:
            self._held.discard(lease)
            self._given_up.append(lease)

    @transaction
    def renew(self) -> None:
        """Renew all leases that are held, and end those given up."""
        with self._lock:
            held = list(self._held)
            ended, self._given_up = self._given_up, []
        if not held and not ended:
            return
        try:
            with self._database.changing() as database:
                database.executemany(
                    "UPDATE blob_lease SET until = ? WHERE id = ?",
                    [(self._clock() + LEASE_US, lease.id) for lease in held],
                )
                for lease in ended:
                    end_lease(database, lease)
        except BaseException:
            with self._lock:
                self._given_up += ended
            raise


def end_lease(database: Connection, lease: Lease) -> bool:
    """End a lease within a transaction; tell whether it was still there."""
    return database.execute("DELETE FROM blob_lease WHERE id = ?", (lease.id,)).rowcount == 1
