"""What takes long to read is not read again and again while it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.config.metadata import Metadata, MetadataFormat
from aqsync.local.disk import REAL_DISK
from aqsync.local.errands import Errands
from aqsync.local.folder_facts import LONG_S, REST, FactsReader
from aqsync.local.metadata import child
from aqsync.local.snapshot import Snapshots
from tests.support.fake_clock import FakeClock


@pytest.mark.parametrize("took_s", [LONG_S / 2, 10 * LONG_S])
def test_a_file_that_takes_long_rests_before_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took_s: float
) -> None:
    clock, reads = FakeClock(), list[str]()

    def read(_file: int, form: MetadataFormat, _paths: Mapping[str, str]) -> dict[str, list[str]]:
        clock.advance(took_s)
        reads.append(form)
        return {}

    monkeypatch.setattr(child, "read", read)
    metadata = Metadata.model_validate({"from": "node.json", "title": "$.name"})
    mapping = MappingConfig(
        name="m", directory=tmp_path, experiment="new", path="{run}/**", metadata=metadata
    )
    facts = FactsReader(REAL_DISK, Snapshots(tmp_path / "copies", clock), Errands(clock))
    file = tmp_path / "run" / "node.json"
    file.parent.mkdir()
    file.write_text("{}")
    first = facts(mapping, "run", "")
    assert first is not None
    file.write_text("{} ")
    again = facts(mapping, "run", first.seen)
    assert (again is None) is (took_s > LONG_S)
    clock.advance(REST * took_s)
    assert facts(mapping, "run", first.seen) is not None
    assert len(reads) == (2 if took_s > LONG_S else 3)
