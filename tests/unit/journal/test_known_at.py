"""Some names of one directory, as last seen."""

from __future__ import annotations

import os

import pytest

from aqsync.journal import Journal
from aqsync.journal.observations import Observed
from aqsync.model import EntryKind, Signature


def observe(journal: Journal, mapping_id: int, *paths: str) -> None:
    journal.observations.observe(
        mapping_id,
        [Observed(path, EntryKind.FILE, Signature(1, 2, 3, 4), 5, None, "") for path in paths],
    )


@pytest.mark.parametrize("directory", ["", "run", os.fsdecode(b"r\xffn")], ids=ascii)
def test_known_at_says_what_known_in_says(journal: Journal, directory: str) -> None:
    mapping_id, other = (journal.mappings.get(name).id for name in ("lab", "other"))
    names = ["a", "µ", os.fsdecode(b"b\xff"), "'; --"]
    paths = [f"{directory}/{name}" if directory else name for name in names]
    observe(journal, mapping_id, *paths, "elsewhere/a", f"{paths[0]}/below")
    observe(journal, other, f"{directory}/only-there" if directory else "only-there")
    everything = journal.observations.known_in(mapping_id, directory)
    assert set(everything) == {*names}
    for some in ([], names[:1], names, [*names, "never", "only-there"]):
        found = journal.observations.known_at(mapping_id, directory, some)
        assert found == {name: everything[name] for name in some if name in everything}


def test_more_names_than_one_question_takes(journal: Journal) -> None:
    mapping_id = journal.mappings.get("lab").id
    names = [f"{number}" for number in range(40_000)]
    observe(journal, mapping_id, *names[::1000])
    assert set(journal.observations.known_at(mapping_id, "", names)) == {*names[::1000]}
