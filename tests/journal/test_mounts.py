"""Which disks were mounted below a root."""

from __future__ import annotations

import os

from aqsync.journal import Journal

MOUNTS = {"usb": 39, "runs/µ": 40, os.fsdecode(b"b\xff"): 1 << 40}


def test_mounts_are_remembered_by_mapping(journal: Journal) -> None:
    lab, other = (journal.mappings.get(name).id for name in ("lab", "other"))
    assert journal.mappings.mounts(lab) == {}
    journal.mappings.set_mounts(lab, MOUNTS)
    journal.mappings.set_mounts(other, {"usb": 1})
    assert journal.mappings.mounts(lab) == MOUNTS
    journal.mappings.set_mounts(lab, {"usb": 41})
    assert journal.mappings.mounts(lab) == {"usb": 41}
    assert journal.mappings.mounts(other) == {"usb": 1}


def test_who_accepts_a_root_accepts_its_mounts(journal: Journal) -> None:
    lab, other = (journal.mappings.get(name).id for name in ("lab", "other"))
    for mapping_id in (lab, other):
        journal.mappings.set_mounts(mapping_id, MOUNTS)
    journal.mappings.unpin_root(lab)
    assert journal.mappings.mounts(lab) == {}
    assert journal.mappings.mounts(other) == MOUNTS
