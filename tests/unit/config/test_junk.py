"""What is ignored without being told, and that every place that shows the list shows this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig, MappingDraft, load_config, parse_config, render_config
from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.local.rules import Rules

PROJECT = Path(__file__).parents[3]
RULES = Rules(MappingConfig(name="a", directory=Path("/d"), experiment="20261123-1"))


@pytest.mark.parametrize(
    "path",
    [
        *("a.tmp", "a.part", "a.csv.partial", "a.filepart", "run/a.crdownload"),
        *("~$report.xlsx", ".~lock.a.ods#", ".a.csv.swp", "x/.git/config"),
        *(".DS_Store", "x/y/._a.csv", "Thumbs.db", "x/desktop.ini"),
        *(".nfs000000000012", ".fuse_hidden0000001a"),
        *(".a.csv.k3Jd9s", "run/.README.aB12cD", ".a.csv.abcdef"),
    ],
)
def test_junk_is_left_out(path: str) -> None:
    assert RULES.explain(path) is not None


@pytest.mark.parametrize(
    "path",
    [
        *("a.csv", "partial", "a.parts", "swp", "desktop.ini.csv", "nfs.csv", "DS_Store.csv"),
        *(".zarray", ".zgroup", ".zattrs", "run.zarr/.zmetadata", "a.csv.k3Jd9s", ".hidden"),
        *(".a.csv", ".a.h5", ".k3Jd9s", ".a.k3Jd9sX", ".a.k3Jd9", "..k3Jd9s", "_._a"),
    ],
)
def test_what_only_looks_like_junk_is_not(path: str) -> None:
    assert RULES.explain(path) is None


def test_one_list_is_shown_everywhere() -> None:
    example = load_config(PROJECT / "config.example.yaml")
    assert example.mappings[0].ignore == DEFAULT_IGNORE
    at = Path("/lab/aqsync.yaml")
    written = render_config("http://h", [MappingDraft("a", "/a", "20261123-1")], at=at)
    assert parse_config(written, at).mappings[0].ignore == DEFAULT_IGNORE
    reference = (PROJECT / "docs/reference/configuration.md").read_text()
    shown = reference.partition("## What is ignored by default")[2]
    for pattern in DEFAULT_IGNORE:
        assert f"`{pattern.partition('[')[0]}`" in shown
