"""Long lists of files: quick, and as GraphQL has them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aqsync.server.files import listing
from aqsync.server.files.listing import FolderListing, ListingCache
from aqsync.server.files.store import Columns
from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit


def of(folder: Path, cache: ListingCache | None = None) -> FolderListing:
    return FolderListing(folder, "", cache or ListingCache())


def touch(folder: Path, name: str, nanoseconds: int) -> None:
    (folder / name).write_bytes(b"")
    os.utime(folder / name, ns=(nanoseconds, nanoseconds))


@pytest.mark.parametrize(
    "microseconds", [0, 1, 999_999, 1_000_000, 1_795_520_725_826_756, 4_102_444_799_999_999]
)
def test_times_are_those_of_the_files(tmp_path: Path, microseconds: int) -> None:
    touch(tmp_path, "f", microseconds * 1000 + 999)
    columns = of(tmp_path).columns()
    assert columns.names == ["f"]
    (moment,) = columns.times
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert datetime.fromisoformat(moment) == expected
    assert moment.endswith("+00:00")


def test_sorted_by_name(tmp_path: Path) -> None:
    names = ["Z", "a", "a b", "a.b", "ab", "µ", "é"]
    for name in reversed(names):
        touch(tmp_path, name, 0)
    assert of(tmp_path).names() == sorted(names)
    assert of(tmp_path).columns().names == sorted(names)


def test_a_folder_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert of(tmp_path / "gone").names() == []
    assert of(tmp_path / "gone").columns() == Columns([], [])


def test_files_that_vanish_while_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        touch(tmp_path, name, 0)
    monkeypatch.setattr(listing, "_read_names", lambda _: ["a", "b", "gone"])
    columns = of(tmp_path).columns()
    assert columns.names == ["a", "b"]
    assert len(columns.times) == 2


@pytest.fixture
def long(tmp_path: Path) -> Path:
    for number in range(1_000):
        touch(tmp_path, f"{number:04}", number)
    return tmp_path


@pytest.fixture
def all_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_SURELY_PAST", 0)


@pytest.mark.usefixtures("all_past")
def test_a_long_list_is_kept_until_its_folder_changes(long: Path) -> None:
    cache = ListingCache()
    first = of(long, cache).columns()
    assert of(long, cache).columns() is first

    touch(long, "new", 5_000_000_000)
    added = of(long, cache).columns()
    assert added.names == [*first.names, "new"]

    touch(long, "passing", 6_000_000_000)
    (long / "passing").replace(long / "new")
    replaced = of(long, cache).columns()
    assert replaced.names == added.names
    assert replaced.times[-1].startswith("1970-01-01T00:00:06")

    (long / "new").unlink()
    assert of(long, cache).columns() == first


def test_a_list_that_just_changed_is_not_kept(long: Path) -> None:
    # A change within the same tick of the clock would not show.
    cache = ListingCache()
    assert of(long, cache).columns() is not of(long, cache).columns()


@pytest.mark.usefixtures("all_past")
def test_lists_are_kept_within_bounds(tmp_path: Path) -> None:
    cache = ListingCache(most_files=2_500)
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        for number in range(1_000):
            touch(folder, f"{number:04}", 0)
    a, b, c = (of(folder, cache) for folder in folders)
    kept_a, kept_b = a.columns(), b.columns()
    assert a.columns() is kept_a
    kept_c = c.columns()
    # The one that was not asked for the longest had to go.
    assert a.columns() is kept_a
    assert c.columns() is kept_c
    assert b.columns() is not kept_b
    assert b.columns() == kept_b


SELECTIONS = {
    "name": ["name"],
    "modifiedAt": ["modifiedAt"],
    "path": ["path"],
    "__typename": ["__typename"],
    "name path modifiedAt": ["name", "path", "modifiedAt"],
    "modifiedAt name": ["modifiedAt", "name"],
    "a: name b: name c: modifiedAt d: modifiedAt": ["a", "b", "c", "d"],
    "name: path path: name": ["name", "path"],
    "...F name": ["__typename", "m", "name"],
    "... on ExperimentFile {name} path": ["name", "path"],
    "name @skip(if: true) path": ["path"],
    "name @include(if: $no) path @include(if: $yes)": ["path"],
    "name @skip(if: true)": [],
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_every_way_of_asking(visit: Visit, selection: str) -> None:
    uuid = visit.create()["uuid"]
    for name in ("b", "a"):
        visit.put(uuid, name, name.encode())
    fragment = " fragment F on ExperimentFile {__typename m: modifiedAt}"
    declared = "$yes: Boolean = true, $no: Boolean = false" if "$" in selection else ""
    query = (
        f"query({declared or '$unused: Int = 1'}) {{experiment(experimentIdentifier:"
        f' {{type: UUID, value: "{uuid}"}}) {{x: files {{{selection}}} tags}}}}'
    )
    if not declared:
        query = query.replace("query($unused: Int = 1) ", "")
    answer = visit.ask(query + (fragment if "...F" in selection else ""))
    assert answer["tags"] == []
    assert [list(file) for file in answer["x"]] == [SELECTIONS[selection]] * 2

    whole = {file["name"]: file for file in visit.files(uuid)}
    sources = {"a": "name", "b": "name", "c": "modifiedAt", "d": "modifiedAt", "m": "modifiedAt"}
    swapped = selection == "name: path path: name"
    for name, file in zip(("a", "b"), answer["x"], strict=True):
        for key, value in file.items():
            source = sources.get(key, key)
            if swapped:
                source = {"name": "path", "path": "name"}[key]
            expected = {**whole[name], "__typename": "ExperimentFile"}[source]
            assert value == expected


def test_what_a_list_says_of_a_file(embedded_server: EmbeddedServer, visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    before = datetime.now(UTC)
    visit.put(uuid, "µ #1.csv", b"content")
    after = datetime.now(UTC)
    (file,) = visit.files(uuid)
    moment = datetime.fromisoformat(file.pop("modifiedAt"))
    assert before - timedelta(microseconds=1) <= moment <= after
    assert file == {"name": "µ #1.csv", "path": f"/api/files/{uuid}"}
    kept = embedded_server.data / "experiments" / uuid / "µ #1.csv"
    assert moment.timestamp() == pytest.approx(kept.stat().st_mtime, abs=1e-5)


def test_a_field_that_files_do_not_have(visit: Visit) -> None:
    uuid = visit.create()["uuid"]
    answer = visit.graphql(
        f'{{experiment(experimentIdentifier: {{type: UUID, value: "{uuid}"}}) {{files {{size}}}}}}'
    )
    assert answer["data"] is None
    assert "size" in answer["errors"][0]["message"]


def test_twenty_thousand_files_in_many_aliases(
    embedded_server: EmbeddedServer, visit: Visit
) -> None:
    uuid = visit.create()["uuid"]
    folder = embedded_server.data / "experiments" / uuid
    names = [f"file-{number:06}.csv" for number in range(2_000)]
    for name in names:
        (folder / name).touch()
    alias = f'experiment(experimentIdentifier: {{type: UUID, value: "{uuid}"}}) {{files {{name}}}}'
    query = " ".join(f"a{number}: {alias}" for number in range(10))
    answer = visit.graphql(f"{{{query}}}")
    assert len(answer["data"]) == 10
    for experiment in answer["data"].values():
        assert [file["name"] for file in experiment["files"]] == names
