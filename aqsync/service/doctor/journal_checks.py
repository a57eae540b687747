"""The journal: whether it is whole, or can be made."""

from __future__ import annotations

import os
from collections.abc import Iterator

from aqsync.errors import JournalBroken
from aqsync.journal import Journal
from aqsync.journal.place import check_journal
from aqsync.service.doctor.findings import Result, fault, ok
from aqsync.service.doctor.subject import Subject


def look_at_journal(subject: Subject) -> Iterator[Result]:
    """Every check of its content; it is only read, also beside a daemon."""
    path = subject.journal
    if not os.path.lexists(path):
        check_journal(path)
        yield ok(f"there is no journal yet; {path} can be made")
        return
    with Journal.open_for_reading(path) as journal:
        try:
            damage = journal.damage()
        except JournalBroken as exc:
            yield fault(exc.message)
            return
    if damage is None:
        yield ok(f"{path} is whole")
    else:
        yield fault(f"the journal {path} is damaged: {damage}")
