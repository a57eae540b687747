"""Whatever stands in the file: a configuration, or a ConfigError; never anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aqsync.config import (
    Config,
    MappingConfig,
    Schedule,
    ServerConfig,
    Transfer,
    load_config,
    parse_config,
)
from aqsync.errors import ConfigError
from tests.support.examples import examples

HERE = Path("/etc/aqsync/config.yaml")
PROBLEM = re.compile(rf"{HERE}:(\d+): \S.*", re.DOTALL)
BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"


def config_or_error(text: str) -> list[int]:
    """The lines that were complained of; each complaint names file, line and what is wrong."""
    try:
        config = parse_config(text, HERE)
    except ConfigError as error:
        message = error.message
    else:
        assert isinstance(config, Config)
        return []
    message.encode()  # it can be printed everywhere
    found = [PROBLEM.fullmatch(line) for line in message.split("\n")]
    lines = [int(problem[1]) for problem in found if problem is not None]
    assert len(lines) == len(found), message
    assert min(lines) >= 1
    assert max(lines) <= len(BREAKS.split(text.rstrip(" \t\r\n"))), message
    return lines


sections = ("server", "journal", "defaults", "mappings", "match", "add", "on", "1", "x")
models = (MappingConfig, ServerConfig, Transfer, Schedule)
known = [key for model in models for key in model.model_fields]
keys = st.sampled_from([*known, "transfer", "schedule", *sections])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=20),
    st.sampled_from(["5s", "{eid}", "{eid}_*/**", "20261123-1", "http://h", "keep", "~x", "a/**"]),
    st.sampled_from(["22:00-06:00", "sat 0:00-24:00", "20 MiB/s", "30 3 * * *", "1 2 3 4 8"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=15,
)


@examples(300)
@given(st.dictionaries(keys, values, max_size=5))
def test_any_structure_gives_a_config_or_a_config_error(document: dict[str, object]) -> None:
    config_or_error(yaml.safe_dump(document, allow_unicode=True))


@examples(200)
@given(
    st.dictionaries(keys, values, max_size=4),
    st.dictionaries(keys, values, max_size=4),
    st.dictionaries(keys, values, max_size=3),
    st.dictionaries(keys, values, max_size=3),
)
def test_nearly_good_ones_too(
    first: dict[str, object],
    second: dict[str, object],
    defaults: dict[str, object],
    timing: dict[str, object],
) -> None:
    base = {"directory": "/a", "experiment": "20261123-1"}
    document = {
        "server": {"url": "http://h"},
        "defaults": defaults,
        "transfer": {key: timing[key] for key in timing if key in Transfer.model_fields},
        "schedule": {key: timing[key] for key in timing if key in Schedule.model_fields},
        "mappings": [{"name": "a", **base, **first}, {"name": "b", **base, **second}],
    }
    config_or_error(yaml.safe_dump(document, allow_unicode=True))


SECTIONS: dict[str, type[Transfer | Schedule]] = {"transfer": Transfer, "schedule": Schedule}


@examples(200)
@given(st.data(), st.sampled_from(sorted(SECTIONS)))
def test_what_is_wrong_in_a_section_is_looked_for_there(data: st.DataObject, section: str) -> None:
    good = ["server: {url: 'http://h'}", "mappings:"]
    good += ["- {name: a, directory: /a, experiment: 20261123-1}"]
    inside = st.sampled_from([*SECTIONS[section].model_fields, "other"])
    content = data.draw(st.dictionaries(inside, values, max_size=3))
    wrong = yaml.safe_dump({section: content}, allow_unicode=True)
    for before, after in (([], good), (good, [])):
        lines = config_or_error("\n".join([*before, wrong.rstrip("\n"), *after]))
        assert all(1 <= line - len(before) <= wrong.count("\n") for line in lines)


@examples(300)
@given(st.text() | st.text("&*[]{}:-?!|>'\"# \n\tab01~<%@`,\x00\x85\ufeff\ud800"))
def test_any_text_gives_a_config_or_a_config_error(text: str) -> None:
    config_or_error(text)


@examples(200)
@given(st.data())
def test_any_slip_of_the_keyboard_gives_a_config_or_a_config_error(data: st.DataObject) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 30, len(text))))
    inserted = data.draw(st.text("[]{}:-&*!'\"#\n \t0a", max_size=4))
    config_or_error(text[:start] + inserted + text[end:])


@examples(100)
@given(st.binary())
def test_any_bytes_give_a_config_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(f"{file}:")):
        load_config(file)
