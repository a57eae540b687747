"""What a server does every minute for its files goes on, whatever happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.files.blobs import BlobsAway
from aqsync.server.files.upkeep import Upkeep
from tests.support.patience import wait_until

FAILURES = [DatabaseAway("away"), BlobsAway(), OSError(5, "x"), sqlite3.OperationalError("full")]


class Leases:
    def __init__(self, step: Callable[[], None]) -> None:
        self.renew = step


class Sweep:
    def __init__(self, step: Callable[[], None]) -> None:
        self.run = step


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
def test_it_goes_on_after_any_failure(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    monkeypatch.setattr("aqsync.server.files.upkeep._EACH_SECONDS", 0.001)
    steps = {"renewed": 0, "swept": 0}

    def step(name: str) -> Callable[[], None]:
        def fails() -> None:
            steps[name] += 1
            raise failure

        return fails

    upkeep = Upkeep(Leases(step("renewed")), Sweep(step("swept")), lambda: None)  # type: ignore[arg-type]
    upkeep.begin()
    wait_until(lambda: min(steps.values()) > 2, "both again")
    upkeep.end()
