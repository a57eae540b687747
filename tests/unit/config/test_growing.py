"""The section ``growing``: on by default, off, or with values of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import parse_config
from aqsync.config.growing import DEFAULT_MATCH, GrowingConfig
from aqsync.errors import ConfigError

HEAD = "server: {url: http://server}\n"
MAPPING = "mappings: [{name: m, directory: /data, experiment: 20261123-1%s}]\n"


def read(defaults: str = "", mapping: str = "") -> GrowingConfig | None:
    section = f"defaults: {{{defaults}}}\n" if defaults else ""
    text = HEAD + section + MAPPING % (f", {mapping}" if mapping else "")
    return parse_config(text, Path("/etc/aqsync.yaml")).mappings[0].growing


@pytest.mark.parametrize("given", ["", "growing: on", "growing: {}"])
def test_it_is_on(given: str) -> None:
    assert read(mapping=given) == GrowingConfig(every=600, budget=2, match=DEFAULT_MATCH)


def test_it_can_be_switched_off() -> None:
    assert read(mapping="growing: off") is None
    assert read("growing: off") is None
    assert read("growing: off", "growing: on") == GrowingConfig()


def test_values_of_ones_own() -> None:
    given = 'growing: {every: 5m, budget: 20, match: ["*.out", "!x.out"]}'
    expected = GrowingConfig(every=300, budget=20, match=("*.out", "!x.out"))
    assert read(given) == read(mapping=given) == expected


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("growing: {evry: 5m}", "growing.evry: unknown key; did you mean every?"),
        ("growing: {every: 5}", "growing.every: the number has no unit"),
        ("growing: {budget: 1}", "growing.budget: 1 is not allowed; expected a number over 1"),
        ("growing: {match: ['{a,b}']}", "'{a,b}' lists choices in braces"),
        ("growing: 5m", "growing: 5m is text; expected off, or a section with the keys every,"),
    ],
)
def test_what_is_wrong_is_named(given: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(mapping=given)
    assert what in caught.value.message
