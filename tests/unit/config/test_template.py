"""What ``aqsync init`` writes is valid and says exactly what was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from aqsync.config import Config, MappingDraft, Schedule, parse_config, render_config
from aqsync.errors import ConfigError

HERE = Path("/lab/aqsync.yaml")


def written(text: str) -> Config:
    return parse_config(text, HERE)


def test_it_says_what_was_asked_for() -> None:
    text = render_config(
        "http://lab:8000",
        [
            MappingDraft("fridge-1", "/data/fridge 1", "20261123-1", prefix="no"),
            MappingDraft("runs", "/data/runs", "{eid}", path="{eid}_*/**"),
        ],
        token_file="/secret/token",
        journal="/state/j.db",
        at=HERE,
    )

    config = written(text)
    assert config.server.url == "http://lab:8000"
    assert config.server.token_file == Path("/secret/token")
    assert config.journal == Path("/state/j.db")
    first, second = config.mappings
    assert (first.name, first.directory) == ("fridge-1", Path("/data/fridge 1"))
    assert (first.experiment, first.prefix) == ("20261123-1", "no")
    assert (second.experiment, second.path) == ("{eid}", "{eid}_*/**")
    assert "experiment: 20261123-1\n" in text  # no quotes where none are needed


def test_every_commented_option_works_when_it_is_taken_in() -> None:
    text = render_config("http://h", [MappingDraft("a", "/a", "20261123-1")], at=HERE)

    config = written(re.sub(r"(?m)^( *)# (?= *(?:- )?[a-z_]+:)", r"\1", text))

    assert len(config.transfer.windows) == 2
    assert config.transfer.rate == pytest.approx(20 * 1024**2)
    assert config.schedule == Schedule()
    assert config.server.ca_file == Path("/etc/ssl/certs/lab.pem")
    assert config.mappings[0].tags[0].match == "{qubit}/t1_*.csv"
    assert config.mappings[0].prefix == "fridge-1"
    assert config.mappings[0].include == ("**/*.csv", "**/*.hdf5")
    assert config.mappings[1].path == "{eid}_*/**"


def test_what_makes_no_valid_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^mappings\[0\]\.experiment"):
        render_config("http://h", [MappingDraft("a", "/a", "nonsense")], at=HERE)
    with pytest.raises(ConfigError, match="mappings: "):
        render_config("http://h", [], at=HERE)


@settings(deadline=None)
@example(directory="x", prefix="...")
@example(directory="x", prefix="2026-99-99")
@example(directory="a: b # c", prefix="a:")
@example(directory="x", prefix="1:30")
@example(directory="x", prefix="\x85\ufeff\u2028")
@given(
    directory=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    prefix=st.text(st.characters(codec="utf-8"), min_size=1, max_size=15),
)
def test_any_text_is_quoted_so_that_it_reads_back(directory: str, prefix: str) -> None:
    assume(directory.strip() and prefix.strip())
    assume("/" not in prefix and "\0" not in prefix and prefix not in {".", ".."})
    draft = MappingDraft("a", f"/d/{directory}", "20261123-1", prefix=prefix)

    (mapping,) = written(render_config("http://h", [draft], at=HERE)).mappings

    assert mapping.prefix == prefix
    assert str(mapping.directory) == str(Path(f"/d/{directory}")) or ".." in directory
