"""What no pattern selects is counted, and a pattern that matches nothing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.local.rules import Rules
from aqsync.local.selection import Selection, survey
from aqsync.sync.selected import selection
from tests.support.lab import EID, Lab
from tests.support.permissions import bound_by_permissions

CASES: list[tuple[dict[str, object], Selection, list[str]]] = [
    ({}, Selection(4, 0, ()), []),
    (
        {"include": ("*.CSV",)},
        Selection(0, 3, ("`include` pattern *.CSV",)),
        ["3 files, none selected by `include`", "`include` pattern *.CSV matches no file"],
    ),
    (
        {"include": ("*.csv", "*.h5", "!x.csv")},
        Selection(3, 0, ("`include` pattern *.h5",)),
        ["`include` pattern *.h5 matches no file"],
    ),
    ({"include": ("a.csv",)}, Selection(1, 2, ()), []),
    (
        {"tags": ({"match": "{q}/*.dat", "add": ("q:{q}",)}, {"match": "*.csv", "add": ("csv",)})},
        Selection(4, 0, ("`tags` pattern {q}/*.dat",)),
        ["`tags` pattern {q}/*.dat matches no file"],
    ),
    (
        {"experiment": "{eid}", "path": "{eid}/"},
        Selection(4, 0, ("`path` pattern {eid}/",)),
        ["`path` pattern {eid}/ matches no file"],
    ),
]


@pytest.fixture
def filled(lab: Lab) -> Lab:
    for path in ("a.csv", "run/b.csv", "run/deep/c.csv", "ignored/d.csv", "e.tmp"):
        lab.write(path)
    return lab


@pytest.mark.parametrize(("keys", "expected", "notes"), CASES)
def test_what_is_there_is_counted(
    filled: Lab, keys: dict[str, object], expected: Selection, notes: list[str]
) -> None:
    """The ignored count nowhere; the scan and the look without a journal say the same."""
    ignore = ("ignored/", "*.tmp") if "include" in keys else ("ignored/",)
    filled.configure(ignore=ignore, **keys)
    for _ in range(2):
        filled.scan()
        assert selection(filled.journal, filled.mapping) == expected
    assert survey(filled.mapping, Rules(filled.mapping), 1_000) == expected
    assert expected.notes() == notes
    filled.scan("a.csv")
    assert selection(filled.journal, filled.mapping) == expected, "a look at some paths is no count"


def test_an_empty_directory_is_no_mistake(lab: Lab) -> None:
    lab.configure(include=("*.CSV",))
    lab.scan()
    assert selection(lab.journal, lab.mapping).notes() == []
    assert survey(lab.mapping, Rules(lab.mapping), 1_000).notes() == []


def test_what_has_matched_once_has_matched(filled: Lab) -> None:
    filled.configure(include=("run/",))
    filled.scan()
    for path in ("b.csv", "deep/c.csv"):
        file = filled.record(f"run/{path}")
        filled.journal.outcomes.about_to_send(file, b"\1" * 32, 4)
    (filled.root / "run/b.csv").unlink()
    filled.scan()
    assert selection(filled.journal, filled.mapping).unmatched == ()


def test_a_look_without_a_journal_ends(lab: Lab) -> None:
    for number in range(5):
        lab.write(f"{number}.csv")
    lab.configure(include=("*.CSV",))
    found = survey(lab.mapping, Rules(lab.mapping), 3)
    assert not found.whole
    assert found.left_out == 2
    assert found.notes() == ["2 files looked at, none selected by `include`"]


def test_what_cannot_be_looked_at_is_left_to_the_scan(filled: Lab) -> None:
    (filled.root / "run").chmod(0)
    with bound_by_permissions():
        assert survey(filled.mapping, Rules(filled.mapping), 1_000).selected == 2
    (filled.root / "run").chmod(0o700)


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    (tmp_path / b"b\xff.csv".decode(errors="surrogateescape")).touch()
    values = {"name": "m", "directory": tmp_path, "experiment": EID, "include": ("*.csv",)}
    mapping = MappingConfig.model_validate(values)
    assert survey(mapping, Rules(mapping), 1_000) == Selection(1, 0, ())
