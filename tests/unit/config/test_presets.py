"""A preset is a few settings under a name; they count where the name stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig, Settings, parse_config
from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.config.presets import as_written, presets, recognised
from aqsync.errors import ConfigError
from aqsync.local.folders import Folders

HERE = Path("/etc/aqsync/config.yaml")
GOOD = """\
server: {url: "http://127.0.0.1:8000"}
{sections}
mappings:
  - name: fridge-1
    directory: /data/fridge-1
    experiment: 20261123-1
"""


def mapping(*lines: str, sections: str = "") -> MappingConfig:
    text = GOOD.replace("{sections}", sections) + "".join(f"    {line}\n" for line in lines)
    return parse_config(text, HERE).mappings[0]


@pytest.mark.parametrize("name", presets())
def test_each_preset_is_valid(name: str) -> None:
    preset = presets()[name]

    Settings.model_validate(preset.settings, context={"folder": Path()})
    assert mapping(f"preset: {name}").preset == name
    assert preset.about.endswith(".")


def test_a_preset_adds_to_what_is_ignored() -> None:
    assert mapping("preset: tdms").ignore == (*DEFAULT_IGNORE, "*.tdms_index")


def test_the_mappings_own_value_counts() -> None:
    assert mapping("preset: tdms", "ignore: []").ignore == ()


def test_a_preset_of_the_mapping_is_nearer_than_the_defaults() -> None:
    chosen = mapping("preset: tdms", sections="defaults: {settle: 9s, ignore: [a]}")

    assert chosen.settle == 9
    assert chosen.ignore == ("a", "*.tdms_index")


def test_a_preset_of_the_defaults_is_further_than_their_own_keys() -> None:
    chosen = mapping(sections="defaults: {preset: tdms, ignore: [a]}")

    assert chosen.ignore == ("a",)
    assert chosen.preset == "tdms"


def test_another_preset_replaces_that_of_the_defaults() -> None:
    chosen = mapping("preset: qcodes", sections="defaults: {preset: tdms}")

    assert "*.tdms_index" not in chosen.ignore
    assert chosen.tags
    assert mapping("preset: null", sections="defaults: {preset: tdms}").ignore == DEFAULT_IGNORE


def test_a_preset_of_ones_own() -> None:
    own = "presets: {our-rig: {settle: 20s, ignore: ['*.raw']}}"

    chosen = mapping("preset: our-rig", sections=own)

    assert chosen.settle == 20
    assert chosen.ignore == (*DEFAULT_IGNORE, "*.raw")


def test_ones_own_preset_may_have_the_name_of_another() -> None:
    assert mapping("preset: tdms", sections="presets: {tdms: {settle: 20s}}").settle == 20


@pytest.mark.parametrize(
    ("sections", "lines", "said"),
    [
        ("", ["preset: qcodse"], ":7: mappings[0].preset: there is no preset 'qcodse'; expected"),
        ("defaults: {preset: x}", [], ":2: defaults.preset: there is no preset 'x'; expected"),
        ("presets: [qcodes]", [], ":2: presets: this is a list; expected a section"),
        ("presets: {ours: {setle: 1s}}", [], "presets.ours.setle: unknown key; did you mean"),
        ("presets: {ours: {preset: x}}", [], "presets.ours.preset: unknown key"),
        ("presets: {ours: 3}", [], "presets.ours: 3 is a number"),
        ("preset: {ours: {}}", [], "preset: unknown key; did you mean presets?"),
    ],
)
def test_a_slip_is_named_with_its_place(sections: str, lines: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mapping(*lines, sections=sections)
    assert said in caught.value.message


def test_what_a_program_wrote_shows_which_it_was() -> None:
    assert recognised(["notes.txt", "run.zarr", "0", "1"]) == ["zarr"]
    assert recognised(["a.tdms", "b.tdms", "a.tdms_index", "x.db"]) == ["tdms", "qcodes"]
    assert recognised(["notes.txt", "Thumbs.db"]) == []


def test_a_preset_without_ignore_leaves_the_default_alone() -> None:
    assert as_written({"settle": "1s"}) == {"settle": "1s"}


@pytest.mark.parametrize(
    ("preset", "path", "folder"),
    [
        (
            "plottr",
            "2026-11-30/2026-11-30T101500_1a2b3c4d-t1/data.ddh5",
            "2026-11-30/2026-11-30T101500_1a2b3c4d-t1",
        ),
        (
            "quantify",
            "20261130/20261130-101500-123-1a2b3c-t1/dataset.hdf5",
            "20261130/20261130-101500-123-1a2b3c-t1",
        ),
        ("qua", "2026-11-30/#7_t1_142233/node.json", "2026-11-30/#7_t1_142233"),
        ("qua", "project/2026-11-30/#7_t1_142233/node.json", "project/2026-11-30/#7_t1_142233"),
        ("qua", "project/notes/2026.txt", None),
        (
            "plottr",
            "ann/q1/2026-11-30/2026-11-30T1_1a-t1/x/a",
            "ann/q1/2026-11-30/2026-11-30T1_1a-t1",
        ),
        ("quantify", "data/20261130/20261130-101500-1/x.json", "data/20261130/20261130-101500-1"),
        ("zarr", "run.zarr/c/0/0", "run.zarr"),
        ("zarr", "2026/11/run.zarr/zarr.json", "2026/11/run.zarr"),
    ],
)
def test_the_folders_of_a_program_are_measurements(
    preset: str, path: str, folder: str | None
) -> None:
    """Wherever they lie below the mapping's directory: never a whole day."""
    measurement = mapping(f"preset: {preset}").measurement
    assert measurement is not None
    assert Folders(measurement).of(path) == folder


@pytest.mark.parametrize(
    ("preset", "ordered"),
    [
        ("zarr", ["run.zarr/a/c/0/0", "run.zarr/a/zarr.json", "run.zarr/zarr.json"]),
        ("zarr", ["r.zarr/a/0.0", "r.zarr/a/.zarray", "r.zarr/.zgroup", "r.zarr/.zmetadata"]),
        ("qua", ["arrays.npz", "data.json", "node.json"]),
        ("plottr", ["data.ddh5", "__complete__.tag"]),
    ],
)
def test_who_sees_the_very_last_file_has_all(preset: str, ordered: list[str]) -> None:
    measurement = mapping(f"preset: {preset}").measurement
    assert measurement is not None
    run = "" if preset == "zarr" else "2026-11-30/#1_t1/"
    turns = [Folders(measurement).turn(run + path) for path in ordered]
    assert turns == sorted(set(turns))
