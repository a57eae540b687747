"""Whatever stands in the file: a configuration, or a ConfigError; never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aqsync.config import (
    Config,
    Mapping,
    Schedule,
    ServerConfig,
    Transfer,
    load_config,
    parse_config,
)
from aqsync.errors import ConfigError

HERE = Path("/etc/aqsync/config.yaml")
EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def config_or_error(text: str) -> None:
    try:
        config = parse_config(text, HERE)
    except ConfigError as error:
        error.message.encode()  # it can be printed everywhere
    else:
        assert isinstance(config, Config)


sections = ("server", "journal", "defaults", "mappings", "match", "add", "on", "1", "x")
models = (Mapping, ServerConfig, Transfer, Schedule)
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


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, values, max_size=5))
def test_any_structure_gives_a_config_or_a_config_error(document: dict[str, object]) -> None:
    config_or_error(yaml.safe_dump(document, allow_unicode=True))


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text("&*[]{}:-?!|>'\"# \n\tab01~<%@`,\x00\x85\ufeff\ud800"))
def test_any_text_gives_a_config_or_a_config_error(text: str) -> None:
    config_or_error(text)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_slip_of_the_keyboard_gives_a_config_or_a_config_error(data: st.DataObject) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 30, len(text))))
    inserted = data.draw(st.text("[]{}:-&*!'\"#\n \t0a", max_size=4))
    config_or_error(text[:start] + inserted + text[end:])


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_give_a_config_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(file)
