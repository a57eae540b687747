"""Manifests: what is read, what is refused, what is told of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import yaml

from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.manifest import MAX_BYTES, ManifestBroken, read_extension
from aqsync.server.extensions.values import (
    MAX_VARIABLE_BYTES,
    DataType,
    check_keys,
    check_variable,
    normalised,
)
from aqsync.server.extensions.variables import ServerAccess
from tests.support.extensions import EXPERIMENT, parameter, write_extension


def broken(folder: Path) -> str:
    with pytest.raises(ManifestBroken) as caught:
        read_extension(folder)
    return str(caught.value)


def test_defaults_are_text_as_a_script_gets_it(tmp_path: Path) -> None:
    given = {
        "str": 1,
        "textarea": "",
        "int": 0,
        "float": 0.25,
        "bool": False,
        "file": "data.csv",
        "experiment": "20261123-1",
    }
    parameters = [parameter(kind, kind, default_value=value) for kind, value in given.items()]
    parameters.append(parameter("select", "select", options=["a", "b"], default_value="b"))
    parameters.append(parameter("none", "int"))
    [action] = read_extension(
        write_extension(tmp_path / "e", {"a": ":"}, parameters=parameters)
    ).actions
    assert [one.default_value for one in action.parameters[1:]] == [
        *("1", "", "0", "0.25", "0", "data.csv", "20261123-1", "b", None)
    ]


def test_the_first_experiment_is_the_default_one(tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "e", {"a": ":"}, parameters=[parameter("x", "experiment")])
    assert read_extension(folder).actions[0].experiment_variable == "experiment"


def test_constants_are_text(tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "e", {}, constants={"number": 1, "flag": True, "t": "x"})
    assert read_extension(folder).constants == {"number": "1", "flag": "True", "t": "x"}
    assert read_extension(write_extension(tmp_path / "f", {}, constants=None)).constants == {}


def test_what_else_a_manifest_says_is_ignored(tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "e", {"a": ":"}, version=3)
    with (folder / "manifest.yml").open("a") as manifest:
        manifest.write("folder: /etc\n")
    assert read_extension(folder).folder == folder


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"name": 3}, "name: Input should be a valid string"),
        ({"authors": None}, "authors: Input should be a valid string"),
        ({"actions": None}, "actions: Input should be a valid list"),
        ({"actions": [{"name": "a"}]}, "actions.0.script: Field required"),
        ({"parameters": [{"name": "x"}]}, "actions.0.parameters.1.description: Field required"),
        ({"parameters": [parameter("x", "color")]}, "data_type: Input should be 'str'"),
        ({"parameters": [parameter("x=y", "str")]}, "name: no environment variable can have"),
        ({"parameters": [parameter("", "str")]}, "name: no environment variable can have"),
        ({"parameters": [parameter("x", "int", default_value="y")]}, "y is not int."),
        ({"parameters": [parameter("x", "bool", default_value=2)]}, "2 is not a valid bool."),
        ({"parameters": [parameter("x", "select", options=[1])]}, "options.0: Input should be"),
        (
            {"parameters": [parameter("x", "select", options=["a"], default_value="b")]},
            "default_value: b is not in ['a'].",
        ),
        ({"constants": {"a=b": 1}}, "constants.a=b.[key]: no environment variable can have"),
        ({"constants": ["a"]}, "constants: Input should be a valid dictionary"),
        ({"constants": {"a": "\0"}}, "constants.a: it has a NUL character"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: dict[str, object], reason: str) -> None:
    assert reason in broken(write_extension(tmp_path / "e", {"a": ":"}, **changed))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"name: [",
        b"\xff\xfe\x00",
        b"a: &a [*a]",
        b"name: !!python/object/apply:os.system [true]",
        b'name: "\\ud800"\nauthors: x\nactions: []',
        b"name: 2026-13-45",
        b"? [a, b]\n: c",
        b"[" * 5000,
    ],
)
def test_what_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.yml").write_bytes(content)
    reason = broken(tmp_path)
    assert reason
    assert "\n" not in reason


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGED = "b0: &b0 {x: y}\n" + "".join(
    f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "with aliases written out"),
        (MERGED, "with aliases written out"),
        ("a: &a\n  b: *a\n", "with aliases written out"),
        (f"# {'x' * MAX_BYTES}", "more than"),
    ],
)
def test_a_manifest_that_fills_the_memory(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "manifest.yml").write_text(content)
    assert reason in broken(tmp_path)


def test_a_manifest_that_never_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.yml")
    assert broken(tmp_path) == "it is not a regular file"


def test_aliases_are_welcome(tmp_path: Path) -> None:
    folder = write_extension(tmp_path / "e", {"a": ":"})
    text = (folder / "manifest.yml").read_text()
    (folder / "manifest.yml").write_text(f"x: &x {{a: b}}\ny: {{<<: *x}}\n{text}")
    assert read_extension(folder).action("a").script == ":"


@pytest.mark.parametrize(
    ("named", "gets_it"),
    [
        ("http://127.0.0.1:8000/", True),
        ("http://localhost:8000", True),
        ("https://lab.example/", True),
        ("http://lab.example:8000/", True),
        ("http://lab.example:8888/", False),
        ("http://localhost:8001/", False),
        ("http://10.0.0.1:8000/", False),
        ("https://lab.example.evil.example/", False),
        ("https://127.0.0.1:8000@evil.example/", False),
        ("http://[::", False),
        ("http://localhost:x/", False),
    ],
)
def test_the_token_is_for_this_server_only(named: str, gets_it: bool) -> None:  # noqa: FBT001 - a table
    access = ServerAccess("http://127.0.0.1:8000/", frozenset({"lab.example"}))
    assert access.is_here(named) is gets_it


def test_a_library_is_read_from_disk_at_each_query(tmp_path: Path) -> None:
    library = ExtensionLibrary(tmp_path)
    assert library.all() == []
    write_extension(tmp_path / "second", {"a": ":"})
    write_extension(tmp_path / "first", {"a": ":"})
    (tmp_path / "a file").write_text("")
    (tmp_path / "an empty folder").mkdir()
    assert [one.name for one in library.all()] == ["first", "second"]
    write_extension(tmp_path / "first", {"another name": ":"}, name="third")
    assert [one.name for one in library.all()] == ["second", "third"]
    assert library.find("third").action("another name").script == ":"
    (tmp_path / "second" / "manifest.yml").unlink()
    assert [one.name for one in library.all()] == ["third"]


def test_an_unchanged_manifest_is_not_read_again(tmp_path: Path) -> None:
    write_extension(tmp_path / "e", {})
    library = ExtensionLibrary(tmp_path)
    [before], [after] = library.all(), library.all()
    assert before is after


def test_names_that_are_not_unique_cannot_be_called(tmp_path: Path) -> None:
    write_extension(tmp_path / "one", {}, name="same")
    write_extension(tmp_path / "two", {}, name="same")
    library = ExtensionLibrary(tmp_path)
    assert [one.name for one in library.all()] == ["same", "same"]
    with pytest.raises(OperationRefused, match="exactly 1 extension with name same"):
        library.find("same")
    with pytest.raises(OperationRefused, match=r"exactly 1 extension with name \.\./one"):
        library.find("../one")
    manifest = {"name": "e", "authors": "x", "actions": [{"name": "a", "script": "", **PARTS}] * 2}
    (tmp_path / "one" / "manifest.yml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(OperationRefused, match="exactly 1 action with name a"):
        library.find("e").action("a")


PARTS: dict[str, object] = {"parameters": [EXPERIMENT]}


def test_a_broken_manifest_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_extension(tmp_path / "good", {})
    write_extension(tmp_path / "bad", {}, authors=1)
    library = ExtensionLibrary(tmp_path)
    for _ in range(3):
        assert [one.name for one in library.all()] == ["good"]
    [told] = caplog.messages
    assert str(tmp_path / "bad") in told
    assert "authors: Input should be a valid string" in told
    write_extension(tmp_path / "bad", {}, authors=[])
    library.all()
    assert len(caplog.messages) == 2
    write_extension(tmp_path / "bad", {})
    assert [one.name for one in library.all()] == ["bad", "good"]
    assert len(caplog.messages) == 2


def test_a_manifest_that_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "e" / "manifest.yml").mkdir(parents=True)
    (tmp_path / "loop").symlink_to("loop")
    assert ExtensionLibrary(tmp_path).all() == []
    assert any("Is a directory" in message for message in caplog.messages)


def test_a_directory_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "extensions"
    write_extension(folder / "e", {})
    library = ExtensionLibrary(folder)
    assert len(library.all()) == 1
    folder.rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING):
        assert library.all() == library.all() == []
    assert len(caplog.messages) == 1
    (tmp_path / "elsewhere").rename(folder)
    assert len(library.all()) == 1


def test_without_a_directory_there_are_none() -> None:
    assert ExtensionLibrary(None).all() == []


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (DataType.INT, "-007", "-007"),
        (DataType.FLOAT, "-1.4e-04", "-1.4e-04"),
        (DataType.FLOAT, "nan", "nan"),
        (DataType.BOOL, "tRuE", "1"),
        (DataType.BOOL, "False", "0"),
        (DataType.STR, "\n", "\n"),
        (DataType.EXPERIMENT, "20240229-5689864ffd94", "20240229-5689864ffd94"),
        (DataType.FILE, "a b.csv", "a b.csv"),
    ],
)
def test_a_value_as_a_script_gets_it(kind: DataType, given: str, expected: str) -> None:
    assert normalised(kind, given) == expected


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (DataType.INT, "1" * 5000),
        (DataType.INT, "1.0"),
        (DataType.FLOAT, "1,5"),
        (DataType.BOOL, "yes"),
        (DataType.EXPERIMENT, "-"),
        (DataType.EXPERIMENT, "20261123-"),
        (DataType.EXPERIMENT, "-1"),
        (DataType.EXPERIMENT, "20261123-1/.."),
        (DataType.FILE, "../x"),
        (DataType.SELECT, "x"),
    ],
)
def test_what_is_no_value(kind: DataType, given: str) -> None:
    with pytest.raises(OperationRefused):
        normalised(kind, given)


def test_variables_have_limits() -> None:
    check_variable("name", "x" * (MAX_VARIABLE_BYTES - len("name=")))
    with pytest.raises(OperationRefused, match="longer than"):
        check_variable("name", "x" * (MAX_VARIABLE_BYTES - len("name=") + 1))
    with pytest.raises(OperationRefused, match="NUL"):
        check_variable("name", "a\0b")


def test_keys_are_told_in_order() -> None:
    with pytest.raises(OperationRefused) as caught:
        check_keys(["b", "a", "c"], ["c", "z", "y"])
    assert str(caught.value) == (
        "Parameters error: keys don't match expected set."
        " Missing keys: {'a', 'b'}; Unexpected keys: {'y', 'z'}"
    )
