"""What a small upload asks of the journal, and writes to it."""

from __future__ import annotations

from aqsync.model import Upload, Uploaded
from tests.support.lab import EID, Lab
from tests.support.reasons import said

NEW = Upload(said("new"), 0, replaces=False)


def test_a_small_upload_asks_nothing_and_writes_before_and_after(lab: Lab) -> None:
    lab.write("a")
    lab.write("b")
    lab.scan()
    lab.engine.refresh({EID})
    files = [lab.record("a"), lab.record("b")]
    statements: list[str] = []
    for file in files:  # the first one fills what is kept in memory
        statements.clear()
        with lab.journal._database.reading() as connection:
            connection.set_trace_callback(statements.append)
        job = lab.engine.job(file, NEW)
        assert job is not None
        assert isinstance(lab.engine.perform(job), Uploaded)
        with lab.journal._database.reading() as connection:
            connection.set_trace_callback(None)
    said_once = dict.fromkeys(line.split()[0] for line in statements)  # triggers say it again
    assert list(said_once) == ["UPDATE", "BEGIN", "INSERT", "COMMIT"]
    assert sum("BEGIN" in line for line in statements) == 1
