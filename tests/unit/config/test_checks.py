"""Mappings that would tread on each other are refused; those that cannot are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aqsync.config import MappingConfig, parse_config
from aqsync.config.checks import find_conflicts
from aqsync.errors import ConfigError
from aqsync.layout.names import remote_name

A = {"name": "a", "directory": "/a", "experiment": "20261123-1"}
B = {"name": "b", "directory": "/b", "experiment": "20261123-1"}
FOLDERS = {"experiment": "{eid}", "path": "{eid}_*/**"}

COLLISIONS = [
    # experiment and prefix of one, of the other, whether they can collide
    ({}, {}, True),
    ({"prefix": "p"}, {"prefix": "p"}, True),
    ({"prefix": "p"}, {"prefix": "q"}, False),
    ({"prefix": "p"}, {"prefix": "P"}, False),
    ({"prefix": "a"}, {"prefix": "a~b"}, False),
    ({"prefix": "p"}, {}, True),  # the second may have a folder p
    ({}, {"experiment": "20261123-2"}, False),
    ({"prefix": "fridge-1"}, FOLDERS, False),  # no folder that {eid}_* matches is called fridge-1
    ({"prefix": "20261123-1_x"}, FOLDERS, True),
    ({}, FOLDERS, True),
    (FOLDERS, FOLDERS, True),
    ({**FOLDERS, "prefix": "p"}, {**FOLDERS, "prefix": "q"}, False),
    ({"experiment": "{eid}", "path": "a/{eid}/**"}, {**FOLDERS, "path": "b/{eid}/**"}, False),
    ({"experiment": "{eid}", "path": "a/{eid}/**"}, {**FOLDERS, "path": "a/{eid}/**"}, True),
    ({"experiment": "{eid}", "path": "a/{eid}/**"}, {**FOLDERS, "path": "*/{eid}/**"}, True),
    ({"experiment": "{eid}", "path": "a/{eid}/**"}, FOLDERS, False),
    ({"experiment": "{eid}", "path": "/{eid}/**"}, {"prefix": "p"}, False),
    ({"experiment": "{eid}", "path": "**/{eid}/**"}, {"prefix": "p"}, True),
    ({"experiment": "{eid}", "path": "{eid}"}, {"prefix": "p"}, True),  # at any depth, p/{eid} too
    ({"experiment": "{eid}", "path": "{x}/{eid}/**"}, {"prefix": "p"}, True),
    ({"experiment": "20261123-{n}", "path": "{n}/**"}, {}, True),
    ({"experiment": "20261124-{n}", "path": "{n}/**"}, {}, False),  # never the first's experiment
]


@pytest.mark.parametrize(("first", "second", "collide"), COLLISIONS)
def test_names_that_could_collide(
    first: dict[str, str], second: dict[str, str], *, collide: bool
) -> None:
    for one, other in ((first, second), (second, first)):
        found = conflicts({**A, **one}, {**B, **other})
        assert found == ([(("mappings", 1, "prefix"), found[0][1])] if collide else [])


def conflicts(*raw: dict[str, str]) -> list[tuple[tuple[str | int, ...], str]]:
    mappings = [MappingConfig.model_validate(values) for values in raw]
    return find_conflicts(list(enumerate(mappings)), {})


def test_the_names_behind_it_do_differ() -> None:
    assert remote_name("b/x", "a") != remote_name("x", "a~b")
    assert remote_name("x", "fridge-1") == remote_name("fridge-1/x")


def test_a_root_inside_another(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = str(tmp_path / "real"), str(tmp_path / "link")
    apart = {"experiment": "20261123-9"}

    def places(one: str, other: str) -> list[str]:
        found = conflicts({**A, "directory": one}, {**B, "directory": other, **apart})
        assert all(location == ("mappings", 1, "directory") for location, _ in found)
        return [what for _, what in found]

    assert places("/x", "/x/") == ["mapping a has the same directory; expected another"]
    assert places("/x", "/y/../x") == ["mapping a has the same directory; expected another"]
    assert "directory of mapping b lies inside that of a" in places("/x", "/x/y/z")[0]
    assert "directory of mapping a lies inside that of b" in places("/x/y", "/x")[0]
    assert "inside" in places("/x", "/")[0]
    assert places("/x", "/xy") == []
    assert places(real, link) == ["mapping a has the same directory; expected another"]
    assert "directory of mapping b lies inside" in places(real, f"{link}/inner")[0]


def test_names_are_told_apart_without_case() -> None:
    (found,) = conflicts(A, {**B, "name": "A", "prefix": "x", "experiment": "20261123-2"})

    assert found == (("mappings", 1, "name"), "another mapping is called a already")


def test_a_tag_has_one_spelling_in_all_mappings() -> None:
    text = yaml.safe_dump(
        {
            "server": {"url": "http://h"},
            "mappings": [
                {**A, "tags": [{"match": "*", "add": ["Alpha", "Alpha", "q:{x}"]}]}
                | {"prefix": "a"},
                {**B, "tags": [{"match": "*", "add": ["ALPHA"]}]} | {"prefix": "b"},
            ],
        }
    ).replace("q:{x}", "q")

    with pytest.raises(
        ConfigError, match="the server takes ALPHA for Alpha; expected one spelling"
    ):
        parse_config(text, Path("/c.yaml"))


def test_files_of_our_own_inside_a_root() -> None:
    mapping = MappingConfig.model_validate(A)

    found = find_conflicts([(0, mapping)], {("journal",): Path("/a/b/../j.db")})

    said = "/a/b/../j.db lies in the directory of mapping a and would be uploaded"
    assert found == [(("journal",), said)]
    assert find_conflicts([(0, mapping)], {("journal",): Path("/ab/j.db")}) == []
