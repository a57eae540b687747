"""Names become the tree that they were, and nothing leads out of it or is lost."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.layout.manifest import (
    Entry,
    Header,
    ManifestFile,
    ManifestFolder,
    Source,
    manifest_name,
    placed,
)
from aqsync.layout.names import remote_name
from aqsync.layout.other_systems import spelled_otherwise
from aqsync.layout.tree import Clash, Tree, tree_of
from tests.support.examples import examples

NOW, BEFORE = "2026-11-30T12:00:00+00:00", "2026-11-30T11:00:00+00:00"


def line(path: str, prefix: str | None = None, **changes: object) -> ManifestFile:
    known: dict[str, object] = {
        "name": remote_name(path, prefix),
        "size": 3,
        "sha256": "a" * 64,
        "mtime_ns": 1,
        "sent_at": NOW,
        "modified_at": NOW,
        "source": 0,
    }
    return ManifestFile.model_validate(known | placed(path) | changes)


def folder(path: str) -> ManifestFolder:
    return ManifestFolder.model_validate(placed(path) | {"source": 0, "folder": True})


def manifest(
    *entries: Entry, prefix: str | None = None, host: str = "pc", written_at: str = NOW
) -> tuple[Header, Iterator[Entry]]:
    source = Source(mapping="m", directory="/data", prefix=prefix)
    header = Header(host=host, experiment="e", eid="1", written_at=written_at, sources=(source,))
    return header, iter(entries)


def listed(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, NOW)


def paths(tree: Tree) -> dict[str, str]:
    return tree.paths


def test_names_of_which_nothing_is_known_stay_as_they_are() -> None:
    assert paths(tree_of(listed("a~b", "c=41"))) == {"a~b": "a~b", "c=41": "c=41"}


def test_names_are_decoded_where_that_is_asked() -> None:
    names = remote_name("a/b"), "c=41", remote_name("x" * 300), "..~up", "a=00", "~etc"
    assert paths(tree_of(listed(*names), decode=True)) == {
        "a/b": "a~b",
        **{name: name for name in names[1:]},
    }


def test_what_a_manifest_knows_stands_in_folders() -> None:
    long = "deep/" + "x" * 300
    tree = tree_of(
        listed("other~1", *map(remote_name, ["a/b", long]), manifest_name("pc", "0" * 12)),
        [manifest(line("a/b"), line(long), folder("empty"), folder("a"))],
    )
    assert set(paths(tree)) == {"other~1", "a/b", long}
    assert tree.folders == ("empty",)


def test_one_prefix_is_left_away_and_several_are_folders() -> None:
    one = manifest(line("a", "p"), folder("e"), prefix="p")
    assert paths(tree_of(listed("p~a", "x"), [one])) == {"a": "p~a", "x": "x"}

    def both() -> list[tuple[Header, Iterator[Entry]]]:
        return [
            manifest(line("a", "p"), folder("e"), prefix="p"),
            manifest(line("a", "q"), folder("f"), prefix="q", host="pc-2"),
        ]

    tree = tree_of(listed("p~a", "q~a"), both())
    assert paths(tree) == {"p/a": "p~a", "q/a": "q~a"}
    assert tree.folders == ("p/e", "q/f")
    assert tree.prefixes == ("p", "q")
    chosen = tree_of(listed("p~a", "q~a", "x"), both(), prefix="q")
    assert (paths(chosen), chosen.folders) == ({"a": "q~a"}, ("f",))
    decoded = tree_of(listed("p~a", "q~new", "q~a"), both(), prefix="q", decode=True)
    assert paths(decoded) == {"a": "q~a", "new": "q~new"}


def test_empty_folders_alone_have_their_prefix_left_away() -> None:
    tree = tree_of({}, [manifest(folder("a/b"), folder("a"), prefix="p")])
    assert tree.folders == ("a", "a/b")


def test_a_line_that_fits_the_listed_time_counts() -> None:
    old, new = line("a", modified_at=BEFORE, sha256="0" * 64), line("a", sha256="1" * 64)
    for order in ([old, new], [new, old]):
        [file] = tree_of(listed("a"), [manifest(each) for each in order]).files
        assert file.told is not None
        assert file.told.sha256 == "1" * 64
    [file] = tree_of(listed("a"), [manifest(old)]).files
    assert (file.path, file.told) == ("a", None)


def test_forged_lines_are_passed_over() -> None:
    lines = line("b", name="a~b"), line("x", name="../x")
    assert paths(tree_of(listed("a~b"), [manifest(*lines)])) == {"a~b": "a~b"}


@pytest.mark.parametrize("prefix", ["..", "../..", "/etc", "a/..", "a//b", "\0", "."])
def test_no_prefix_leads_out_of_the_tree(prefix: str) -> None:
    name = remote_name("passwd", prefix)
    forged = manifest(line("passwd", prefix), folder("f"), prefix=prefix)
    tree = tree_of(listed(name, "b~a"), [forged, manifest(line("a", "b"), prefix="b")])
    assert set(paths(tree)) == {name, "a"}
    assert tree.folders == ()


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "/etc/passwd", "a\0b"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    tree = tree_of(listed(name, "good"))
    assert (paths(tree), tree.refused) == ({"good": "good"}, (name,))


def test_of_two_at_one_path_the_later_keeps_it_and_none_is_lost() -> None:
    tree = tree_of(
        {"p~a": NOW, "p~b": BEFORE, "a": BEFORE, "p=7Ea": NOW, "p~p~a": NOW},
        [manifest(line("a", "p"), line("b", "p"), line("p/a", "p"), prefix="p")],
    )
    assert paths(tree) == {
        "a": "a",  # it has no other name
        "p~a": "p~a",
        "b": "p~b",
        "p=7Ea": "p=7Ea",
        "p/a": "p~p~a",
    }
    assert tree.clashes == (Clash("a", "a", "p~a"),)


def test_a_file_where_another_needs_a_folder_gives_way() -> None:
    known = [line("a", "p"), line("a/b", "p"), line("c/d", "p"), line("c/e", "p")]
    tree = tree_of(listed("c", *(each.name for each in known)), [manifest(*known, prefix="p")])
    assert paths(tree) == {
        "p~a": "p~a",
        "a/b": "p~a~b",
        "c": "c",
        "p~c~d": "p~c~d",
        "p~c~e": "p~c~e",
    }
    assert Clash("a", "p~a~b", "p~a") in tree.clashes


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_the_newest_manifest_has_and_the_server_does_not_list_is_missing(
    *, newest_first: bool
) -> None:
    old = manifest(line("old"), folder("before"), written_at=BEFORE)
    new = manifest(line("gone"), line("here"), folder("now"))
    tree = tree_of(listed("here"), [new, old] if newest_first else [old, new])
    assert [file.name for file in tree.missing] == ["gone"]
    assert tree.folders == ("now",)


_names = st.lists(
    st.text("ab/~=.7E", min_size=1, max_size=8).filter(
        lambda path: {"", ".", ".."}.isdisjoint(path.split("/"))
    ),
    max_size=12,
)


@given(known=_names, flat=_names, prefix=st.sampled_from([None, "a", "b"]), decode=st.booleans())
@examples(60)
def test_every_listed_name_has_one_place(
    *, known: list[str], flat: list[str], prefix: str | None, decode: bool
) -> None:
    lines = [line(path, prefix) for path in known]
    names = listed(*(each.name for each in lines), *(path.replace("/", "~") for path in flat))
    tree = tree_of(names, [manifest(*lines, prefix=prefix)], decode=decode)
    assert sorted([*tree.paths.values(), *tree.refused]) == sorted(names)
    folders = {path[:at] for path in tree.paths for at in range(len(path)) if path[at] == "/"}
    assert folders.isdisjoint(tree.paths)
    assert all(os.path.normpath(path) == path for path in tree.paths)


_DEEP = "/".join(["d"] * 30_000)


def test_deep_paths_take_no_memory_that_grows_with_the_square_of_their_depth() -> None:
    """All folders of such a path would be 900 MB."""
    file = line(f"{_DEEP}/file")
    told = manifest(file, folder(f"{_DEEP}/empty"), folder(_DEEP), folder(f"{_DEEP}/file/below"))
    tracemalloc.start()
    tree = tree_of(listed(file.name), [told])
    spelled_otherwise(tree.paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tree.paths == {f"{_DEEP}/file": file.name}
    assert tree.folders == (f"{_DEEP}/empty",)
    assert peak < 100 << 20


def test_of_too_many_folders_some_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.layout.tree.MOST_KEPT", 2500)
    tree = tree_of({}, [manifest(folder("a"), folder("b"), folder("c"))])
    assert tree.folders == ("a", "b")
    assert tree.passed_over == 1
