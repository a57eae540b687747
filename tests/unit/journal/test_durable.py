"""What survives a power loss: the log is handed to the disk, and threads share that."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aqsync.errors import JournalError
from aqsync.journal import Journal, durable
from aqsync.journal.durable import SYNC_EVERY_S, Durable
from tests.support.patience import HANG_S


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the files that were synced."""
    done: list[int] = []

    def sync(descriptor: int) -> None:
        done.append(descriptor)

    monkeypatch.setattr(durable, "_sync", sync)
    return done


def test_a_journal_syncs_its_log(tmp_path: Path, syncs: list[int]) -> None:
    with Journal.open_for_writing(tmp_path / "journal.db", 1) as journal:
        journal.mappings.get("m")
        journal.make_durable(at_once=True)
        assert len(syncs) == 1
        journal.make_durable(at_once=False)
        assert len(syncs) == 1, "it was done just now"
        journal.make_durable(at_once=True)
        assert len(syncs) == 2


def test_a_copy_in_memory_has_nothing_to_sync(tmp_path: Path, syncs: list[int]) -> None:
    with Journal.copy_in_memory(tmp_path / "journal.db", 1) as journal:
        journal.make_durable(at_once=True)
    assert syncs == []


def test_now_and_then_is_once_a_second(tmp_path: Path, syncs: list[int]) -> None:
    now = 0.0
    (tmp_path / "journal.db-wal").touch()
    kept = Durable(tmp_path / "journal.db", lambda: now)
    assert kept.is_due()
    kept.sync()
    assert not kept.is_due()
    now += SYNC_EVERY_S
    assert kept.is_due()
    assert len(syncs) == 1


def test_a_log_that_is_not_there_needs_no_sync(tmp_path: Path, syncs: list[int]) -> None:
    Durable(tmp_path / "journal.db").sync()
    assert syncs == []


def test_threads_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "journal.db-wal").touch()
    kept = Durable(tmp_path / "journal.db")
    first, others, done = threading.Event(), threading.Event(), []

    def sync(_descriptor: int) -> None:
        done.append("sync")
        first.set()
        assert others.wait(HANG_S)

    monkeypatch.setattr(durable, "_sync", sync)
    threads = [threading.Thread(target=kept.sync) for _ in range(8)]
    threads[0].start()
    assert first.wait(HANG_S)
    for thread in threads[1:]:
        thread.start()
    while kept._asked < len(threads):
        pass
    others.set()
    for thread in threads:
        thread.join(HANG_S)
    assert done == ["sync", "sync"], "the second one has what all the others wrote"


def test_a_disk_that_does_not_take_it_is_an_error_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, "_sync", sync)
    with Journal.open_for_writing(tmp_path / "journal.db", 1) as journal:
        journal.mappings.get("m")
        with pytest.raises(JournalError):
            journal.make_durable(at_once=True)
