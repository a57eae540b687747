"""The size limit, where several uploads are refused at once."""

from __future__ import annotations

import threading

import pytest

from aqsync.journal import Journal
from aqsync.model import SizeLimit
from tests.support.notes import NOW
from tests.support.patience import HANG_S
from tests.support.reasons import said


def test_of_two_refusals_at_once_the_smaller_file_counts(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the smaller file would be held by itself, and not by the limit that explains it."""
    limits, why = journal.limits, said("too large")
    smaller = threading.Thread(target=limits.refused, args=(60_000, None, why, NOW))
    known = limits.size

    def size() -> SizeLimit | None:
        found = known()
        if not smaller.ident:
            smaller.start()
            smaller.join(0.05)  # it may have to wait for this thread
        return found

    monkeypatch.setattr(limits, "size", size)
    limits.refused(70_000, None, why, NOW)
    smaller.join(HANG_S)
    limit = limits.size()
    assert limit is not None
    assert limit.bytes == 59_999
