"""Each file of a crate has a place that every system can have, and its own one if possible."""

from __future__ import annotations

import pytest

from aqsync.moving.crate_places import Places, identifier


@pytest.mark.parametrize("path", ["iq.csv", "run 7/iq.csv", "é/量.h5", "a~b.csv", "100%#1.dat"])
def test_most_stand_where_they_stood(path: str) -> None:
    assert Places().give(path) == path


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a:b/c?.csv", "a=3Ab/c=3F.csv"),
        ("NUL.txt", "=4EUL.txt"),
        ("ends.", "ends=2E"),
        ("line\nbreak", "line=0Abreak"),
        ("bytes\udcff", "bytes=FF"),
        ("back\\slash", "back=5Cslash"),
    ],
)
def test_what_another_system_has_not_is_written_otherwise(path: str, place: str) -> None:
    assert Places().give(path) == place


def test_no_two_files_meet() -> None:
    places = Places()
    given = ["a.csv", "A.csv", "a.csv", "a.csv/b", "c/d", "c", "C/D", "e\u0301", "\xe9"]
    found = [places.give(path) for path in given]
    assert found[:4] == ["a.csv", "A (2).csv", "a (3).csv", "a (4).csv/b"]
    assert len({each.casefold() for each in found}) == len(found)
    files = {each.casefold() for each in found}
    for each in files:
        parts = each.split("/")
        assert not any("/".join(parts[:n]) in files for n in range(1, len(parts)))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("20261123-1/iq.csv", "./20261123-1/iq.csv"),
        ("a b/100%#1?.dat", "./a%20b/100%25%231%3F.dat"),
        ("é/量 x.h5", "./é/量%20x.h5"),
        ("a<b>\x7f", "./a%3Cb%3E%7F"),
    ],
)
def test_identifiers_are_relative_iris(path: str, expected: str) -> None:
    assert identifier(path) == expected
