"""The list of an experiment's files."""

from __future__ import annotations

import time
from datetime import timedelta

from tests.contract.wire import Aqueduct, instant

CLOCK_TICK = 0.02
"""Seconds within which a file system may give two files the same time."""

COARSE_CLOCK = timedelta(seconds=1)
"""A file system may stamp its files with a coarser clock than the server has."""


def test_no_files(aqueduct: Aqueduct, folder: str) -> None:
    assert aqueduct.files(folder) == []


def test_name_and_path(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "a b.txt", b"a")
    [file] = aqueduct.files(folder)
    assert (file["name"], file["path"]) == ("a b.txt", f"/api/files/{folder}")


def test_all_files(aqueduct: Aqueduct, folder: str) -> None:
    names = sorted(f"{number:02}.csv" for number in range(40))
    for name in names:
        aqueduct.put(folder, name, name.encode())
    assert aqueduct.names(folder) == names


def test_time_is_the_servers_at_the_end_of_the_upload(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "a.txt", b"a")
    [first] = aqueduct.files(folder)
    time.sleep(CLOCK_TICK)
    before = instant(aqueduct.create()["createdAt"])
    aqueduct.put(folder, "a.txt", b"a")
    after = instant(aqueduct.create()["createdAt"])
    [second] = aqueduct.files(folder)
    replaced = instant(second["modifiedAt"])
    assert before - COARSE_CLOCK <= replaced <= after + COARSE_CLOCK
    assert replaced > instant(first["modifiedAt"])


def test_reading_moves_no_time(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "a.txt", b"a")
    before = aqueduct.files(folder)
    aqueduct.content(folder, "a.txt")
    assert aqueduct.files(folder) == before


def test_through_the_list_of_experiments(aqueduct: Aqueduct, folder: str) -> None:
    aqueduct.put(folder, "a.txt", b"a")
    found = aqueduct.ask(
        """query($title: String!) {
          experiments(offset: 0, limit: 1, filters: {title: $title}) {
            experimentsData { files { name path modifiedAt } }
          }
        }""",
        title=aqueduct.mark,
    )
    assert found["experiments"]["experimentsData"] == [{"files": aqueduct.files(folder)}]
