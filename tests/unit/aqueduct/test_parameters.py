"""Which values an action takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aqsync.aqueduct.extension_data import ExtensionParameterData
from aqsync.aqueduct.parameters import wire_values
from aqsync.errors import BadParameters, RemoteOperationError

PLAIN = ExtensionParameterData("x", None, None, "str", None, None)


def of_type(data_type: str) -> ExtensionParameterData:
    options = ["fast", "1"] if data_type == "select" else None
    return replace(PLAIN, dataType=data_type, options=options)


@pytest.mark.parametrize(
    ("data_type", "value", "text"),
    [
        ("int", 7, "7"),
        ("int", "-7", "-7"),
        ("float", 0.31415e1, "3.1415"),
        ("float", 2, "2"),
        ("float", "1e-9", "1e-9"),
        ("float", "nan", "nan"),
        ("bool", True, "True"),
        ("bool", False, "False"),
        ("bool", 1, "1"),
        ("bool", "false", "false"),
        ("select", "fast", "fast"),
        ("select", 1, "1"),
        ("experiment", "20261123-1", "20261123-1"),
        ("file", "a b.csv", "a b.csv"),
        ("file", Path("a.csv"), "a.csv"),
        ("str", "", ""),
        ("str", 7, "7"),
        ("textarea", "a\nb", "a\nb"),
        ("a type to come", "anything", "anything"),
    ],
)
def test_what_fits_goes_as_text(data_type: str, value: object, text: str) -> None:
    assert wire_values([of_type(data_type)], {"x": value}, "plot") == [("x", text)]


@pytest.mark.parametrize(
    ("data_type", "value", "said"),
    [
        ("int", 1.5, "'x' is not an int: 1.5"),
        ("int", True, "'x' is not an int: True"),
        ("int", "", "'x' is not an int: ''"),
        ("float", "one", "'x' is not a float: 'one'"),
        ("bool", 2, "'x' is not a bool: 2"),
        ("bool", "yes", "'x' is not a bool: 'yes'"),
        ("select", "slow", "'x' is not one of 'fast', '1': 'slow'"),
        ("experiment", "00000000-0000-4000-8000-000000000001", "'x' is not the EID of an exp"),
        ("experiment", "", "'x' is not the EID"),
        ("str", "a\0b", "'x' is holding a NUL character"),
        ("str", b"a", "'x' is bytes, not text: b'a'"),
        ("str", None, "'x' is missing"),
    ],
)
def test_what_does_not_fit_is_told(data_type: str, value: object, said: str) -> None:
    with pytest.raises(BadParameters) as caught:
        wire_values([of_type(data_type)], {"x": value}, "plot")
    assert said in caught.value.message
    assert "'plot'" in caught.value.message


def test_a_select_without_options_takes_nothing() -> None:
    with pytest.raises(BadParameters, match="'x' is not one of nothing: 'a'"):
        wire_values([replace(PLAIN, dataType="select")], {"x": "a"}, "plot")


def test_what_is_left_out_gets_its_default() -> None:
    manifest = [replace(PLAIN, name="n", dataType="int", defaultValue="4"), PLAIN]
    assert wire_values(manifest, {"x": "a"}, "plot") == [("n", "4"), ("x", "a")]
    assert wire_values(manifest, {"x": "a", "n": 5}, "plot") == [("n", "5"), ("x", "a")]


def test_a_default_that_does_not_fit_is_told_too() -> None:
    manifest = [replace(PLAIN, name="n", dataType="int", defaultValue="many")]
    with pytest.raises(BadParameters, match="'n' is not an int: 'many'"):
        wire_values(manifest, {}, "plot")


def test_all_that_is_wrong_is_told_at_once() -> None:
    manifest = [PLAIN, replace(PLAIN, name="n", dataType="int"), replace(PLAIN, name="m")]
    with pytest.raises(BadParameters) as caught:
        wire_values(manifest, {"n": "many", "m": "", "y": 1}, "plot")
    assert caught.value.message.endswith(
        ": 'y' is unexpected; 'x' is missing; 'n' is not an int: 'many'"
    )
    assert caught.value.hint == "it takes 'x', 'n', 'm'"
    with pytest.raises(BadParameters) as caught:
        wire_values([], {"y": 1}, "plot")
    assert caught.value.hint == "it takes no parameters"


def test_it_is_what_scripts_for_the_old_client_catch() -> None:
    with pytest.raises(RemoteOperationError):
        wire_values([PLAIN], {}, "plot")
