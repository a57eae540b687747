"""Titles, descriptions and tags of experiments that make themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.local.made_words import MOST_TAGS, FolderFacts, made_words
from aqsync.model import MadeWords

FOLDER, IDENTITY = "2026-11-24/rabi", "0123456789abcdef"
NOTHING = FolderFacts()


def words(folder: str = FOLDER, facts: FolderFacts = NOTHING, **keys: object) -> MadeWords:
    given = {"name": "m", "directory": Path("/data"), "experiment": "new"} | keys
    mapping = MappingConfig.model_validate({"path": "{date}/{name}/**"} | given)
    return made_words(mapping, folder, IDENTITY, facts)


def test_without_templates_the_folder_is_told() -> None:
    assert words() == MadeWords(
        FOLDER, "Made by aqsync for /data/2026-11-24/rabi", (f"aqsync:{IDENTITY}",)
    )


def test_templates_take_names_of_the_path_and_of_files() -> None:
    facts = FolderFacts({"qubit": "q3", "name": "not this", "title": "T"}, ("qubit:q3",))
    found = words(
        title="{name} of {date}, {qubit}, {folder}",
        description="{title}",
        tags=("sample:{name}", "q:{qubit}"),
        metadata={"from": "n.json", "title": "$.t", "tags": {"qubit": "$.q"}},
        facts=facts,
    )
    assert found.title == f"rabi of 2026-11-24, q3, {FOLDER}"
    assert found.description == "T"
    assert found.tags[1:] == ("sample:rabi", "q:q3", "qubit:q3")


def test_what_files_say_counts_where_there_is_no_template() -> None:
    facts = FolderFacts({"title": "Nice", "description": "a\nb\x00c"})
    found = words(facts=facts)
    assert (found.title, found.description) == ("Nice", "a\nb c")
    assert words(title="{name}", facts=facts).title == "rabi"


def test_everything_fits_and_cuts_are_told() -> None:
    long = "x" * 10_000
    tags = tuple(f"t{number}" for number in range(70))
    facts = FolderFacts({"title": long, "description": long}, (long, "a b", "T1", *tags))
    found = words(facts=facts)
    assert (len(found.title), len(found.description)) == (256, 5000)
    assert len(found.tags) == MOST_TAGS
    assert max(map(len, found.tags)) == 64
    assert len({tag.lower() for tag in found.tags}) == MOST_TAGS
    assert found.tags[2] == "a-b"
    assert found.cuts == (
        "title cut to 256 of 10000 characters",
        "description cut to 5000 of 10000 characters",
        f"tag {'x' * 64} cut to 64 of 10000 characters",
        "tag 'a b' written as a-b",
        "9 tags left out: a server takes 64",
    )


@pytest.mark.parametrize("name", ["__archived__", "__ARCHIVED__", "aqsync:fedcba9876543210"])
def test_no_name_hides_an_experiment_or_takes_another_identity(name: str) -> None:
    found = words(f"day/{name}", tags=("{name}",))
    assert found.tags == (f"aqsync:{IDENTITY}",)
    assert "has a meaning of its own" in found.cuts[0]


def test_bytes_that_are_no_text_are_shown() -> None:
    assert words("day/\udcff\n", title="{name} \t.").title == "\\udcff ."
