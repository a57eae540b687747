"""Configurations of experiments that make themselves, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig, parse_config
from aqsync.errors import ConfigError

HEAD = "server: {url: 'http://h'}\nmappings:\n  - {name: m, directory: d, experiment: "


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("new", "neither path nor measurement.folder says which folders get one"),
        ("new, path: '{name}'", "names no folders: it must end with a folder's name and /**"),
        ("new, path: '**/**'", "names no folders"),
        ("new, path: '{a}/**', title: '{b}'", "{b} in '{b}' does not stand in the pattern"),
        ("new, path: '{a}/**', tags: ['x:{b}']", "{b} in 'x:{b}' does not stand in the pattern"),
        ("new, path: '{a}/**', tags: ['aqsync:x']", "begins as those that aqsync finds its own by"),
        ("new, path: '{a}/**', identity: ' '", "' ' is not such a name"),
        ("new, path: '{a}/**', metadata: {}", "no from says which file is read"),
        ("20261123-1, title: x", "title is for experiment: new only"),
        ("20261123-1, identity: x", "identity is for experiment: new only"),
        ("20261123-1, metadata: {format: tuid, title: $.x}", "metadata is for experiment: new"),
        ("20261123-1, tags: [x]", "'x' has no match, which only experiment: new allows"),
    ],
)
def test_what_is_wrong_is_told(keys: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{HEAD}{keys}}}\n", Path("/x/aqsync.yaml"))
    assert said in caught.value.message
    assert caught.value.message.startswith("/x/aqsync.yaml:3: mappings[0]")


def test_names_of_metadata_may_stand_in_templates() -> None:
    keys = "new, path: '{a}/**', title: '{q}', metadata: {from: n.json, tags: {q: $.q}}}\n"
    [mapping] = parse_config(HEAD + keys, Path("/x/aqsync.yaml")).mappings
    assert mapping.metadata_names == ("q",)
    assert mapping.one_experiment is None


def test_folders_are_those_of_the_path_or_of_measurements() -> None:
    def folders(**keys: object) -> str | None:
        given = {"name": "m", "directory": Path("/d"), "experiment": "new"} | keys
        return MappingConfig.model_validate(given).experiment_folder

    measured = {"folder": "{date}/{run}/", "complete": {"quiet": 5.0}}
    assert folders(path="{date}/{name}/**") == "/{date}/{name}/"
    assert folders(path="{name}/**") == "/{name}/", "at the top only"
    assert folders(path="**/run_{n}/**") == "**/run_{n}/"
    assert folders(measurement=measured) == "{date}/{run}/"
    assert folders(measurement=measured, path="{date}/**") == "/{date}/"


def test_two_mappings_that_make_experiments_may_use_the_same_names() -> None:
    other = "  - {name: n, directory: e, experiment: new, path: '{a}/**'}\n"
    text = f"{HEAD}new, path: '{{a}}/**'}}\n{other}"
    assert len(parse_config(text, Path("/x/aqsync.yaml")).mappings) == 2
