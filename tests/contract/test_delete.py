"""Deleting files: all that are named, or none."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.wire import Aqueduct, Json


@pytest.fixture(autouse=True)
def files(aqueduct: Aqueduct, folder: str) -> list[str]:
    names = ["a.txt", "b.txt", "µ #7.txt"]
    for name in names:
        aqueduct.put(folder, name, b"x")
    return names


def test_one(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.delete(folder, ["a.txt"]).status_code == 200
    assert aqueduct.names(folder) == ["b.txt", "µ #7.txt"]
    assert aqueduct.download(folder, "a.txt").status_code == 404


def test_all(aqueduct: Aqueduct, folder: str, files: list[str]) -> None:
    assert aqueduct.delete(folder, files).status_code == 200
    assert aqueduct.files(folder) == []


def test_same_name_twice(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.delete(folder, ["a.txt", "a.txt"]).status_code == 200
    assert aqueduct.names(folder) == ["b.txt", "µ #7.txt"]


def test_one_of_them_missing(aqueduct: Aqueduct, folder: str, files: list[str]) -> None:
    response = aqueduct.delete(folder, ["a.txt", "none.txt", "b.txt"])
    assert response.status_code == 409
    assert response.json() == {"detail": "File(s) not found - none.txt"}
    assert aqueduct.names(folder) == files


def test_two_of_them_missing(aqueduct: Aqueduct, folder: str, files: list[str]) -> None:
    response = aqueduct.delete(folder, ["a.txt", "none.txt", "neither.txt"])
    assert response.status_code == 409
    assert response.json()["detail"].startswith("File(s) not found - ")
    assert all(name in response.json()["detail"] for name in ("none.txt", "neither.txt"))
    assert aqueduct.names(folder) == files


def test_deleted_twice(aqueduct: Aqueduct, folder: str) -> None:
    statuses = [aqueduct.delete(folder, ["a.txt"]).status_code for _ in range(2)]
    assert statuses == [200, 409]


def test_no_names(aqueduct: Aqueduct, folder: str, files: list[str]) -> None:
    assert aqueduct.delete(folder, []).status_code == 400
    assert aqueduct.names(folder) == files


def test_in_an_experiment_that_never_had_a_file(aqueduct: Aqueduct) -> None:
    response = aqueduct.delete(aqueduct.create()["uuid"], ["a.txt"])
    assert response.status_code == 400
    assert response.json() == {"detail": "No files were found for this experiment"}


def test_in_an_experiment_whose_files_are_all_gone(
    aqueduct: Aqueduct, folder: str, files: list[str]
) -> None:
    assert aqueduct.delete(folder, files).status_code == 200
    response = aqueduct.delete(folder, ["a.txt"])
    assert response.status_code == 409
    assert response.json() == {"detail": "File(s) not found - a.txt"}


@pytest.mark.parametrize("names", [None, "a.txt", [1], {"a.txt": True}])
def test_what_is_no_list_of_names(aqueduct: Aqueduct, folder: str, names: object) -> None:
    assert aqueduct.delete(folder, names).status_code == 422


@pytest.mark.parametrize("name", ["../a.txt", "a/b", "a:b", "NUL"])
def test_what_is_no_file_name(aqueduct: Aqueduct, folder: str, files: list[str], name: str) -> None:
    assert aqueduct.delete(folder, ["a.txt", name]).status_code == 400
    assert aqueduct.names(folder) == files


def test_of_an_unknown_experiment(aqueduct: Aqueduct) -> None:
    response = aqueduct.delete(str(uuid.uuid4()), ["a.txt"])
    assert response.status_code == 404
    assert response.json() == {"detail": "The specified experiment was not found."}


def test_of_a_malformed_uuid(aqueduct: Aqueduct, experiment: Json) -> None:
    assert aqueduct.delete(experiment["eid"], ["a.txt"]).status_code == 422


def test_file_of_the_same_name_elsewhere_stays(aqueduct: Aqueduct, folder: str) -> None:
    other = aqueduct.create()["uuid"]
    aqueduct.put(other, "a.txt", b"other")
    aqueduct.delete(folder, ["a.txt"])
    assert aqueduct.content(other, "a.txt") == b"other"
