"""The section ``measurement``: what it takes, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig, parse_config
from aqsync.errors import ConfigError
from aqsync.model import Needs, Sending

CONFIG = """
server: {{url: "http://127.0.0.1:8000"}}
defaults: {{measurement: {{folder: "{{run}}/", complete: {{quiet: 5m}}}}}}
mappings:
  - {{name: a, directory: /data, experiment: 20261123-1, measurement: {0}}}
"""


def read(section: str) -> MappingConfig:
    [mapping] = parse_config(CONFIG.format(section), Path("/x.yaml")).mappings
    return mapping


def test_all_keys() -> None:
    found = read(
        '{folder: "{date}/{run}/", complete: {sentinel: ["__complete__.tag"], newer_sibling: true,'
        ' quiet: 10m, closed: true, needs: all}, send: when_complete, last: ["*.json"]}'
    ).measurement
    assert found is not None
    complete = found.complete
    assert (complete.sentinel, complete.quiet) == (("__complete__.tag",), 600.0)
    assert (complete.newer_sibling, complete.closed, complete.needs) == (True, True, Needs.ALL)
    assert (found.send, found.last) == (Sending.WHEN_COMPLETE, ("*.json",))


def test_what_is_left_out() -> None:
    found = read('{folder: "x/", complete: {closed: on}}').measurement
    assert found is not None
    assert (found.send, found.last) == (Sending.AS_SETTLED, ())
    assert (found.complete.needs, found.complete.quiet) == (Needs.ANY, None)


@pytest.mark.parametrize("nothing", ["off", "null"])
def test_a_mapping_may_do_without(nothing: str) -> None:
    assert read(nothing).measurement is None


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("on", "measurement: on is true or false; expected off, or a section with the keys folder"),
        ("{folder: x/}", "measurement.complete: missing; expected a section with one or more of"),
        ("{folder: x/, complete: {}}", "complete: it names no condition: sentinel, newer_sibling"),
        ("{folder: x/**, complete: {quiet: 5m}}", "'x/**' ends with **"),
        (
            "{folder: x/, complete: {quiet: 5}}",
            "quiet: the number has no unit; expected a",
        ),
        (
            "{folder: x/, complete: {quiet: 5m, needs: both}}",
            "both is not allowed; expected any",
        ),
        ("{folder: x/, complete: {sentinal: [a]}}", "unknown key; did you mean sentinel?"),
        ("{folder: x/, complete: {quiet: 5m}, lasts: [a]}", "unknown key; did you mean last?"),
        ('{folder: "{a/", complete: {quiet: 5m}}', "has a brace without its partner"),
        ('{folder: x/, complete: {sentinel: ["{a}.tag"]}}', "has a name in braces"),
    ],
)
def test_what_is_wrong_is_said(section: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(section)
    assert said in caught.value.message
    assert caught.value.message.startswith("/x.yaml:5: ")
