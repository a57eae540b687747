"""Folders with experiments of their own: many new ones cost little."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.journal import Journal
from aqsync.journal.made import MadeExperiments
from aqsync.local.disk import REAL_DISK
from aqsync.local.made_folders import MadeFolders
from aqsync.local.rules import Rules


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever all known folders are read from the journal."""
    found: list[int] = []
    read = MadeExperiments.folders

    def counted(self: MadeExperiments, mapping_id: int) -> object:
        found.append(mapping_id)
        return read(self, mapping_id)

    monkeypatch.setattr(MadeExperiments, "folders", counted)
    return found


def test_what_is_known_is_read_once_however_many_folders_are_new(
    tmp_path: Path, reads: list[int]
) -> None:
    mapping = MappingConfig(name="m", directory=tmp_path, experiment="new", path="{run}/**")
    names = [f"run-{number}" for number in range(20)]
    for name in names:
        (tmp_path / name).mkdir()
    with Journal.open_for_writing(tmp_path / "journal.db", 1) as journal:
        mapping_id = journal.mappings.get("m").id

        def look() -> dict[str, str]:
            made = MadeFolders(
                mapping, mapping_id, Rules(mapping), journal.made, REAL_DISK, lambda: True
            )
            for name in names:
                made.meet(name)
            return {name: made.key(name) for name in names}

        keys = look()
        assert len(set(keys.values())) == len(names)
        assert look() == keys
        assert len(reads) == 2
