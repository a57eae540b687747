"""Which disks were mounted below a root."""

from __future__ import annotations

import os

import pytest

from aqsync.journal import Journal
from aqsync.journal.mappings import RootIdentity

MOUNTS = {
    "usb": RootIdentity(39, 2, 2**63 - 1),
    "runs/µ": RootIdentity(40, 2),
    os.fsdecode(b"b\xff"): RootIdentity(1 << 40, 2**63 - 1, 7),
}
ANOTHER = RootIdentity(41, 2, 7)


def test_mounts_are_remembered_by_mapping(journal: Journal) -> None:
    lab, other = (journal.mappings.get(name).id for name in ("lab", "other"))
    assert journal.mappings.mounts(lab) == {}
    journal.mappings.set_mounts(lab, MOUNTS)
    journal.mappings.set_mounts(other, {"usb": ANOTHER})
    assert journal.mappings.mounts(lab) == MOUNTS
    journal.mappings.set_mounts(lab, {"usb": RootIdentity(42, 2)})
    assert journal.mappings.mounts(lab) == {"usb": RootIdentity(42, 2)}
    assert journal.mappings.mounts(other) == {"usb": ANOTHER}


def test_what_a_person_accepts_is_known_until_it_was_looked_at(journal: Journal) -> None:
    lab, other = (journal.mappings.get(name).id for name in ("lab", "other"))
    places = {"": ANOTHER, **MOUNTS}
    for mapping_id in (lab, other):
        journal.mappings.accept(mapping_id, places)
    assert journal.mappings.accepted(lab) == places
    journal.mappings.accepted_is_known(lab, places)
    assert journal.mappings.accepted(lab) == {}
    assert journal.mappings.accepted(other) == places


def test_what_a_person_accepts_during_a_look_is_not_known_by_it(journal: Journal) -> None:
    lab = journal.mappings.get("lab").id
    before, later = {"": ANOTHER}, {"": RootIdentity(41, 3, 7)}
    journal.mappings.accept(lab, before)
    journal.mappings.accept(lab, later)
    journal.mappings.accepted_is_known(lab, before)
    assert journal.mappings.accepted(lab) == later


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((8, 2, 0), (8, 2, 0), True),
        ((8, 2, 0), (8, 3, 0), False),
        ((8, 2, 0), (9, 2, 0), False),
        ((8, 2, 5), (9, 2, 5), True),
        ((8, 2, 5), (9, 3, 5), False),
        ((8, 2, 5), (8, 2, 6), False),
        ((8, 2, 5), (8, 2, 0), True),
        ((8, 2, 5), (9, 2, 0), False),
        ((8, 0, 0), (8, 2, 5), True),
        ((8, 0, 0), (9, 2, 5), False),
    ],
)
def test_which_directories_are_the_same(
    one: tuple[int, int, int], other: tuple[int, int, int], *, same: bool
) -> None:
    assert RootIdentity(*one).is_same(RootIdentity(*other)) is same
    assert RootIdentity(*other).is_same(RootIdentity(*one)) is same
