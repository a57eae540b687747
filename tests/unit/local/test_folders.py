"""Which files belong together, which of them are sentinels, and which folder is newer."""

from __future__ import annotations

import pytest

from aqsync.config import Measurement
from aqsync.config.measurement import Completion
from aqsync.local.folders import FIRST, Folders, by_name


def folders(folder: str, *, sentinel: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> Folders:
    complete = Completion(sentinel=sentinel, quiet=60.0)
    return Folders(Measurement(folder=folder, complete=complete, last=last))


@pytest.mark.parametrize(
    ("pattern", "path", "folder"),
    [
        ("{date}/{run}/", "2026-11-30/run_1/iq.csv", "2026-11-30/run_1"),
        ("{date}/{run}/", "2026-11-30/run_1/raw/deep/iq.csv", "2026-11-30/run_1"),
        ("{date}/{run}/", "2026-11-30/notes.txt", None),
        ("{date}/{run}/", "notes.txt", None),
        ("{date}/{run}", "2026-11-30/run_1/iq.csv", "2026-11-30/run_1"),
        ("{date}/run_{n}/", "2026-11-30/run_1/iq.csv", "2026-11-30/run_1"),
        ("{date}/run_{n}/", "2026-11-30/setup/iq.csv", None),
        ("run_*/", "a/run_1/run_2/iq.csv", "a/run_1"),  # the outer one, with all that lies in it
        ("{run}/", "a/b/iq.csv", "a"),
        ("*.zarr/", "day/x.zarr/0/0.0", "day/x.zarr"),
        ("{day}/{day}_{n}/", "d1/d1_7/iq.csv", "d1/d1_7"),
        ("{day}/{day}_{n}/", "d1/d2_7/iq.csv", None),
    ],
)
def test_the_folder_of_a_file(pattern: str, path: str, folder: str | None) -> None:
    assert folders(pattern).of(path) == folder


def test_patterns_of_files_are_taken_from_their_folder() -> None:
    of = folders("{run}/", sentinel=("/done.tag", "*.ok"), last=("*.json", "!raw/*.json"))

    assert of.is_sentinel("run_1/done.tag")
    assert not of.is_sentinel("run_1/raw/done.tag")
    assert of.is_sentinel("run_1/raw/all.ok")
    assert not of.is_sentinel("all.ok")  # it lies in no measurement
    assert of.turn("run_1/node.json") > FIRST
    assert of.turn("run_1/raw/node.json") == of.turn("run_1/iq.csv") == FIRST


def test_last_files_have_an_order_by_their_pattern_and_then_by_their_depth() -> None:
    of = folders("{run}/", last=("*.json", "*.tag", "node.json"))
    ordered = ["a/iq.csv", "a/raw/data.json", "a/data.json", "a/b.tag", "a/node.json"]

    turns = list(map(of.turn, ordered))
    assert turns == sorted(set(turns))
    assert of.turn("a/b.tag") == of.turn("a/c.tag")


def test_plain_names_of_sentinels_can_be_looked_up() -> None:
    assert folders("{run}/", sentinel=("a.tag", "b.tag")).sentinel_names == ("a.tag", "b.tag")
    for pattern in ("*.tag", "raw/a.tag", "!a.tag", "[a].tag", "a\\ .tag"):
        assert folders("{run}/", sentinel=("b.tag", pattern)).sentinel_names is None


def test_numbers_in_names_count_by_their_value() -> None:
    ordered = ["day/run_1", "day/run_01", "day/run_9", "day/run_10", "day/run_10b", "day/x"]

    assert sorted(set(ordered), key=by_name) == ["day/run_01", "day/run_1", *ordered[2:]]
