"""The section ``metadata``: what is right in it, and what is said of what is wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aqsync.config.metadata import Metadata, MetadataFormat


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("node.json", MetadataFormat.JSON),
        ("in/Settings.YML", MetadataFormat.YAML),
        ("dataset*.hdf5", MetadataFormat.HDF5),
        ("data.nc", MetadataFormat.HDF5),
        ("experiments.db", MetadataFormat.QCODES),
    ],
)
def test_the_end_of_a_name_tells_the_format(name: str, form: MetadataFormat) -> None:
    assert Metadata.model_validate({"from": name, "title": "$"}).reads is form


def test_a_format_that_is_named_counts() -> None:
    section = {"from": "settings.txt", "format": "yaml", "title": "$"}
    assert Metadata.model_validate(section).reads is MetadataFormat.YAML


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"title": "$.a"}, "no from says which file is read"),
        ({"from": "node.json"}, "it reads nothing"),
        ({"from": "notes.txt", "title": "$"}, "does not tell its format"),
        ({"from": "../node.json", "title": "$"}, "names no file below the folder"),
        ({"from": "/node.json", "title": "$"}, "names no file below the folder"),
        ({"from": "*/node.json", "title": "$"}, "a wildcard before its last part"),
        ({"from": "node.json", "title": "metadata.name"}, "does not begin with $"),
        ({"from": "node.json", "title": "$.["}, "is no JSONPath"),
        ({"from": "node.json", "title": "$" + "[?(" * 60}, "is no JSONPath"),
        ({"from": "node.json", "tags": {"q": "$.a["}}, "is no JSONPath"),
        ({"from": "node.json", "format": "tuid", "title": "$"}, "from has no meaning"),
        ({"from": "node.json", "heading": "$"}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(section: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Metadata.model_validate(section)
    assert said in str(caught.value)
