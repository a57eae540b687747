"""The text of a search: a pattern of ILIKE, which a part of a title or of an EID fits."""

from __future__ import annotations

import pytest

from tests.contract.wire import Aqueduct

TITLES = {
    "plain": "run_7 at 50%",
    "other": "run-7 at 50K",
    "slash": r"C:\data\x",
    "upper": "ÄRGER im Labor",
}


@pytest.fixture
def made(aqueduct: Aqueduct) -> dict[str, str]:
    """The names of `TITLES` by the UUIDs of experiments that have these titles."""
    return {
        aqueduct.create(f"{aqueduct.mark} {title}")["uuid"]: name for name, title in TITLES.items()
    }


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("run_7", "plain other"),
        (r"run\_7", "plain"),
        ("run-7", "other"),
        ("50%", "plain other"),
        (r"50\%", "plain"),
        ("r%7", "plain other"),
        ("r%7%0_", "plain other"),
        ("7%run", ""),
        ("RUN_7", "plain other"),
        (r"C:\\data\\x", "slash"),
        (r"\C\:\\d%x", "slash"),
        (r"data\x", ""),
        ("ärger IM", "upper"),
        ("_rger", "upper"),
        ("%", "plain other slash upper"),
        ("%%_%%", "plain other slash upper"),
        ("[rR]un.7", ""),
    ],
)
def test_wildcards(aqueduct: Aqueduct, made: dict[str, str], part: str, found: str) -> None:
    page = aqueduct.experiments({"title": f"{aqueduct.mark}%{part}"})
    names = {made[one["uuid"]] for one in page["experimentsData"]}
    assert names == set(found.split())
    assert page["totalExperimentsCount"] == len(names)


def test_a_backslash_at_the_end_finds_nothing(aqueduct: Aqueduct) -> None:
    aqueduct.create(f"{aqueduct.mark} a\\")
    assert aqueduct.experiments({"title": f"{aqueduct.mark} a\\"})["totalExperimentsCount"] == 0
    assert aqueduct.experiments({"title": f"{aqueduct.mark} a\\\\"})["totalExperimentsCount"] == 1


def test_wildcards_in_eids(aqueduct: Aqueduct) -> None:
    made = aqueduct.create()
    day, _, number = made["eid"].partition("-")
    listed = aqueduct.experiments({"title": f"{day}_{number}"})["experimentsData"]
    assert made["uuid"] in [one["uuid"] for one in listed]


def test_an_empty_text_fits_all(aqueduct: Aqueduct) -> None:
    made = aqueduct.create()
    listed = aqueduct.experiments({"title": ""})["experimentsData"]
    assert made["uuid"] in [one["uuid"] for one in listed]
